"""Rows that the engine filters are still held against what was counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from exporter.columns import csv_columns, csv_template
from exporter.filters import row_filter
from exporter.model import Options, Window
from exporter.sources import careful, plain
from exporter.sources.sqlite import MarketDatabase
from tests import makers
from tests.conformance.judge import everything, judged, spec_of


async def test_filtered_rows_stay_on_the_fast_way(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = MarketDatabase(sample)
    try:
        request = everything(sample, min_volume=200, from_time="10:00", to_time="14:59")
        spec = await spec_of(database, request)
        for contract in await database.contracts(spec):
            assert (await database.count(contract)).plain

        async def refused(*_: object) -> None:
            raise AssertionError("the careful way")

        monkeypatch.setattr(careful, "find_order", refused)
        members = await judged(database, request, tmp_path / "out")
        assert sum(map(len, members.values())) > 1000
    finally:
        await database.close()


@pytest.mark.parametrize("least", [0, 150, 10**6])
async def test_a_row_too_few_is_noticed_whatever_the_filter_lets_through(
    least: int, tmp_path: Path
) -> None:
    path = tmp_path / "market.db"
    with makers.Maker(path) as made:
        made.contract(candles=makers.plain(3))
    database = MarketDatabase(path)
    try:
        spec = await spec_of(database, everything(path))
        (contract,) = await database.contracts(spec)
        facts = await database.count(contract)
        (stretch,) = facts.stretches(Window(), 100)
        template = replace(
            csv_template(csv_columns(openalgo=False, metadata=False), {}),
            keep=row_filter(Options(min_volume=least)),
        )
        async with database._pool.lease() as connection:
            wish = plain.Wish(contract.key, template, stretch)
            (read,) = await plain.read_stretches(
                connection, "oi", stretch.step, [wish], lambda reads, state: reads
            )
        kept = {0: 3, 150: 2, 10**6: 0}[least]
        assert (read.rows, read.block.rows) == (3, kept)
        assert read.block.data.count(b"\n") == kept
        assert plain.as_counted(read, wish)
        assert not plain.as_counted(read, replace(wish, stretch=replace(stretch, rows=4)))
    finally:
        await database.close()
