"""Ways to run the command line: in this process where that is enough, else as a real one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.cli import main
from tests.servers import ROOT, Server

COMMAND = [sys.executable, "-c", "import sys; from server.cli import main; sys.exit(main())"]


@dataclass(frozen=True)
class Ran:
    """What a command answered."""

    code: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Ran]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and no settings from outside."""
    monkeypatch.chdir(tmp_path)
    for name in ("DB", "EXPORTS", "TASKS", "KEEP_FREE", "TOKEN"):
        monkeypatch.delenv(f"EXPIRYTRACK_{name}", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("EXPIRYTRACK_KEEP_FREE", "0")
    return tmp_path


@pytest.fixture(scope="module")
def server(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the sample database, shared by a module."""
    with Server(tmp_path_factory.mktemp("served"), sample, "--keep-free", "0") as running:
        yield running


@pytest.fixture
def call(capfdbinary: pytest.CaptureFixture[bytes]) -> Call:
    """Run a command in this process."""

    def run(*words: object) -> Ran:
        capfdbinary.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as left:
            code = int(left.code or 0)
        out, err = capfdbinary.readouterr()
        return Ran(int(code), out, err.decode())

    return run


@pytest.fixture
def start() -> Start:
    """Start a command as a process of its own."""

    def run(*words: object, **how: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*COMMAND, *(str(word) for word in words)], **how)

    return run
