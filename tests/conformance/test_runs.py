"""Rows that stand together in the file are read as they stand, all others by the table's key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from exporter.model import Window
from exporter.sources.facts import Run
from exporter.sources.sqlite import MarketDatabase
from tests import makers
from tests.conformance.judge import everything, judged

DAYS = ("2025-09-12", "2025-09-15", "2025-09-16")
RISING = [row for day in DAYS for row in reversed(makers.plain(5, day))]
ORDERS: dict[str, tuple[Sequence[Any], int]] = {
    "oldest first": (RISING, 1),
    "newest first": (RISING[::-1], -1),
    "day by day, each newest first": ([*RISING[4::-1], *RISING[9:4:-1], *RISING[:9:-1]], 0),
    "two changed places": ([*RISING[:3], RISING[4], RISING[3], *RISING[5:]], 0),
    "one alone": (RISING[:1], 1),
    "none": ([], 0),
}


@pytest.mark.parametrize(("rows", "step"), ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("options", [{}, {"time_range": "1d"}, {"to_date": "2025-09-15"}])
async def test_every_order_gives_the_same_bytes(
    rows: Sequence[Any], step: int, options: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "market.db"
    with makers.Maker(path) as made:
        made.contract(strike=22650, candles=makers.plain())
        key = made.contract(candles=rows)
        made.contract(strike=22750, candles=makers.plain())
    database = MarketDatabase(path, readers=2)
    try:
        await database.take_census()
        contract = next(one for one in await database.find(search="NIFTY") if one.key == key)
        facts = await database.count(contract)
        assert facts.plain
        assert facts.run == (Run(4 if step > 0 else 3 + len(rows), step) if step else None)
        assert facts.rows_in(Window()) == len(rows)
        for format in ("csv", "json", "zip"):
            request = everything(path, format, **options)
            await judged(database, request, tmp_path / "out")
    finally:
        await database.close()


async def test_two_contracts_written_in_turns(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    with makers.Maker(path) as made:
        keys = [made.contract(strike=strike) for strike in (22700, 22750)]
        for row in RISING:
            for key in keys:
                made.candles(key, [row])
    database = MarketDatabase(path, readers=2)
    try:
        for contract in await database.find(search="NIFTY"):
            assert (await database.count(contract)).run is None
        await judged(database, everything(path), tmp_path / "out")
    finally:
        await database.close()
