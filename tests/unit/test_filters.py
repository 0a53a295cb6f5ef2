"""Which contracts and rows are wanted, and where the money is taken to be."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.filters import (
    FUTURE,
    PARITY,
    Money,
    Selection,
    money_by_parity,
    money_of_future,
    row_filter,
    strikes_near,
    wanted_contract,
)
from exporter.model import Contract, ExportSpec, FileFormat, Options, Window
from exporter.plan import make_plan
from exporter.values import candle, instant
from exporter.windows import window_of
from tests.unit.test_spec import BANK, CATALOGUE, NIFTY

EXPIRY = date(2025, 9, 16)


def contract(kind: str, strike: str | None = None, key: str = "k") -> Contract:
    price = None if strike is None else Decimal(strike)
    return Contract(key, NIFTY, "Nifty 50", EXPIRY, kind, price, "NIFTY", "NIFTY")


def ladder(*strikes: str) -> list[Contract]:
    return [contract(kind, strike) for strike in strikes for kind in ("CE", "PE")]


def money(value: str | None) -> Money:
    return Money(NIFTY, EXPIRY, None if value is None else Decimal(value), PARITY)


def test_a_future_says_where_the_money_is() -> None:
    last = candle(instant("2025-09-16T15:29:00+05:30"), (1, 2, 0.5, 25015.55), 75, 1)
    assert money_of_future(contract("FUT"), last) == Money(
        NIFTY, EXPIRY, Decimal("25015.55"), FUTURE
    )


@pytest.mark.parametrize(
    ("closes", "value"),
    [
        ({("100", "CE"): "5.1", ("100", "PE"): "0.1", ("105", "CE"): "0.3", ("105", "PE"): "0.25"},
         "105.05"),
        ({("105", "CE"): "0.25", ("105", "PE"): "0.3", ("100", "CE"): "5", ("100", "PE"): "0.05"},
         "104.95"),
        # Of pairs alike, the lower strike.
        ({("110", "CE"): "1", ("110", "PE"): "2", ("100", "CE"): "2", ("100", "PE"): "1"}, "101"),
        ({("100", "CE"): "5", ("105", "PE"): "5"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_else_the_nearest_pair_says_it(
    closes: dict[tuple[str, str], str], value: str | None
) -> None:
    exact = {(Decimal(strike), kind): Decimal(price) for (strike, kind), price in closes.items()}
    found = money_by_parity(NIFTY, EXPIRY, exact)
    assert found.value == (None if value is None else Decimal(value))
    assert found.method == (None if value is None else PARITY)


@pytest.mark.parametrize(
    ("value", "around", "near"),
    [
        ("100", 1, ["95", "100", "105"]),
        ("97.5", 1, ["90", "95", "100"]),  # half-way: the lower one
        ("97.51", 1, ["95", "100", "105"]),
        ("1", 1, ["90", "95"]),
        ("1000", 2, ["105", "110", "112.5"]),
        ("100", 200, ["90", "95", "100", "105", "110", "112.5"]),
        (None, 1, ["90", "95", "100", "105", "110", "112.5"]),
    ],
)
def test_strikes_around_the_money(value: str | None, around: int, near: list[str]) -> None:
    contracts = [*ladder("90", "95", "100", "105", "110", "112.5"), contract("FUT")]
    assert strikes_near(contracts, money(value), around) == set(map(Decimal, near))


def test_no_strikes_at_all() -> None:
    assert strikes_near([contract("FUT")], money("100"), 3) == frozenset()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (Options(), [True, True, True]),
        (Options(option_types=("CE",)), [True, False, False]),
        (Options(option_types=("FUT",)), [False, False, True]),
        (Options(strike_from=Decimal(100)), [True, False, True]),
        (Options(strike_to=Decimal("99.5")), [False, True, True]),
        (Options(strike_to=Decimal("99.4")), [False, False, True]),
    ],
)
def test_by_type_and_strike(options: Options, wanted: list[bool]) -> None:
    contracts = [contract("CE", "100"), contract("PE", "99.5"), contract("FUT")]
    assert [wanted_contract(one, options) for one in contracts] == wanted


@given(
    st.times(),
    st.integers(0, 10**6),
    st.none() | st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.none() | st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.none() | st.integers(0, 10**6),
)
def test_the_engine_and_python_keep_the_same_rows(
    at: time, volume: int, first: time | None, last: time | None, least: int | None
) -> None:
    stamp = f"2025-09-16T{at.isoformat('seconds')}+05:30"
    keep = row_filter(Options(from_time=first, to_time=last, min_volume=least))
    whole = at.replace(second=0, microsecond=0)
    wanted = (
        (first is None or whole >= first)
        and (last is None or whole <= last)
        and (least is None or volume >= least)
    )
    if keep is None:
        assert wanted
        return
    ((said,),) = apsw.Connection(":memory:").execute(
        f"SELECT {keep.sql} FROM (SELECT ? AS timestamp, ? AS volume)", (stamp, volume)
    )
    assert bool(said) == wanted
    assert keep.wanted(candle(instant(stamp), (1, 1, 1, 1), volume, None)) == wanted


@pytest.mark.parametrize(
    "options", [Options(), Options(min_volume=0), Options(from_time=time(0), to_time=time(23, 59))]
)
def test_where_every_row_is_wanted_there_is_no_filter(options: Options) -> None:
    assert row_filter(options) is None


@pytest.mark.parametrize(
    ("options", "window"),
    [
        (Options(days_before_expiry=0), Window(EXPIRY, EXPIRY)),
        (Options(days_before_expiry=6), Window(date(2025, 9, 10), EXPIRY)),
        (Options(days_before_expiry=6, from_date=date(2025, 9, 12)),
         Window(date(2025, 9, 12), EXPIRY)),
        (Options(days_before_expiry=6, to_date=date(2025, 9, 12)),
         Window(date(2025, 9, 10), date(2025, 9, 12))),
        (Options(days_before_expiry=1, to_date=date(2025, 9, 1)),
         Window(date(2025, 9, 15), date(2025, 9, 1))),
    ],
)  # fmt: skip
def test_days_before_expiry(options: Options, window: Window) -> None:
    assert window_of(options, EXPIRY) == window


def test_what_is_not_known_of_the_money_is_said() -> None:
    spec = ExportSpec((NIFTY, BANK), CATALOGUE.expiries, FileFormat.CSV, Options(strikes_around=1))
    days = [date(2025, 9, day) for day in (2, 9, 16, 23, 30)]
    unknown = [Money(NIFTY, day, None, None) for day in days]
    plan = make_plan(
        spec, CATALOGUE, Selection([], [Money(BANK, EXPIRY, Decimal(1), FUTURE), *unknown]),
        datetime(2025, 9, 19, tzinfo=UTC),
    )  # fmt: skip
    (remark,) = plan.remarks()
    for word in ("2025-09-02", "2025-09-16", "and 2 more"):
        assert word in remark
    assert BANK not in remark
