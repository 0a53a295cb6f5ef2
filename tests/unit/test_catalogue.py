"""What the database offers: instruments, expiries, contracts by symbol or search, counts."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from exporter.errors import Code, ExportError
from exporter.model import Contract, ExportSpec, FileFormat, Options, SymbolStyle, TimeRange
from exporter.sources.sqlite import MarketDatabase
from exporter.symbols import contract_symbol
from tests import makers


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return makers.settle(makers.sample_database(tmp_path_factory.mktemp("sample")))


@pytest.fixture
async def database(sample: Path) -> AsyncIterator[MarketDatabase]:
    opened = MarketDatabase(sample, readers=2)
    yield opened
    await opened.close()


@pytest.fixture
async def odd(tmp_path: Path) -> AsyncIterator[MarketDatabase]:
    opened = MarketDatabase(makers.odd_database(tmp_path / "odd.db"), readers=1)
    yield opened
    await opened.close()


async def test_the_three_come_first_and_all_others_after_them(database: MarketDatabase) -> None:
    catalogue = await database.catalogue()
    names = [one.name for one in catalogue.instruments]
    assert names[:3] == ["Nifty 50", "Bank Nifty", "Sensex"]
    assert names[3:] == sorted(names[3:], key=str.casefold)
    assert len(names) == 13
    assert catalogue.contracts == 95
    assert sum(one.contracts for one in catalogue.instruments) == 95
    for days in catalogue.expiries.values():
        assert list(days) == sorted(days, reverse=True)


async def test_the_three_are_offered_even_if_the_database_has_none(tmp_path: Path) -> None:
    with makers.Maker(tmp_path / "none.db"):
        pass
    database = MarketDatabase(tmp_path / "none.db", readers=1)
    try:
        catalogue = await database.catalogue()
        assert [(one.name, one.expiries) for one in catalogue.instruments] == [
            ("Nifty 50", 0), ("Bank Nifty", 0), ("Sensex", 0),
        ]  # fmt: skip
        assert await database.newest_candle() is None
    finally:
        await database.close()


async def test_names_come_from_the_table_or_the_key(odd: MarketDatabase) -> None:
    catalogue = await odd.catalogue()
    names = {one.key: one.name for one in catalogue.instruments}
    assert names["NSE_EQ|INE101A01026"] == "M&M"
    assert names["NSE|../../x"] == "../../x"
    assert catalogue.instrument("nobody") is None


def symbols(found: list[Contract]) -> set[str]:
    return {contract_symbol(one, SymbolStyle.EXPIRYTRACK) for one in found}


async def test_contracts_by_symbols_of_either_style(database: MarketDatabase) -> None:
    some = sorted(symbols(await database.find(search="NIFTY16DEC25")))
    assert len(some) == 4
    found = await database.find(symbols=some)
    assert symbols(found) == set(some)
    turned = [contract_symbol(one, SymbolStyle.OPENALGO).lower() for one in found]
    assert await database.find(symbols=[*turned, *some]) == found


async def test_a_search_begins_at_the_base_and_knows_no_wildcards(
    database: MarketDatabase, odd: MarketDatabase
) -> None:
    found = await database.find(search="NIFTY")
    assert {one.base for one in found} == {"NIFTY", "NIFTYNXT50"}
    assert await database.find(search="nifty16dec25") == await database.find(search="NIFTY16DEC25")
    assert await database.find(search="BANKNIFTY")
    for nothing in ("NIF_Y", "%", "_", "IFTY"):
        assert await database.find(search=nothing) == []
    assert await odd.find(search="M&M") == await odd.find(search="m&m")


async def test_one_symbol_on_two_exchanges_is_two_contracts(database: MarketDatabase) -> None:
    found = await database.find(symbols=["USDINR12DEC25FUT"])
    assert {one.segment for one in found} == {"NCD_FO", "BCD_FO"}


async def test_symbols_nobody_has_are_all_named(database: MarketDatabase) -> None:
    with pytest.raises(ExportError) as failed:
        await database.find(symbols=["NIFTY16DEC25C1", "nonsense", "NIFTY16DEC25FUT"])
    assert failed.value.code is Code.BAD_INPUT
    assert any("NIFTY16DEC25C1" in problem for problem in failed.value.problems)
    assert any("NONSENSE" in problem for problem in failed.value.problems)


async def test_the_newest_candle(database: MarketDatabase, odd: MarketDatabase) -> None:
    with closing(sqlite3.connect(database.path)) as db:
        ((newest,),) = db.execute("SELECT max(timestamp) FROM historical_data")
    assert await database.newest_candle() == newest
    assert await odd.newest_candle() == "2025-09-17T23:59:59+05:30"


async def test_an_unreadable_time_is_not_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "bad.db"
    with makers.Maker(path) as made:
        made.contract(candles=[("yesterday", 1, 1, 1, 1, 1, 1)])
        made.contract(kind="PE", candles=[(1757043900000, 1, 1, 1, 1, 1, 1)])
        key = made.contract(strike=1)
        made.db.execute(
            "INSERT INTO historical_data VALUES (?, CAST(x'FF' AS TEXT), 1, 1, 1, 1, 1, 1)", (key,)
        )
    database = MarketDatabase(path, readers=1)
    try:
        assert await database.newest_candle() == "2025-09-05T09:15:00+05:30"
    finally:
        await database.close()


def spec_of(key: str, days: tuple[date, ...], time_range: TimeRange = TimeRange.ALL) -> ExportSpec:
    return ExportSpec((key,), {key: days}, FileFormat.CSV, Options(time_range=time_range))


async def test_an_estimate_is_exact_once_all_is_counted(
    odd: MarketDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = (await odd.catalogue()).expiries[makers.BANK]
    monkeypatch.setattr("exporter.sources.sqlite._ESTIMATE_BUDGET_S", -1)
    guess = await odd.estimate(spec_of(makers.BANK, days))
    assert not guess.exact
    assert guess.rows > 0
    monkeypatch.setattr("exporter.sources.sqlite._ESTIMATE_BUDGET_S", 30)
    whole = await odd.estimate(spec_of(makers.BANK, days))
    assert whole.exact
    assert (whole.rows, whole.contracts, whole.careful_contracts) == (20, 5, 5)
    day = await odd.estimate(spec_of(makers.BANK, days, TimeRange.DAY))
    assert 0 < day.rows < whole.rows


async def test_a_selection_narrowed_to_contracts(database: MarketDatabase) -> None:
    (one,) = await database.find(symbols=["NIFTY16DEC25C25900"])
    spec = spec_of(makers.NIFTY, (one.expiry,))
    whole = await database.contracts(spec)
    assert len(whole) == 4
    narrowed = ExportSpec(
        spec.instruments, spec.expiries, spec.format, spec.options, frozenset({one.key})
    )
    assert await database.contracts(narrowed) == [one]


async def test_the_catalogue_follows_the_file(tmp_path: Path) -> None:
    path, other = tmp_path / "a.db", tmp_path / "b.db"
    makers.tiny_database(path)
    with makers.Maker(other) as made:
        made.contract("NSE_EQ|X", trading_symbol="X FUT", kind="FUT", strike=None)
    database = MarketDatabase(path, readers=2)
    try:
        assert (await database.catalogue()).contracts == 5
        os.replace(other, path)
        catalogue = await database.catalogue()
        assert catalogue.contracts == 1
        assert [
            contract_symbol(one, SymbolStyle.OPENALGO) for one in await database.find(search="X")
        ]
    finally:
        await database.close()


async def test_a_contract_without_a_symbol_hides_no_other(tmp_path: Path) -> None:
    with makers.Maker(tmp_path / "market.db") as made:
        made.contract(strike=None, candles=makers.plain())
        good = made.contract(candles=makers.plain())
    database = MarketDatabase(tmp_path / "market.db")
    try:
        for found in (
            await database.find(search="NIFTY"),
            await database.find(symbols=["NIFTY16SEP25C22700"]),
        ):
            assert [one.key for one in found] == [good]
        with pytest.raises(ExportError, match=r"NIFTY31FEB25FUT.*does not exist"):
            await database.find(symbols=["NIFTY31FEB25FUT"])
    finally:
        await database.close()


async def test_a_folder_is_no_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (Path("."), tmp_path):
        database = MarketDatabase(path)
        with pytest.raises(ExportError) as refused:
            await database.catalogue()
        assert refused.value.code is Code.DATABASE_UNREADABLE
        await database.close()
