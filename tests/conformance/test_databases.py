"""Database files as users have them: damaged, locked, in WAL mode, written to all the while."""

from __future__ import annotations

import asyncio
import hashlib
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from exporter import pipeline
from exporter.checkpoint import Checkpoint
from exporter.errors import Code, ExportError
from exporter.model import Progress
from exporter.sources.sqlite import MarketDatabase
from tests import makers, oracle
from tests.conformance import unprivileged
from tests.conformance.judge import everything, expected, judged, produce

Opener = Callable[[Path], MarketDatabase]


async def refused(
    opened: Opener, path: Path, code: Code, folder: Path, request_from: Path | None = None
) -> str:
    """The export fails with `code`, writes nothing, and says which file it speaks of."""
    database = opened(path)
    with pytest.raises(ExportError) as failed:
        await produce(database, everything(request_from or path), folder)
    assert failed.value.code is code
    assert not folder.exists()
    assert failed.value.message.endswith(tuple("abcdefghijklmnopqrstuvwxyz)'")), "a sentence"
    return failed.value.message


async def test_there_is_no_file(tiny: Path, tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "none.db"
    message = await refused(opened, path, Code.DATABASE_MISSING, tmp_path / "out", tiny)
    assert str(path) in message
    assert not path.exists()


async def test_a_folder_is_no_database(tiny: Path, tmp_path: Path, opened: Opener) -> None:
    message = await refused(opened, tmp_path, Code.DATABASE_UNREADABLE, tmp_path / "out", tiny)
    assert str(tmp_path) in message


@pytest.mark.parametrize("size", [1, 99, 5000])
async def test_a_foreign_file(size: int, tiny: Path, tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "foreign.db"
    path.write_bytes(b"PK\x03\x04" * (size // 4 + 1))
    await refused(opened, path, Code.DATABASE_UNREADABLE, tmp_path / "out", tiny)


async def test_an_empty_file(tiny: Path, tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    message = await refused(opened, path, Code.DATABASE_SCHEMA, tmp_path / "out", tiny)
    assert "no table contracts" in message
    assert "no table historical_data" in message
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("DROP TABLE historical_data", "table historical_data"),
        ("DROP TABLE contracts", "table contracts"),
        (
            "ALTER TABLE historical_data RENAME COLUMN volume TO vol",
            "column historical_data.volume",
        ),
        ("ALTER TABLE historical_data RENAME COLUMN oi TO o", "column historical_data.oi"),
        ("ALTER TABLE contracts RENAME COLUMN strike_price TO k", "column contracts.strike_price"),
    ],
)
async def test_a_missing_table_or_column_is_named(
    change: str, named: str, tiny: Path, tmp_path: Path, opened: Opener
) -> None:
    path = Path(shutil.copy2(tiny, tmp_path / "other.db"))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(change)
    assert named in await refused(opened, path, Code.DATABASE_SCHEMA, tmp_path / "out", tiny)


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE instruments",
        "DROP TABLE expiries",
        "ALTER TABLE contracts DROP COLUMN lot_size",
        "ALTER TABLE contracts DROP COLUMN tick_size",
    ],
)
async def test_what_is_not_needed_may_be_missing(
    change: str, tiny: Path, tmp_path: Path, opened: Opener
) -> None:
    path = Path(shutil.copy2(tiny, tmp_path / "other.db"))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(change)
    assert (await produce(opened(path), everything(path), tmp_path / "out")).rows == 10


async def test_a_damaged_page_fails_and_says_what_to_do(
    sample: Path, tmp_path: Path, opened: Opener
) -> None:
    path = Path(shutil.copy2(sample, tmp_path / "damaged.db"))
    content = bytearray(path.read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 65536] = b"\xa5" * 65536
    path.write_bytes(content)
    message = await refused(opened, path, Code.DATABASE_UNREADABLE, tmp_path / "out", sample)
    assert "integrity_check" in message


async def test_a_file_cut_short(sample: Path, tmp_path: Path, opened: Opener) -> None:
    path = Path(shutil.copy2(sample, tmp_path / "cut.db"))
    os.truncate(path, path.stat().st_size // 2)
    await refused(opened, path, Code.DATABASE_UNREADABLE, tmp_path / "out", sample)


@pytest.mark.parametrize("form", ["canonical", "other"])
@pytest.mark.parametrize(
    "index", ["idx_historical_instrument", "sqlite_autoindex_historical_data_1"]
)
async def test_an_index_that_lost_entries_loses_no_candles_in_silence(
    index: str, form: str, tmp_path: Path, opened: Opener
) -> None:
    path = tmp_path / "index.db"
    with makers.Maker(path) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        key = made.contract(candles=makers.plain(40))
        if form == "other":
            made.candles(key, [("2025-09-05 20:00:00", 1, 1, 1, 1, 1, 1)])
    # A b-tree page of the index with its last entries cut off, as a torn write leaves it.
    with closing(sqlite3.connect(path)) as db:
        ((root, size),) = db.execute(
            "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema"
            " WHERE name=?",
            (index,),
        ).fetchall()
    content = bytearray(path.read_bytes())
    start = (root - 1) * size
    assert content[start] == 10, "a leaf page of an index"
    cells = int.from_bytes(content[start + 3 : start + 5])
    content[start + 3 : start + 5] = (cells - 7).to_bytes(2)
    path.write_bytes(content)
    message = await refused(opened, path, Code.DATABASE_UNREADABLE, tmp_path / "out")
    assert key in message
    assert "REINDEX" in message


@pytest.mark.parametrize("wal", [False, True])
async def test_the_file_is_never_changed(
    wal: bool, tiny: Path, tmp_path: Path, opened: Opener
) -> None:
    path = Path(shutil.copy2(tiny, tmp_path / "copy.db"))
    if wal:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA journal_mode=WAL")
    makers.settle(path)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    database = opened(path)
    await judged(database, everything(path), tmp_path / "out")
    await database.close()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


async def test_a_path_with_every_sign_in_it(tiny: Path, tmp_path: Path, opened: Opener) -> None:
    folder = tmp_path / "a b?c#d%41&é'\""
    folder.mkdir()
    path = Path(shutil.copy2(tiny, folder / "x y?mode=memory#%00.db"))
    artefact = await produce(opened(path), everything(tiny), folder / "out")
    assert artefact.rows == 10


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    folder.chmod(0o555)
    try:
        yield
    finally:
        folder.chmod(0o755)


_READ = """
import pickle, sys
from tests import oracle
sys.stdout.buffer.write(pickle.dumps(oracle.load(*pickle.load(sys.stdin.buffer))))
"""


def read_elsewhere(path: Path, request: dict[str, Any]) -> oracle.Export:
    """The oracle's word from a process of its own.

    Two SQLite libraries in one process drop each other's locks on a file that is in use.
    """
    done = subprocess.run(
        [sys.executable, "-c", _READ],
        input=pickle.dumps((path, request)),
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        check=True,
    )
    export: oracle.Export = pickle.loads(done.stdout)
    return export


def digest_of(path: Path) -> str:
    request = everything(path)
    return hashlib.sha256(oracle.csv_bytes(path, request)).hexdigest()


@pytest.fixture
def kept(tiny: Path, tmp_path: Path) -> Path:
    """A database in a folder of its own, and beside it a copy that requests are read from."""
    folder = tmp_path / "kept"
    folder.mkdir()
    shutil.copy2(tiny, folder / "request.db")
    return Path(shutil.copy2(tiny, folder / "expirytrack.db"))


@pytest.mark.parametrize("wal", [False, True])
def test_a_folder_that_cannot_be_written(wal: bool, kept: Path, tmp_path: Path) -> None:
    if wal:
        with closing(sqlite3.connect(kept)) as db:
            db.execute("PRAGMA journal_mode=WAL")
    digest = digest_of(kept)
    for beside in kept.parent.glob("expirytrack.db-*"):
        beside.unlink()
    with without_rights(kept.parent):
        assert unprivileged.run(kept, tmp_path / "out") == ("ok", digest)
        assert sorted(path.name for path in kept.parent.iterdir()) == [
            "expirytrack.db",
            "request.db",
        ]


def test_a_folder_that_cannot_be_written_with_a_filled_log(kept: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.db"
    shutil.copy2(kept, source)
    with closing(sqlite3.connect(source)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("UPDATE historical_data SET close=close+1")
        db.commit()
        for beside in ("", "-wal"):
            shutil.copy2(f"{source}{beside}", f"{kept}{beside}")
    assert Path(f"{kept}-wal").stat().st_size
    with without_rights(kept.parent):
        code, message = unprivileged.run(kept, tmp_path / "out")
    assert code == Code.DATABASE_UNREADABLE
    assert "expirytrack.db-wal" in message
    assert "copy both" in message


def test_a_file_that_may_not_be_read(kept: Path, tmp_path: Path) -> None:
    kept.chmod(0)
    code, message = unprivileged.run(kept, tmp_path / "out")
    assert code == Code.DATABASE_UNREADABLE
    assert "you may read it" in message


def test_an_exports_folder_that_may_not_be_written(kept: Path, tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    with without_rights(exports):
        code, message = unprivileged.run(kept, exports / "task")
    assert code == Code.STORAGE_DENIED
    assert str(exports) in message


async def test_a_change_that_was_broken_off_is_not_read_as_if_it_were_whole(
    sample: Path, tmp_path: Path, opened: Opener
) -> None:
    source = Path(shutil.copy2(sample, tmp_path / "source.db"))
    path = tmp_path / "copy.db"
    with closing(sqlite3.connect(source, isolation_level=None)) as db:
        db.execute("PRAGMA cache_size=5")
        db.execute("BEGIN")
        db.execute("UPDATE historical_data SET close=0")
        for beside in ("", "-journal"):
            shutil.copy2(f"{source}{beside}", f"{path}{beside}")
        db.execute("ROLLBACK")
    assert path.read_bytes() != sample.read_bytes(), "the change has reached the file"
    message = await refused(opened, path, Code.DATABASE_UNREADABLE, tmp_path / "out", sample)
    assert "copy.db-journal" in message


async def test_a_lock_is_waited_out(tiny: Path, tmp_path: Path, opened: Opener) -> None:
    """A commit of the collector in rollback mode keeps readers out for a while."""
    path = Path(shutil.copy2(tiny, tmp_path / "locked.db"))
    request = everything(path)
    export = expected(path, request)
    used, fresh = opened(path), opened(path)
    await judged(used, request, tmp_path / "out", export=export)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("BEGIN EXCLUSIVE")
        waiting = {
            asyncio.create_task(judged(database, request, tmp_path / name, export=export))
            for name, database in (("used", used), ("fresh", fresh))
        }
        done, _ = await asyncio.wait(waiting, timeout=0.6)
        assert not done
        db.execute("ROLLBACK")
    await asyncio.gather(*waiting)


async def test_a_lock_in_mid_export_is_waited_out(
    sample: Path, tmp_path: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_CHECKPOINT_EVERY_S", 0)
    path = Path(shutil.copy2(sample, tmp_path / "locked.db"))
    request = everything(path)
    export = expected(path, request)
    locked = asyncio.Event()
    with closing(apsw.Connection(str(path))) as db:
        db.set_busy_timeout(5000)

        async def lock(checkpoint: Checkpoint) -> None:
            if not locked.is_set():
                await asyncio.to_thread(db.execute, "BEGIN EXCLUSIVE")
                locked.set()

        database = opened(path)
        exporting = asyncio.create_task(
            judged(
                database, request, tmp_path / "out", export=export, save_checkpoint=lock,
            )
        )  # fmt: skip
        await asyncio.wait_for(locked.wait(), 10)
        done, _ = await asyncio.wait({exporting}, timeout=0.6)
        assert not done
        db.execute("ROLLBACK")
        await exporting


async def test_a_lock_that_stays_fails_in_the_end(tiny: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy2(tiny, tmp_path / "locked.db"))
    database = MarketDatabase(path, readers=1, lock_wait_s=0.1)
    try:
        with closing(apsw.Connection(str(path))) as db:
            db.execute("BEGIN EXCLUSIVE")
            with pytest.raises(ExportError) as failed:
                await produce(database, everything(tiny), tmp_path / "out")
    finally:
        await database.close()
    assert failed.value.code is Code.DATABASE_BUSY


async def test_another_file_at_the_path_ends_the_export(
    sample: Path, tmp_path: Path, opened: Opener
) -> None:
    path = Path(shutil.copy2(sample, tmp_path / "replaced.db"))
    other = Path(shutil.copy2(sample, tmp_path / "other.db"))
    database = opened(path)

    def replace(progress: Progress) -> None:
        if other.exists():
            os.replace(other, path)

    with pytest.raises(ExportError) as failed:
        await produce(database, everything(sample), tmp_path / "out", observe=replace)
    assert failed.value.code is Code.DATABASE_CHANGED
    assert not (tmp_path / "out").exists()
    # The next export reads the new file.
    await judged(database, everything(path), tmp_path / "out")


async def test_a_file_that_is_taken_away_ends_the_export(
    sample: Path, tmp_path: Path, opened: Opener
) -> None:
    path = Path(shutil.copy2(sample, tmp_path / "gone.db"))
    with pytest.raises(ExportError) as failed:
        await produce(
            opened(path), everything(sample), tmp_path / "out",
            observe=lambda progress: path.unlink(missing_ok=True),
        )  # fmt: skip
    assert failed.value.code is Code.DATABASE_MISSING
    assert not (tmp_path / "out").exists()


async def test_what_is_written_between_two_exports_is_read(
    tiny: Path, tmp_path: Path, opened: Opener
) -> None:
    path = Path(shutil.copy2(tiny, tmp_path / "growing.db"))
    request = everything(path)
    database = opened(path)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("PRAGMA journal_mode=WAL")
        for minute in range(200, 204):
            export = read_elsewhere(path, request)
            await judged(database, request, tmp_path / "out", export=export)
            db.execute(
                "INSERT INTO historical_data SELECT expired_instrument_key, ?, 1, 1, 1, 1, 1, 1"
                " FROM contracts",
                (makers.stamp(minute),),
            )
            db.execute("UPDATE historical_data SET close=close+1")
        await judged(database, request, tmp_path / "out", export=read_elsewhere(path, request))


_BATCH = 10


class Collector(threading.Thread):
    """Writes to a WAL database all the while: ten candles for every contract, a commit each."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.enough = threading.Event()
        self.batches = 0
        self.failed: apsw.Error | None = None

    def run(self) -> None:
        try:
            with closing(apsw.Connection(str(self.path))) as db:
                keys = [
                    key for (key,) in db.execute("SELECT expired_instrument_key FROM contracts")
                ]
                while not self.enough.is_set() and self.batches < 100:
                    self._write(db, keys)
        except apsw.Error as error:
            self.failed = error

    def _write(self, db: apsw.Connection, keys: list[str]) -> None:
        day, batch = divmod(self.batches, 30)
        with db:
            db.executemany(
                "INSERT INTO historical_data VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (key, makers.stamp(batch * _BATCH + n, f"2025-08-{day + 1:02}"), self.batches,
                     1, 1, 1, 1, 1)
                    for key in keys
                    for n in range(_BATCH)
                ],
            )  # fmt: skip
        self.batches += 1


async def test_a_collector_writes_all_the_while(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "live.db"
    with makers.Maker(path) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        for number in range(20):
            made.contract(strike=22000 + 50 * number, trading_symbol="NIFTY CE")
        made.db.commit()
        made.db.execute("PRAGMA journal_mode=WAL")
    database = opened(path)
    request = everything(path)
    collector = Collector(path)
    collector.start()
    try:
        for number in range(3):
            folder = tmp_path / str(number)
            artefact = await produce(database, request, folder)
            content = Path(artefact.path).read_text().splitlines()[1:]
            assert len(content) == artefact.rows
            by_symbol: dict[str, list[float]] = {}
            for line in content:
                fields = line.split(",")
                by_symbol.setdefault(fields[0], []).append(float(fields[4]))
            for found in by_symbol.values():
                # One snapshot: whole commits, the first ones, in order, and nothing in between.
                assert found == [n for n in range(len(found) // _BATCH) for _ in range(_BATCH)]
    finally:
        collector.enough.set()
        await asyncio.to_thread(collector.join)
    assert collector.failed is None
    assert collector.batches
    await judged(database, request, tmp_path / "out", export=read_elsewhere(path, request))
