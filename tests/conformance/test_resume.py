"""An export that stopped at any contract goes on to the very bytes of one that never stopped."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from exporter.checkpoint import Checkpoint
from exporter.control import Control
from exporter.errors import Suspended
from exporter.model import Artefact, Level, Progress
from exporter.sources.sqlite import MarketDatabase
from tests.conformance.judge import check, everything, expected, produce

Opener = Callable[[Path], MarketDatabase]
KINDS: Mapping[str, Mapping[str, Any]] = {
    "csv": {"file_format": "csv"},
    "json": {"file_format": "json"},
    "csv.gz": {"file_format": "csv", "compression": "gzip", "level": Level.SMALL.value},
    "json.gz": {"file_format": "json", "compression": "gzip", "level": Level.SMALL.value},
    "csv.zst": {"file_format": "csv", "compression": "zstd"},
    "json.zst": {"file_format": "json", "compression": "zstd"},
    "jsonl": {"file_format": "jsonl"},
    "jsonl.zst": {"file_format": "jsonl", "compression": "zstd"},
    "zip": {"file_format": "zip"},
    "zip-small": {"file_format": "zip", "level": Level.SMALL.value},
    "zip-of-one": {"file_format": "zip", "separate_files": False},
    "zip-of-json": {"file_format": "json", "separate_files": True},
}


class Owner:
    """Runs an export as a server would: keeps the last checkpoint, as JSON, and resumes."""

    def __init__(self, database: MarketDatabase, request: dict[str, Any], folder: Path) -> None:
        self.database, self.request, self.folder = database, request, folder
        self.kept: dict[str, Any] | None = None

    async def go(self, *, until: int | None = None) -> Artefact | None:
        """Go on from what was kept, to the end or until so many contracts are written."""
        control = Control()

        async def save(checkpoint: Checkpoint) -> None:
            self.kept = checkpoint.to_json()

        def observe(progress: Progress) -> None:
            if until is not None and progress.contracts_done + 1 >= until:
                control.suspend()

        try:
            return await produce(
                self.database,
                self.request,
                self.folder,
                control=control,
                observe=observe,
                save_checkpoint=save,
                resume=None if self.kept is None else Checkpoint.from_json(self.kept),
            )
        except Suspended:
            return None

    def judge(self, artefact: Artefact) -> bytes:
        """The artefact's bytes, which the oracle has agreed to."""
        content = Path(artefact.path).read_bytes()
        assert [path.name for path in self.folder.iterdir()] == [Path(artefact.path).name]
        check(expected(self.database.path, self.request), artefact, content)
        return content


@pytest.fixture(params=KINDS)
def request_of(request: pytest.FixtureRequest) -> Callable[[Path], dict[str, Any]]:
    """A request for everything in one of the containers that go on in their own way."""
    return lambda path: everything(path, **KINDS[request.param])


async def test_stopped_after_every_contract(
    request_of: Callable[[Path], dict[str, Any]], odd: Path, opened: Opener, tmp_path: Path
) -> None:
    request = request_of(odd)
    straight = await Owner(opened(odd), request, tmp_path / "straight").go()
    assert straight is not None
    owner = Owner(opened(odd), request, tmp_path / "stops")
    stops = 0
    while (artefact := await owner.go(until=0)) is None:
        stops += 1
        assert owner.kept is not None
        assert owner.kept["contracts"] == stops
    assert stops == artefact.contracts - 1
    assert artefact.warnings == straight.warnings
    assert artefact.sha256 == straight.sha256
    assert owner.judge(artefact) == Path(straight.path).read_bytes()


@pytest.mark.parametrize("stop", [1, 2, 3, 4])
async def test_stopped_once(
    stop: int, request_of: Callable[[Path], dict[str, Any]], tiny: Path, opened: Opener,
    tmp_path: Path,
) -> None:  # fmt: skip
    database = opened(tiny)
    owner = Owner(database, request_of(tiny), tmp_path / "out")
    assert await owner.go(until=stop) is None
    assert owner.kept is not None
    assert owner.kept["contracts"] == stop
    artefact = await owner.go()
    assert artefact is not None
    assert artefact.resumed_from_rows == owner.kept["rows"]
    owner.judge(artefact)


@pytest.mark.parametrize("way", ["cut", "changed", "gone", "longer"])
async def test_a_part_file_that_is_not_as_it_was_left(
    way: str, request_of: Callable[[Path], dict[str, Any]], tiny: Path, tmp_path: Path,
    opened: Opener,
) -> None:  # fmt: skip
    owner = Owner(opened(tiny), request_of(tiny), tmp_path / "out")
    assert await owner.go(until=3) is None
    (part,) = owner.folder.glob("*.part")
    content = part.read_bytes()
    if way == "cut":
        part.write_bytes(content[:-1])
    elif way == "changed":
        part.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif way == "gone":
        part.unlink()
    else:
        # What a crash left behind the checkpoint is cut off, and nothing is lost by it.
        part.write_bytes(content + b"after the checkpoint")
    artefact = await owner.go()
    assert artefact is not None
    assert any("started over" in warning for warning in artefact.warnings) == (way != "longer")
    assert (artefact.resumed_from_rows > 0) == (way == "longer")
    owner.judge(artefact)


