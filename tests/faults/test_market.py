"""The market database in other hands: locked, replaced, taken away, cut, and written to."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests import makers
from tests.faults import collector
from tests.faults.asking import Asking, asking
from tests.faults.sizes import cases, told
from tests.faults.test_damage import request_of
from tests.servers import ROOT, Server

_LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
database.execute("ROLLBACK")
"""
_LARGEST_LOG = 64 << 20


@contextmanager
def beside(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another process, which has said its first word; it ends when its standard input does."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()


@pytest.mark.parametrize("known", [True, False], ids=["known", "fresh"])
@cases(quick=1, many=20, whole=60)
async def test_a_lock_is_waited_for_and_said(
    cases: int, known: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`cases` are seconds. The feed says what the export waits for, and nothing is missing."""
    path = makers.settle(makers.tiny_database(tmp_path / "market.db"))
    body = request_of(path)
    with Server(tmp_path / "server", path, "--keep-free", "0") as server:
        async with asking(server.url) as ask:
            first = await ask.finished(await ask.start(body))
            if not known:
                # As large and as old as it was: the server must look at it again.
                with closing(sqlite3.connect(path)) as database, database:
                    database.execute("UPDATE instruments SET exchange='x'")
            with beside("-c", _LOCK, str(path)) as process:
                assert process.stdin is not None
                starting = asyncio.create_task(ask.start(body))
                free = asyncio.get_running_loop().call_later(cases, process.stdin.close)
                task_id = await starting
                said = set()
                async for state in ask.follow(task_id):
                    said.add(state["status_message"].partition(":")[0])
                free.cancel()
            task = await ask.finished(task_id)
            assert task["status"] == "completed", task
            assert await ask.content(task) == await ask.content(first)
            if known:
                assert "Waiting" in said
    told(capsys, f"3 database locked, {'known' if known else 'fresh'}", seconds=cases, violations=0)


def _taken(path: Path, other: Path) -> None:
    path.unlink()


def _replaced(path: Path, other: Path) -> None:
    os.replace(other, path)


def _cut(path: Path, other: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _emptied(path: Path, other: Path) -> None:
    os.truncate(path, 0)


def _overwritten(path: Path, other: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xa5" * (path.stat().st_size // 2))


MISHAPS: dict[str, Callable[[Path, Path], None]] = {
    "deleted": _taken,
    "replaced": _replaced,
    "cut": _cut,
    "emptied": _emptied,
    "overwritten": _overwritten,
}


@pytest.fixture(scope="module")
def unhurried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose export takes a second."""
    return makers.slow_database(tmp_path_factory.mktemp("unhurried") / "market.db", 10, 8000)


@cases(quick=5, many=25, whole=100)
async def test_what_befalls_the_database_in_mid_export_is_said(
    cases: int, tmp_path: Path, unhurried: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The export fails with a code and leaves nothing, or had read everything before."""
    body = request_of(unhurried)
    path, other = tmp_path / "market.db", tmp_path / "other.db"
    found: Counter[str] = Counter()
    violations = []
    shutil.copy2(unhurried, path)
    with Server(tmp_path / "server", path, "--keep-free", "0") as server:
        async with asking(server.url) as ask:
            undisturbed = await ask.content(await ask.finished(await ask.start(body)))
            for number in range(cases):
                name = list(MISHAPS)[number % len(MISHAPS)]
                for copy in (path, other):
                    shutil.copy2(unhurried, copy.with_suffix(".new"))
                    os.replace(copy.with_suffix(".new"), copy)
                task_id = await ask.start(body)
                left = Random(f"{name} {number}").randrange(1, 4)
                async for task in ask.follow(task_id):
                    if task["rows_done"]:
                        left -= 1
                        if left == 0:
                            MISHAPS[name](path, other)
                result = task["error_code"] or task["status"]
                found[result] += 1
                if result == "completed":
                    if await ask.content(task) != undisturbed:
                        violations.append((name, number, "other bytes"))
                elif result == "internal" or (server.exports / task_id).exists():
                    violations.append((name, number, result))
    told(capsys, "3 database in mid-export", cases=cases, violations=len(violations), **found)
    assert violations == []


class Log:
    """The largest size that the write-ahead log was seen to have."""

    def __init__(self, path: Path) -> None:
        self._path = Path(f"{path}-wal")
        self.largest = 0

    def look(self) -> None:
        self.largest = max(self.largest, self._path.stat().st_size)


@asynccontextmanager
async def looked_at(log: Log) -> AsyncIterator[None]:
    async def look() -> None:
        while True:
            log.look()
            await asyncio.sleep(0.05)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait({looking})


def torn(content: bytes) -> list[str]:
    """The contracts whose candles are not whole transactions from the first one on."""
    by_symbol: dict[str, list[float]] = {}
    for line in content.decode().splitlines()[1:]:
        fields = line.split(",")
        by_symbol.setdefault(fields[0], []).append(float(fields[4]))
    size = collector.BATCH
    return [
        symbol
        for symbol, found in by_symbol.items()
        if found != [1.0 + n for n in range(len(found) // size) for _ in range(size)]
    ]


@cases(quick=2, many=20, whole=30)
async def test_a_collector_at_500_transactions_a_second(
    cases: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`cases` exports one after another, and one more whenever one has ended."""
    path = tmp_path / "market.db"
    with makers.Maker(path) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        for number in range(20):
            made.contract(strike=22000 + 50 * number, trading_symbol=f"NIFTY {number}")
        made.db.commit()
        made.db.execute("PRAGMA journal_mode=WAL")
    body = request_of(path)
    log = Log(path)
    rows = 0
    violations: list[Any] = []

    async def export(ask: Asking) -> None:
        nonlocal rows
        task = await ask.finished(await ask.start(body))
        if task["status"] != "completed":
            violations.append(task["error"])
            return
        content = await ask.content(task)
        rows = max(rows, task["rows_done"])
        if torn(content) or len(content.splitlines()) != task["rows_done"] + 1:
            violations.append(torn(content))

    program = str(Path(collector.__file__))
    with (
        Server(tmp_path / "server", path, "--keep-free", "0") as server,
        beside(program, str(path), "500") as process,
    ):
        async with asking(server.url) as ask, looked_at(log):
            for _ in range(cases):
                await asyncio.gather(export(ask), export(ask))
        assert process.stdin is not None
        process.stdin.close()
        assert process.stdout is not None
        done, seconds = process.stdout.read().split()
    told(
        capsys, "3 collector writing", exports=2 * cases, violations=len(violations),
        transactions=done, a_second=round(int(done) / float(seconds)), most_rows=rows,
        largest_log_MiB=round(log.largest / 2**20, 1),
    )  # fmt: skip
    assert violations == []
    assert log.largest < _LARGEST_LOG
