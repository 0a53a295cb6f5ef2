"""The README says what the product does: every setting, command, exit code and file it names."""

from __future__ import annotations

import argparse
import re
import subprocess

import pytest

from exporter.options import OPTION_HELP
from server.cli import make_parser
from server.cli_codes import EXIT_HELP
from server.settings import SETTINGS, Setting
from tests.servers import ROOT

README = (ROOT / "README.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in README.splitlines()
    if line.startswith("|")
]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: str(one.name))
def test_every_setting_stands_in_the_table(setting: Setting) -> None:
    flag = f"`{setting.flag} {setting.metavar}`" if setting.metavar else f"`{setting.flag}`"
    default = f"`{setting.default}`" if setting.default else "none"
    assert [flag, f"`{setting.variable}`", default, setting.help] in ROWS


def test_no_setting_stands_there_that_is_none() -> None:
    named = set(re.findall(r"EXPIRYTRACK_[A-Z_]+", README))
    assert named == {one.variable for one in SETTINGS}


def test_every_command_stands_in_the_table() -> None:
    (commands,) = [
        set(action.choices)
        for action in make_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    assert {f"`expirytrack {name}`" for name in commands} == {
        row[0] for row in ROWS if row[0].startswith("`expirytrack ")
    }


def test_every_exit_code_stands_in_the_table() -> None:
    for code, meaning in re.findall(r"^ +([0-9]+) +(.+)$", EXIT_HELP, re.MULTILINE):
        assert [code, meaning] in ROWS


@pytest.mark.parametrize("name", OPTION_HELP)
def test_every_option_stands_in_the_table(name: str) -> None:
    assert [f"`{name}`", OPTION_HELP[name]] in ROWS


def test_every_flag_of_an_example_is_known() -> None:
    examples = [line for line in README.splitlines() if line.startswith("expirytrack export ")]
    assert len(examples) >= 5
    parser = make_parser()
    for line in examples:
        words = re.findall(r"'[^']*'|\S+", line.partition(" | ")[0])
        parser.parse_args([word.strip("'") for word in words[1:]])


@pytest.mark.parametrize("name", ["README.md", *map(str, sorted(ROOT.glob("docs/*.md")))])
def test_what_a_page_links_to_is_there(name: str) -> None:
    page = ROOT / name
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)", text) + re.findall(r'src(?:set)?="([^"]+)"', text)
    for link in links:
        if "://" not in link:
            assert (page.parent / link).exists(), f"{name} links to {link}"


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
    assert {"run", "test"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_dependency_has_its_reasons() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    settings = (ROOT / "setup.cfg").read_text("utf-8")
    needed = set(re.findall(r"^    ([a-z-]+)>=", settings, re.MULTILINE))
    assert len(needed) > 9
    assert [name for name in sorted(needed) if name not in page] == []
    why = page.partition("## Why")[2].partition("\n## ")[0]
    runtime = settings.partition("install_requires =")[2].partition("[options.packages")[0]
    for name in re.findall(r"^    ([a-z-]+)>=", runtime, re.MULTILINE):
        assert f"- **{name}**:" in why


def test_shell_scripts_are_sound() -> None:
    for name in ("run", "tools"):
        path = ROOT / ".ci" / name
        assert path.stat().st_mode & 0o111
        assert "set -euo pipefail" in path.read_text("utf-8")
        subprocess.run(["bash", "-n", path], check=True)
