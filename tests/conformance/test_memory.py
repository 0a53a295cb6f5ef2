"""Memory does not follow the number of rows: ten times as many cost no more than a fixed bound."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apsw
import pytest

from exporter import files
from exporter.sources import careful, driver, reader
from exporter.sources.sqlite import MarketDatabase
from tests import makers
from tests.conformance.judge import everything, produce

_MIB = 1 << 20
# Blocks and buffers are made this small, so that a small database already fills every queue.
_ROWS, _BYTES = 250, 1 << 16
# The larger file has four.
_BOUND = _MIB
CASES: Mapping[str, tuple[dict[str, Any], bool]] = {
    "csv": ({"file_format": "csv"}, False),
    "json": ({"file_format": "json"}, False),
    "jsonl": ({"file_format": "jsonl"}, False),
    "zip": ({"file_format": "zip"}, False),
    "zip-of-one": ({"file_format": "zip", "separate_files": False}, False),
    "careful": ({"file_format": "csv"}, True),
}


def database_of(path: Path, contracts: int, days: int) -> Path:
    """Contracts of 375 candles a day, and one careful one."""
    with makers.Maker(path) as made:
        made.db.execute("PRAGMA synchronous=OFF")
        made.instrument(makers.NIFTY, "NIFTY")
        for number in range(contracts):
            key = made.contract(strike=20000 + number, trading_symbol="NIFTY CE")
            for day in range(days):
                date = f"2025-{1 + day // 28:02}-{1 + day % 28:02}"
                made.candles(key, makers.plain(375, date))
            if not number:
                made.candles(key, [("2025-12-01 09:15:00", 1, 1, 1, 1, 1, 1)])
    return makers.settle(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3,751 candles."""
    return database_of(tmp_path_factory.mktemp("small") / "small.db", 10, 1)


@pytest.fixture(scope="module", params=["contracts", "days"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten times as many: in more contracts, or in longer ones."""
    contracts, days = (100, 1) if request.param == "contracts" else (10, 10)
    return database_of(tmp_path_factory.mktemp("large") / "large.db", contracts, days)


async def peak_of(path: Path, folder: Path, kind: dict[str, Any], slow: bool) -> tuple[int, int]:
    """The most bytes that an export of everything held at one time, and its rows."""
    database = MarketDatabase(path, readers=2, careful=slow)
    request = everything(path, **kind)
    tracemalloc.start()
    apsw.memory_high_water(True)
    before = apsw.memory_used()
    try:
        artefact = await produce(database, request, folder)
        engine = apsw.memory_high_water() - before
        return tracemalloc.get_traced_memory()[1] + engine, artefact.rows
    finally:
        tracemalloc.stop()
        await database.close()


@pytest.mark.parametrize("case", CASES)
async def test_ten_times_the_rows(
    case: str, small: Path, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, slow = CASES[case]
    monkeypatch.setattr(reader, "_BLOCK_ROWS", _ROWS)
    monkeypatch.setattr(careful, "_BLOCK_ROWS", _ROWS)
    monkeypatch.setattr(files, "_BUFFER", _BYTES)
    monkeypatch.setattr(driver, "_CACHE_KIB", _BYTES >> 10)
    least, rows = await peak_of(small, tmp_path / "small", kind, slow)
    most, ten_times = await peak_of(large, tmp_path / "large", kind, slow)
    assert ten_times > 9 * rows
    assert most - least < _BOUND, f"{least / _MIB:.2f} MiB became {most / _MIB:.2f} MiB"
