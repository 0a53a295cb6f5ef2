"""The engine's text of a row and Python's are the same bytes, for every price that may go so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import apsw
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.columns import (
    COLUMNS,
    FIRST_CONSTANT,
    OI,
    as_columns,
    cells,
    csv_columns,
    csv_head,
    csv_template,
    csv_text,
    json_columns,
    json_template,
    rounded,
)
from exporter.model import Column, Delimiter
from exporter.sources import plain
from exporter.values import candle, instant

STAMP = "2025-09-05T09:15:00+05:30"
CONSTANTS = {
    "openalgo_symbol": "NIFTY16SEP25C22700",
    "instrument": "=M&M, \"x\" 100% '?4' %s",
    "expiry": "2025-09-16",
    "strike": "22700",
    "option_type": "CE",
    "trading_symbol": "@निफ्टी\n%d\\n",
}
RENAMED = [Column(name, f"{name} 'x' \"y\" %s {number}@oi") for number, name in enumerate(COLUMNS)]
PRICES = as_columns(["open", "high", "low", "close"])
TEMPLATES = {
    "csv": csv_template(csv_columns(openalgo=True, metadata=True), CONSTANTS),
    "plain-csv": csv_template(csv_columns(openalgo=False, metadata=False), {}),
    "json": json_template(json_columns(), CONSTANTS),
    "all-csv": csv_template(RENAMED, CONSTANTS, delimiter=Delimiter.SEMICOLON),
    "all-json": json_template(RENAMED, CONSTANTS),
    "constant": csv_template(as_columns(["strike"]), CONSTANTS),
    **{
        f"{places} places": csv_template(PRICES, {}, delimiter=Delimiter.TAB, decimals=places)
        for places in range(9)
    },
}
Row = tuple[Any, ...]
Engine = Callable[[Row], dict[str, str] | None]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """What SQLite makes of a row, or None where the check keeps it from the fast way."""
    connection = apsw.Connection(":memory:")
    connection.execute(
        "CREATE TABLE historical_data (expired_instrument_key TEXT NOT NULL,"
        " timestamp TIMESTAMP NOT NULL, open DECIMAL(10,2), high DECIMAL(10,2), low BLOB,"
        " close BLOB, volume BIGINT, oi BIGINT, PRIMARY KEY (expired_instrument_key, timestamp))"
    )

    def unchanged(*_: object) -> str:
        return ""

    def said(row: Row) -> dict[str, str] | None:
        connection.execute("DELETE FROM historical_data")
        connection.execute("INSERT INTO historical_data VALUES ('k',?,?,?,?,?,?,?)", row)
        ((rows, canonical),) = connection.execute(plain._COUNT.replace(OI, "oi"), ("k",))
        if rows != canonical:
            return None
        found = {}
        for name, template in TEMPLATES.items():
            asked = FIRST_CONSTANT + len(template.constants)
            ((data, *_),) = connection.execute(
                plain.text_query(template.sql, template.separator, "", "oi", 0, asked),
                ("k", "1000-01-01", "9999-12-31U", *template.constants, False),
            )
            found[name] = bytes(data).decode()
        return found

    connection.create_scalar_function("fingerprint", unchanged, 0)
    yield said
    connection.close()


def agree(engine: Engine, row: Row) -> bool:
    """Assert that both say the same if the engine may say it; did it?"""
    said = engine(row)
    if said is None:
        return False
    when, *prices, volume, oi = row
    one = candle(instant(when), tuple(prices), volume, oi)
    assert said == {name: template.build(one) for name, template in TEMPLATES.items()}
    return True


@settings(max_examples=400)
@given(st.integers(1, 10**13 - 1), st.integers(0, 4))
@example(1, 4)
@example(10**13 - 1, 4)
def test_every_price_of_up_to_four_decimals(engine: Engine, digits: int, places: int) -> None:
    price = float(f"{digits}e-{places}")
    fast = agree(engine, (STAMP, price, price, price, price, 1, None))
    assert fast == (0.0001 <= price < 1e9)


@settings(max_examples=400)
@given(
    st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.floats(0, 1e9),
        st.integers(-(2**63), 2**63 - 1),
        st.integers(1, 10**9).map(lambda n: n / 20 + n / 30),
    ),
    st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(-(2**63), 2**63 - 1),
)
def test_any_price_is_said_alike_or_left_to_python(
    engine: Engine, price: float, volume: int, oi: int | None
) -> None:
    agree(engine, (STAMP, price, 1, price, 1, volume, oi))
    agree(engine, (STAMP, 1, price, 1, price, volume, oi))


@pytest.mark.parametrize(
    "row",
    [
        (STAMP, -0.0, 1, 1, 1, 1, 1), (STAMP, 1, 1, -0.0, 1, 1, 1), (STAMP, 0, 1, 1, 1, 1, 1),
        (STAMP, 1, 1, "1.5", 1, 1, 1), (STAMP, 1, 1, b"1.5", 1, 1, 1), (STAMP, 1, 1, None, 1, 1, 1),
        (STAMP, 1, 1, 1, 1, 1.5, 1), (STAMP, 1, 1, 1, 1, "x", 1), (STAMP, 1, 1, 1, 1, None, 1),
        (STAMP, 1, 1, 1, 1, 1, "x"), (STAMP, 1, 1, 1, 1, 1, 1.5), (STAMP, 1, 1, 1, 1, 1, b"1"),
        (STAMP, 1e9, 1, 1, 1, 1, 1), (STAMP, 0.00005, 1, 1, 1, 1, 1), (STAMP, 1e999, 1, 1, 1, 1, 1),
        ("2025-09-05 09:15:00", 1, 1, 1, 1, 1, 1), ("2025-09-05T09:15:00+05:31", 1, 1, 1, 1, 1, 1),
        ("2025-02-29T09:15:00+05:30", 1, 1, 1, 1, 1, 1), (STAMP + "\0", 1, 1, 1, 1, 1, 1),
        ("2025-09-31T09:15:00+05:30", 1, 1, 1, 1, 1, 1), (1757043900, 1, 1, 1, 1, 1, 1),
        ("2025-09-05T24:15:00+05:30", 1, 1, 1, 1, 1, 1), (STAMP.encode(), 1, 1, 1, 1, 1, 1),
        ("2025-00-05T09:15:00+05:30", 1, 1, 1, 1, 1, 1), (STAMP[:-1], 1, 1, 1, 1, 1, 1),
    ],
)  # fmt: skip
def test_what_the_engine_may_not_say(engine: Engine, row: Row) -> None:
    assert engine(row) is None


@pytest.mark.parametrize("year", [1999, 2000, 2024, 2025, 2100])
def test_the_calendar_is_the_true_one(engine: Engine, year: int) -> None:
    for month in range(13):
        for day in (1, 28, 29, 30, 31, 32):
            stamp = f"{year}-{month:02}-{day:02}T15:30:59+05:30"
            try:
                instant(stamp)
            except ValueError:
                assert engine((stamp, 1, 1, 1, 1, 1, 1)) is None
            else:
                assert agree(engine, (stamp, 1, 1, 1, 1, 1, 1))


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("NIFTY", "NIFTY"), ("M&M", "M&M"), ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"),
        ("@x", "'@x"), ("\tx", "'\tx"), ("\rx", "\"'\rx\""), ("a,b", '"a,b"'), ('a"b', '"a""b"'),
        ("a\nb", '"a\nb"'), ("=a,b", '"\'=a,b"'), ("x=1", "x=1"), ("", ""), (" =1", " =1"),
    ],
)  # fmt: skip
def test_a_text_field(text: str, field: str) -> None:
    assert csv_text(text) == field


def test_the_columns() -> None:
    assert csv_columns(openalgo=True, metadata=False) == as_columns([
        "openalgo_symbol", "date", "time", "timestamp", "open", "high", "low", "close", "volume",
        "oi",
    ])  # fmt: skip
    assert csv_columns(openalgo=False, metadata=True)[:8] == as_columns([
        "date", "time", "instrument", "expiry", "strike", "option_type", "trading_symbol",
        "timestamp",
    ])  # fmt: skip
    assert set(csv_columns(openalgo=True, metadata=True)) < set(as_columns(list(COLUMNS)))


@pytest.mark.parametrize(
    ("price", "places", "text"),
    [
        ("1.005", 2, "1.01"), ("-1.005", 2, "-1.01"), ("2.5", 0, "3"), ("-2.5", 0, "-3"),
        ("0.4999", 0, "0"), ("-0.004", 2, "0.00"), ("-0.0", 1, "0.0"), ("83.7525", 3, "83.753"),
        ("83.7525", 8, "83.75250000"), ("2115.0", 0, "2115"), ("0.00000000015", 8, "0.00000000"),
        ("1" * 300 + ".5", 2, "1" * 300 + ".50"), ("4.8100000000000005", 2, "4.81"),
    ],
)  # fmt: skip
def test_prices_are_rounded_as_decimals(price: str, places: int, text: str) -> None:
    assert rounded(price, places) == text


@settings(max_examples=300)
@given(st.integers(1, 10**13 - 1))
@example(9999995000)
@example(999999999 * 10000 + 4999)
@example(10050)
def test_half_goes_away_from_zero_in_the_engine_too(engine: Engine, units: int) -> None:
    price = float(f"{units}e-4")
    half = float(f"{units // 100 * 100 + 50}e-4")
    assert agree(engine, (STAMP, price, half, price, half, 1, None))


@pytest.mark.parametrize(
    "when", ["1970-01-01T05:30:00+05:30", "1969-12-31T23:59:59+05:30", "1000-01-01T00:00:00+05:30",
             "2999-12-31T23:59:59+05:30", "2024-02-29T12:00:00+05:30"],
)  # fmt: skip
def test_epochs_of_any_year(engine: Engine, when: str) -> None:
    assert agree(engine, (when, 1, 1, 1, 1, 1, 1))


def test_a_header_is_guarded_and_quoted_like_any_text() -> None:
    columns = [Column("open", "=a"), Column("close", "b;c"), Column("oi", "d,e")]
    assert csv_head(columns, Delimiter.SEMICOLON) == '\'=a;"b;c";d,e\n'
    assert csv_head(columns, Delimiter.COMMA) == '\'=a,b;c,"d,e"\n'


def test_cells_are_the_files_values() -> None:
    one = candle(instant(STAMP), (1.005, 2, 0.5, 1), 75, None)
    columns = as_columns(["epoch_ms", "epoch_s", "strike", "open", "high", "volume", "oi"])
    shown = ["1757043900000", "1757043900", "22700", "1.01", "2.00", "75", ""]
    assert cells(columns, {"strike": "22700"}, one, 2) == shown
    assert cells(columns, {"strike": ""}, one, None)[2:4] == ["", "1.005"]