@pytest.mark.parametrize("way", ["cut", "gone", "longer"])
async def test_notes_that_are_not_as_they_were_left(
    way: str, tiny: Path, tmp_path: Path, opened: Opener
) -> None:
    owner = Owner(opened(tiny), everything(tiny, "zip"), tmp_path / "out")
    assert await owner.go(until=3) is None
    (notes,) = owner.folder.glob("*.notes")
    content = notes.read_bytes()
    if way == "gone":
        notes.unlink()
    else:
        notes.write_bytes(content[:-1] if way == "cut" else content + b'{"half": ')
    artefact = await owner.go()
    assert artefact is not None
    assert any("started over" in warning for warning in artefact.warnings) == (way != "longer")
    owner.judge(artefact)


async def test_a_database_that_changed_meanwhile_starts_over_with_a_warning(
    request_of: Callable[[Path], dict[str, Any]], tiny: Path, tmp_path: Path, opened: Opener
) -> None:
    path = Path(shutil.copy2(tiny, tmp_path / "copy.db"))
    owner = Owner(opened(path), request_of(path), tmp_path / "out")
    assert await owner.go(until=3) is None
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE historical_data SET close=close+1 WHERE rowid=1")
    artefact = await owner.go()
    assert artefact is not None
    assert "the database has changed" in artefact.warnings[0]
    assert artefact.resumed_from_rows == 0
    owner.judge(artefact)


async def test_a_contract_more_starts_over(tiny: Path, tmp_path: Path, opened: Opener) -> None:
    path = Path(shutil.copy2(tiny, tmp_path / "copy.db"))
    owner = Owner(opened(path), everything(path, "json"), tmp_path / "out")
    assert await owner.go(until=3) is None
    owner.kept = {**(owner.kept or {}), "contracts_total": 99}
    artefact = await owner.go()
    assert artefact is not None
    assert "the selection has changed" in artefact.warnings[0]
    owner.judge(artefact)


async def test_checkpoints_of_a_database_that_is_still_moving_are_not_trusted(
    tiny: Path, tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy2(tiny, tmp_path / "copy.db"))
    written = path.stat().st_mtime_ns
    clock = SimpleNamespace(time_ns=lambda: written)
    monkeypatch.setattr("exporter.sources.fingerprint.time", clock)
    owner = Owner(opened(path), everything(path, "csv"), tmp_path / "out")
    assert await owner.go(until=3) is None
    assert owner.kept is not None
    assert owner.kept["content"] == ""
    artefact = await owner.go()
    assert artefact is not None
    assert "started over" in artefact.warnings[0]
    owner.judge(artefact)


async def test_another_process_resumes_too(tiny: Path, tmp_path: Path) -> None:
    request = everything(tiny, "zip", separate_files=False)
    kept = None
    for until in (1, 2, 3, None):
        database = MarketDatabase(tiny, readers=1, careful=until == 2)
        try:
            owner = Owner(database, request, tmp_path / "out")
            owner.kept = kept
            artefact = await owner.go(until=until)
            kept = owner.kept
            if artefact is not None:
                owner.judge(artefact)
        finally:
            await database.close()
    assert artefact is not None


async def test_progress_never_runs_backwards(
    request_of: Callable[[Path], dict[str, Any]], odd: Path, opened: Opener, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    request = request_of(odd)
    artefact = await produce(opened(odd), request, tmp_path / "out", observe=seen.append)
    for before, after in pairwise(seen):
        assert before.rows_done <= after.rows_done <= after.rows_total
        assert before.bytes_done <= after.bytes_done
        assert before.contracts_done <= after.contracts_done
    last = seen[-1]
    assert (last.rows_done, last.rows_total) == (artefact.rows, artefact.rows)
    assert last.bytes_done == artefact.size
    assert last.contracts_done == last.contracts_total == artefact.contracts


async def test_suspending_after_the_last_contract_finishes(
    tiny: Path, opened: Opener, tmp_path: Path
) -> None:
    owner = Owner(opened(tiny), everything(tiny), tmp_path / "out")
    artefact = await owner.go(until=5)
    assert artefact is not None
    owner.judge(artefact)


@pytest.mark.parametrize("careful", [False, True])
async def test_exports_at_once_share_the_connections(
    careful: bool, sample: Path, tmp_path: Path
) -> None:
    database = MarketDatabase(sample, readers=1, careful=careful)
    few = everything(sample)["instruments"][::3]
    try:
        owners = [
            Owner(database, {**request, "instruments": few, "expiries": expiries}, tmp_path / name)
            for name, kind in KINDS.items()
            for request in [everything(sample, **kind)]
            for expiries in [{key: request["expiries"][key] for key in few}]
        ]
        made = await asyncio.gather(*(owner.go() for owner in owners))
    finally:
        await database.close()
    assert len({artefact.rows for artefact in made if artefact is not None}) == 1
    for owner, artefact in zip(owners, made, strict=True):
        assert artefact is not None
        owner.judge(artefact)
