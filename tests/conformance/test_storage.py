"""The exports folder: full, forbidden, failing; and exports that are cancelled at any moment."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from exporter import files, pipeline
from exporter.checkpoint import Checkpoint
from exporter.errors import Code, ExportError
from exporter.model import Progress
from exporter.sources.sqlite import MarketDatabase
from tests import makers, oracle
from tests.conformance.judge import everything, judged, produce

Opener = Callable[[Path], MarketDatabase]
KINDS = [("csv", None), ("json", None), ("zip", None), ("zip", False), ("json", True)]


FEW = ("NSE_INDEX|Nifty 50", "NSE_EQ|INE101A01026")


def requests(path: Path) -> list[dict[str, Any]]:
    """Two instruments in every container."""
    made = []
    for kind, separate in KINDS:
        options = {} if separate is None else {"separate_files": separate}
        request = everything(path, kind, **options)
        expiries = {key: request["expiries"][key] for key in FEW}
        made.append({**request, "instruments": list(FEW), "expiries": expiries})
    return made


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize("kind", range(len(KINDS)))
async def test_a_full_disk(kind: int, sample: Path, opened: Opener, tmp_path: Path) -> None:
    """The system's own answer: the part file is /dev/full."""
    request = requests(sample)[kind]
    folder = tmp_path / "out"
    folder.mkdir()
    name = oracle.artefact_name(oracle.load(sample, request))
    (folder / f"{name}.part").symlink_to("/dev/full")
    database = opened(sample)
    with pytest.raises(ExportError) as failed:
        await produce(database, request, folder)
    assert failed.value.code is Code.STORAGE_FULL
    assert str(folder) in failed.value.message
    assert not folder.exists()
    # The database is as usable as before.
    await judged(database, request, folder)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("kind", range(len(KINDS)))
async def test_a_disk_that_fills_up_in_the_middle(
    kind: int, sample: Path, opened: Opener, tmp_path: Path
) -> None:
    request = requests(sample)[kind]
    with files_no_larger_than(30_000), pytest.raises(ExportError) as failed:
        await produce(opened(sample), request, tmp_path / "out")
    assert failed.value.code is Code.STORAGE_FULL
    assert left_in(tmp_path) == []


