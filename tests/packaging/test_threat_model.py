"""docs/threat_model.md names a test for every threat, and the tests that it names exist."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def _threats() -> list[tuple[str, str]]:
    text = (ROOT / "docs" / "threat_model.md").read_text("utf-8")
    table = text.split("## Threats", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    return [(cells[0], cells[-1]) for cells in lines[2:]]


@cache
def _tests_of(name: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / name).read_text("utf-8"))
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@pytest.mark.parametrize(("threat", "covered"), _threats())
def test_a_threat_names_tests_that_exist(threat: str, covered: str) -> None:
    named = _NAMED.findall(covered)
    assert named, threat
    assert _NAMED.sub("", covered).strip(", ") == "", "nothing but tests"
    for name, test in named:
        assert test in _tests_of(name), f"{name}::{test}"


def test_there_are_threats() -> None:
    assert len(_threats()) > 20


def test_dependencies_are_audited(tmp_path: Path) -> None:
    """CI asks; where nothing is to be had it says that nothing was done, and does not fail."""
    assert ".ci/audit" in (ROOT / ".ci" / "run").read_text("utf-8")
    audit = ROOT / ".ci" / "audit"
    assert audit.stat().st_mode & 0o111
    done = subprocess.run(
        [sys.executable, audit],
        env={**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path),
             "PYTHONPATH": str(_without_pip_audit(tmp_path))},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "audit: not done, " in done.stderr


def _without_pip_audit(folder: Path) -> Path:
    """A stand-in for a machine where pip-audit is there and its data is not."""
    package = folder / "pip_audit"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("raise SystemExit('no way out')\n")
    return folder
