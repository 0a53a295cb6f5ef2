"""Ways to run the command line: in this process where that is enough, else as a real one."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.cli import main
from tests import makers

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "import sys; from server.cli import main; sys.exit(main())"]
SLOW_CONTRACTS = 24
SLOW_ROWS = 25_000


@dataclass(frozen=True)
class Ran:
    """What a command answered."""

    code: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Server:
    """A running server, and the folder with its exports and tasks."""

    url: str
    folder: Path


@contextmanager
def served(database: Path, folder: Path) -> Generator[Server]:
    """A server process of its own, stopped quietly at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "--db", str(database), "--port", "0",
         "--exports", str(folder / "exports"), "--tasks", str(folder / "tasks.db"),
         "--keep-free", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield Server(process.stdout.readline().strip(), folder)
    finally:
        process.terminate()
        process.communicate(timeout=60)


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


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample database."""
    return makers.sample_database(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose rows take long enough to be interrupted: none is in the usual form."""
    path = tmp_path_factory.mktemp("slow") / "slow.db"
    with makers.Maker(path) as made:
        keys = [made.contract(strike=22000 + 50 * number) for number in range(SLOW_CONTRACTS)]
    with closing(sqlite3.connect(path)) as database, database:
        for key in keys:
            database.execute(
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 - 1)"
                " INSERT INTO historical_data (expired_instrument_key, timestamp, open, high, low,"
                " close, volume, oi)"
                " SELECT ?1, datetime(1750000000 + 60 * i, 'unixepoch'), 1.05, 2, 1, 1.5, 75, 75"
                " FROM n",
                (key, SLOW_ROWS),
            )
    return path


@pytest.fixture(scope="module")
def server(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the sample database, shared by a module."""
    with served(sample, tmp_path_factory.mktemp("served")) as running:
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
