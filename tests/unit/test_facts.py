"""What is remembered of contracts: right for every window, for one state of the file only."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Window
from exporter.sources.census import Census
from exporter.sources.facts import Facts, Run
from exporter.sources.fingerprint import Fingerprint, fingerprint
from exporter.sources.sqlite import MarketDatabase
from tests import makers

START = date(2025, 1, 1)
days = st.dictionaries(st.integers(0, 4 * 10**5), st.integers(1, 10**6), max_size=20).map(
    lambda counts: [(START + timedelta(days=day), counts[day]) for day in sorted(counts)]
)
ends = st.none() | st.integers(-10, 500).map(lambda day: START + timedelta(days=day))
windows = st.builds(Window, ends, ends)


def inside(day: date, window: Window) -> bool:
    return (window.first or date.min) <= day <= (window.last or date.max)


@given(days, windows)
def test_rows_in_a_window(counts: list[tuple[date, int]], window: Window) -> None:
    facts = Facts.of(True, 3, counts)
    assert facts.rows == sum(count for _, count in counts)
    assert facts.rows_in(window) == sum(count for day, count in counts if inside(day, window))


@given(days, windows, st.integers(1, 10**6))
def test_stretches_are_whole_days_in_order(
    counts: list[tuple[date, int]], window: Window, most: int
) -> None:
    wanted = [(day, count) for day, count in counts if inside(day, window)]
    found = list(Facts.of(True, 0, counts).stretches(window, most))
    assert sum(one.rows for one in found) == sum(count for _, count in wanted)
    taken: list[tuple[date, int]] = []
    for one in found:
        here = [(day, count) for day, count in wanted if one.first <= day <= one.last]
        assert (here[0][0], here[-1][0]) == (one.first, one.last)
        assert one.rows == sum(count for _, count in here)
        assert one.rows <= most or len(here) == 1
        assert one.run is None
        taken += here
    assert taken == wanted


@given(days, windows, st.integers(1, 10**6), st.sampled_from([1, -1]))
def test_a_run_is_cut_where_its_days_are(
    counts: list[tuple[date, int]], window: Window, most: int, step: int
) -> None:
    facts = Facts.of(True, 0, counts, Run(1000, step))
    for one in facts.stretches(window, most):
        before = sum(count for day, count in counts if day < one.first)
        assert one.run == Run(1000 + step * before, step)


def state(content: str, settled: bool = True, file: str = "1:2") -> Fingerprint:
    return Fingerprint(file, content, settled)


FACTS = Facts.of(True, 2, [(START, 5), (START + timedelta(days=100_000), 7)])
NONE = Facts.of(False, 0, [])


async def test_facts_hold_for_one_state_and_then_serve_as_a_guess() -> None:
    census = Census(None)
    await census.turn_to(state("a"))
    assert census.known("x") is None
    assert census.guess("x") is None
    census.learn("x", FACTS, census.live)
    census.learn("y", FACTS, f"{census.live} unsettled")
    census.learn("z", FACTS, "1:2 other")
    assert census.known("x") == FACTS
    assert (census.known("y"), census.known("z")) == (None, None)
    await census.turn_to(state("b"))
    assert census.known("x") is None
    assert census.guess("x") == FACTS


async def test_facts_last_across_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "facts.db"
    census = Census(path)
    await census.turn_to(state("a"))
    for number in range(1200):
        census.learn(f"c{number}", FACTS, census.live)
    census.learn("none", NONE, census.live)
    await census.save(state("a"))
    again = Census(path)
    await again.turn_to(state("a"))
    assert again.known("c1199") == FACTS
    assert again.known("none") == NONE
    other = Census(path)
    await other.turn_to(state("b"))
    assert other.known("c1") is None
    other.learn("c1", NONE, other.live)
    await other.save(state("b"))
    # What held before is of no more use and does not pile up.
    old = Census(path)
    await old.turn_to(state("a"))
    assert old.known("c1") is None


async def test_facts_of_a_file_that_is_not_at_rest_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "facts.db"
    census = Census(path)
    await census.turn_to(state("a", settled=False))
    census.learn("x", FACTS, census.live)
    await census.save(state("a", settled=False))
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"not a database" * 500, b"SQLite format 3\0" * 300])
async def test_a_damaged_facts_file_is_made_anew(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "facts.db"
    path.write_bytes(content)
    census = Census(path)
    await census.turn_to(state("a"))
    census.learn("x", FACTS, census.live)
    await census.save(state("a"))
    again = Census(path)
    await again.turn_to(state("a"))
    assert again.known("x") == FACTS


async def test_a_facts_file_of_another_make_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "facts.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE facts (something TEXT)")
    census = Census(path)
    await census.turn_to(state("a"))
    census.learn("x", FACTS, census.live)
    await census.save(state("a"))
    again = Census(path)
    await again.turn_to(state("a"))
    assert again.known("x") == FACTS


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return makers.settle(makers.tiny_database(tmp_path / "tiny.db"))


def test_a_fingerprint_follows_every_write(tiny: Path) -> None:
    seen = {str(fingerprint(tiny))}
    assert fingerprint(tiny).settled
    os.utime(tiny)
    seen.add(str(fingerprint(tiny)))
    assert not fingerprint(tiny).settled
    log = tiny.with_name(f"{tiny.name}-wal")
    log.touch()
    seen.add(str(fingerprint(tiny)))
    assert len(seen) == 2, "an empty log says nothing"
    log.write_bytes(b"x")
    seen.add(str(fingerprint(tiny)))
    log.write_bytes(b"xy")
    seen.add(str(fingerprint(tiny)))
    assert len(seen) == 4
    copy = Path(shutil.copy2(tiny, tiny.with_name("copy.db")))
    assert fingerprint(copy).file != fingerprint(tiny).file
    with pytest.raises(FileNotFoundError):
        fingerprint(tiny.with_name("none.db"))


@pytest.mark.parametrize(
    ("after_ns", "settled"),
    [(0, False), (99_000_000, False), (101_000_000, True), (10**12, True),
     # The clock was put back: a write of now has another time than one that lies ahead.
     (-99_000_000, False), (-101_000_000, True), (-(10**12), True)],
)  # fmt: skip
def test_what_was_just_written_is_not_settled(
    after_ns: int, settled: bool, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = tiny.stat().st_mtime_ns + after_ns
    monkeypatch.setattr("exporter.sources.fingerprint.time", SimpleNamespace(time_ns=lambda: now))
    assert fingerprint(tiny).settled == settled


async def test_a_census_counts_every_contract_once(tiny: Path, tmp_path: Path) -> None:
    facts = tmp_path / "facts.db"
    for expected in (5, 0):
        database = MarketDatabase(tiny, readers=1, facts_path=facts)
        try:
            assert await database.take_census() == expected
            assert await database.take_census() == 0
        finally:
            await database.close()


async def test_a_census_passes_over_what_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "bad.db"
    with makers.Maker(path) as made:
        made.contract(candles=[("never", 1, 1, 1, 1, 1, 1)])
        made.contract(candles=makers.plain(), trading_symbol="NIFTY 1 PE", kind="PE")
    makers.settle(path)
    database = MarketDatabase(path, readers=1)
    try:
        assert await asyncio.wait_for(database.take_census(), 10) == 2
    finally:
        await database.close()
