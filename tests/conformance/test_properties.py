"""Databases that nobody would think of: the product and the oracle agree on each."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.sources.sqlite import MarketDatabase
from tests import makers, oracle
from tests.conformance.judge import everything, judged
from tests.conformance.options import AXES, compatible, merged

START = datetime(2025, 9, 8, 18, 0, tzinfo=UTC)

prices = st.one_of(
    st.integers(-100, 10**7).map(lambda ticks: ticks / 20),
    st.integers(0, 10**7).map(lambda ticks: ticks * 0.0025),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0, 1e6, allow_nan=False).map(lambda price: round(price, 4)),
)
counts = st.one_of(st.integers(0, 10**9), st.integers(0, 2**62), st.integers(0, 2**40).map(float))
# Few instants, so that several texts say the same one.
moments = st.integers(0, 3 * 24 * 12).map(lambda step: START + timedelta(minutes=5 * step))


@st.composite
def times(draw: st.DrawFn) -> Any:
    """One instant in any of the forms that files hold."""
    moment = draw(moments)
    indian = moment.astimezone(oracle.INDIA)
    form = draw(st.sampled_from(["plain"] * 6 + ["space", "zone", "Z", "s", "ms", "part", "real"]))
    second = int(moment.timestamp())
    if form == "space":
        return indian.strftime("%Y-%m-%d %H:%M:%S")
    if form == "zone":
        offset = timezone(timedelta(minutes=15 * draw(st.integers(-48, 56))))
        return moment.astimezone(offset).isoformat()
    if form == "part":
        return indian.isoformat().replace("+", f".{draw(st.integers(0, 999)):03}+")
    return {
        "plain": indian.isoformat(),
        "Z": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "s": second,
        "ms": second * 1000 + 999,
        "real": second + 0.5,
    }[form]


canonical = moments.map(lambda moment: moment.astimezone(oracle.INDIA).isoformat())


@st.composite
def candles(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """A contract's rows: all in the collector's own form, or in any."""
    when = draw(st.sampled_from([canonical, times()]))
    price = draw(st.sampled_from([st.integers(1, 10**6).map(lambda n: n / 20), prices]))
    row = st.tuples(when, price, price, price, price, counts, st.none() | counts)
    rows = draw(st.lists(row, max_size=8))
    # The key is unique in the file: of two that are the same text, the last.
    return list({row[0]: row for row in rows}.values())


texts = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12
) | st.sampled_from(["NIFTY 22700 CE", "M&M 1 CE", "=1,2", '-"x"', "360ONE x"])
contracts = st.fixed_dictionaries(
    {
        "instrument": st.sampled_from([makers.NIFTY, "NCD_FO|USDINR", "BCD_FO|USDINR"]),
        "expiry": st.sampled_from(["2025-09-09", "2025-09-10", "2025-09-11"]),
        "kind": st.sampled_from(["CE", "PE", "FUT"]),
        "strike": st.integers(1, 400).map(lambda ticks: ticks / 4) | st.integers(1, 90000),
        "trading_symbol": texts,
        "lot_size": st.integers(1, 5000),
        "tick_size": st.sampled_from([5, 0.25, 0.05, None]),
        "candles": candles(),
    }
)
choices = (
    st.tuples(*(st.sampled_from(values) for values in AXES.values()))
    .filter(lambda chosen: all(compatible(*pair) for pair in combinations(chosen, 2)))
    .map(merged)
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(made=st.lists(contracts, min_size=1, max_size=5), choice=choices, old=st.booleans())
def test_made_up_databases(made: list[dict[str, Any]], choice: dict[str, Any], old: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.db"
        with makers.Maker(path, old=old) as maker:
            maker.db.execute("PRAGMA synchronous = OFF")
            for key in (makers.NIFTY, "NCD_FO|USDINR", "BCD_FO|USDINR"):
                maker.instrument(key, key.split("|")[1])
            for one in made:
                strike = None if one["kind"] == "FUT" else one["strike"]
                maker.contract(**{**one, "strike": strike})
        options = {name: value for name, value in choice.items() if name != "format"}
        request = everything(path, choice["format"], **options)
        export = oracle.load(path, request)
        asyncio.run(both_ways(path, request, export, Path(folder) / "out"))


async def both_ways(
    path: Path, request: dict[str, Any], export: oracle.Export, folder: Path
) -> None:
    """The fast way and the careful way, each against the oracle."""
    for careful in (False, True):
        database = MarketDatabase(path, readers=2, careful=careful)
        try:
            await judged(database, request, folder, export=export)
        finally:
            await database.close()
