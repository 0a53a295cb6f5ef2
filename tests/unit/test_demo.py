"""The demo database: always the same, of the collector's own schema, and fit for every page."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from exporter.demo import make_demo_database
from exporter.errors import Code, ExportError
from exporter.sources.contracts import WELL_KNOWN
from exporter.symbols import parse
from tests import makers


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "new" / "demo.db"
    make_demo_database(path)
    return path


@pytest.fixture
def db(demo: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{demo.as_uri()}?mode=ro", uri=True)) as connection:
        yield connection


def digest_of(path: Path) -> str:
    """Of everything in the tables, whatever the pages look like."""
    digest = hashlib.sha256()
    with closing(sqlite3.connect(path)) as db:
        for line in db.iterdump():
            digest.update(line.encode())
    return digest.hexdigest()


def test_it_comes_out_the_same_each_time_and_replaces_what_was_there(
    demo: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.db"
    again.write_text("something else")
    make_demo_database(again)
    assert digest_of(again) == digest_of(demo)
    assert [path.name for path in tmp_path.iterdir()] == ["again.db"]


def test_a_demo_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExportError) as failed:
        make_demo_database(tmp_path / "file" / "demo.db")
    assert failed.value.code in (Code.STORAGE_DENIED, Code.STORAGE_FAILED)


def columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as db:
        tables = [
            name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type='table'")
        ]
        return {name: db.execute(f"PRAGMA table_info({name})").fetchall() for name in tables}


def test_the_schema_is_the_collectors(demo: Path, tmp_path: Path) -> None:
    sample = columns(makers.sample_database(tmp_path))
    found = columns(demo)
    assert found == sample


def test_its_size_and_reach(db: sqlite3.Connection) -> None:
    ((candles,),) = db.execute("SELECT count(*) FROM historical_data")
    assert 150_000 < candles < 250_000
    keys = [key for (key,) in db.execute("SELECT instrument_key FROM instruments")]
    assert set(WELL_KNOWN) < set(keys)
    assert len(keys) == 5
    kinds = dict(db.execute("SELECT is_weekly, count(*) FROM expiries GROUP BY 1"))
    assert kinds[0] > 5
    assert kinds[1] > 5
    ((whole,),) = db.execute("PRAGMA integrity_check")
    assert whole == "ok"
    assert not db.execute("PRAGMA foreign_key_check").fetchall()
    empty = db.execute(
        "SELECT count(*) FROM contracts WHERE expired_instrument_key NOT IN"
        " (SELECT expired_instrument_key FROM historical_data)"
    )
    assert empty.fetchone() == (0,)


def test_every_candle_is_one(db: sqlite3.Connection) -> None:
    form = re.compile(r"2025-\d\d-\d\dT(09|1\d):\d\d:00\+05:30")
    for when, low, high, least, most, volume, oi in db.execute(
        "SELECT timestamp, low, high, min(open, close), max(open, close), volume, oi"
        " FROM historical_data"
    ):
        assert form.fullmatch(when)
        assert "09:15" <= when[11:16] <= "15:29"
        assert 0 < low <= least <= most <= high
        assert round(high * 20) / 20 == high
        assert volume > 0
        assert oi > 0
    late = db.execute(
        "SELECT count(*) FROM historical_data JOIN contracts USING (expired_instrument_key)"
        " WHERE substr(timestamp, 1, 10) > expiry_date"
    )
    assert late.fetchone() == (0,)


def test_the_documentations_example_is_in_it(db: sqlite3.Connection) -> None:
    found = db.execute(
        "SELECT trading_symbol, openalgo_symbol FROM contracts WHERE strike_price=22700"
        " AND contract_type='CE' AND expiry_date='2025-09-16'"
    ).fetchall()
    assert found == [("NIFTY 22700 CE 16 SEP 25", "NIFTY16SEP2522700CE")]


def test_its_symbols_are_symbols(db: sqlite3.Connection) -> None:
    for (text,) in db.execute("SELECT openalgo_symbol FROM contracts"):
        assert parse(text).base in ("NIFTY", "BANKNIFTY", "SENSEX", "RELIANCE", "M&M")