async def test_room_that_must_be_kept_free(tiny: Path, opened: Opener, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as failed:
        await produce(opened(tiny), everything(tiny), tmp_path / "out", keep_free=1 << 60)
    assert failed.value.code is Code.STORAGE_FULL
    assert left_in(tmp_path) == []
    await produce(opened(tiny), everything(tiny), tmp_path / "out", keep_free=1)


async def test_room_is_watched_while_writing(
    sample: Path, opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    answers = iter([Usage(100), Usage(99)])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: next(answers))
    monkeypatch.setattr(files, "_LOOK_AT_DISK_EVERY", 1 << 20)
    with pytest.raises(ExportError) as failed:
        await produce(opened(sample), everything(sample), tmp_path / "out", keep_free=100)
    assert failed.value.code is Code.STORAGE_FULL
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("depth", [1, 2])
async def test_an_exports_folder_that_is_a_file(
    depth: int, tiny: Path, opened: Opener, tmp_path: Path
) -> None:
    (tmp_path / "exports").write_text("mine")
    folder = tmp_path / "/".join(["exports", "task", "deeper"][:depth])
    with pytest.raises(ExportError) as failed:
        await produce(opened(tiny), everything(tiny), folder)
    assert failed.value.code in (Code.STORAGE_DENIED, Code.STORAGE_FAILED)
    assert (tmp_path / "exports").read_text() == "mine"


class Failing:
    """Calls of the system that fail at the nth time of asking."""

    def __init__(self, number: int) -> None:
        self.left = number

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def failing(*args: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return call(*args, **named)

        return failing


@pytest.mark.parametrize("kind", range(len(KINDS)))
async def test_whichever_call_fails_there_is_a_whole_file_or_none(
    kind: int, tiny: Path, tmp_path: Path
) -> None:
    request = requests(tiny)[kind]
    calls = ("fsync", "replace", "open", "mkdir")
    for number in range(1, 100):
        folder = tmp_path / str(number)
        failing = Failing(number)
        database = MarketDatabase(tiny, readers=1)
        failed: ExportError | None = None
        with pytest.MonkeyPatch.context() as patch:
            for call in calls:
                patch.setattr(os, call, failing.around(getattr(os, call)))
            patch.setattr(pipeline, "_CHECKPOINT_EVERY_S", 0)
            try:
                artefact = await produce(database, request, folder, save_checkpoint=_forget)
            except ExportError as error:
                failed = error
        await database.close()
        if failed is None:
            assert failing.left > 0, "a failure went unnoticed"
            assert left_in(folder) == [Path(artefact.path).name]
            assert number > 4
            return
        assert failed.code is Code.STORAGE_FAILED
        assert left_in(tmp_path) == []
    raise AssertionError("no clean run")


async def _forget(checkpoint: Checkpoint) -> None:
    return


@pytest.mark.parametrize("kind", range(len(KINDS)))
async def test_a_cancel_leaves_nothing_behind(
    kind: int, sample: Path, opened: Opener, tmp_path: Path
) -> None:
    request = requests(sample)[kind]
    database = opened(sample)
    for contracts in (0, 1, 7, 13, 14):
        reached = asyncio.Event()

        def observe(progress: Progress, contracts: int = contracts, reached: Any = reached) -> None:
            if progress.contracts_done >= contracts:
                reached.set()

        task = asyncio.create_task(produce(database, request, tmp_path / "out", observe=observe))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert left_in(tmp_path) == []
    await judged(database, request, tmp_path / "out")


async def test_a_cancel_at_any_step_and_a_second_one(tiny: Path, tmp_path: Path) -> None:
    """Cancelled after every number of turns of the loop, and again while it clears up."""
    request = everything(tiny, "zip")
    database = MarketDatabase(tiny, readers=2)
    finished = False
    for turns in range(0, 4000, 7):
        task = asyncio.create_task(produce(database, request, tmp_path / "out"))
        for _ in range(turns):
            await asyncio.sleep(0)
            if task.done():
                break
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        if not task.cancelled():
            finished = True
            break
        assert left_in(tmp_path) == [], f"after {turns} turns"
    await database.close()
    assert finished
    assert not [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]


async def test_a_cancel_after_the_rename_takes_the_file_back(
    tiny: Path, opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(produce(opened(tiny), everything(tiny), tmp_path / "out"))
    sync_folder = files.sync_folder

    def cancel_then_sync(folder: Path) -> None:
        assert left_in(tmp_path / "out")[0].endswith(".csv")
        loop.call_soon_threadsafe(task.cancel)
        sync_folder(folder)

    monkeypatch.setattr(files, "sync_folder", cancel_then_sync)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left_in(tmp_path) == []


async def test_what_else_is_in_the_folder_stays(tiny: Path, opened: Opener, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    with files_no_larger_than(10), pytest.raises(ExportError):
        await produce(opened(tiny), everything(tiny), folder)
    assert left_in(folder) == ["mine.txt"]


@pytest.mark.parametrize("limit", [1, 9, 10])
async def test_more_rows_than_the_server_allows(
    limit: int, tiny: Path, opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for budget in (10.0, -1.0):
        # Counted beforehand, and found out on the way.
        monkeypatch.setattr("exporter.sources.sqlite._ESTIMATE_BUDGET_S", budget)
        if limit == 10:
            await judged(opened(tiny), everything(tiny), tmp_path / "out", max_rows=limit)
            continue
        with pytest.raises(ExportError) as failed:
            await produce(opened(tiny), everything(tiny), tmp_path / "out", max_rows=limit)
        assert failed.value.code is Code.TOO_MANY_ROWS
        assert left_in(tmp_path) == []


async def test_an_export_that_fails_frees_its_connections(tmp_path: Path) -> None:
    path = tmp_path / "bad.db"
    with makers.Maker(path) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        for number in range(30):
            made.contract(strike=22000 + number, candles=makers.plain(), key=f"NSE_FO|{number}")
        made.candles("NSE_FO|20", [("never", 1, 1, 1, 1, 1, 1)])
    database = MarketDatabase(path, readers=2)
    request = everything(path)
    try:
        for _ in range(10):
            with pytest.raises(ExportError) as failed:
                await produce(database, request, tmp_path / "out")
            assert failed.value.code is Code.BAD_ROW
        assert (await database.catalogue()).contracts == 30
    finally:
        await asyncio.wait_for(database.close(), 10)
    assert left_in(tmp_path) == ["bad.db"]
