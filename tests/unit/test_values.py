"""Stored values as text, by example and by property; the suite in conformance has the files."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import IST
from exporter.values import (
    Unreadable,
    candle,
    count_text,
    day_of,
    instant,
    instant_text,
    price_text,
    stored_time,
)

AT = 1757043900  # 2025-09-05T09:15:00+05:30


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_price_gives_the_stored_number_back(value: float) -> None:
    text = price_text("open", value)
    assert float(text) == value
    assert "." in text
    assert "e" not in text.lower()
    digits = text.lstrip("-").replace(".", "").strip("0")
    shortest = str(Decimal(repr(value)).as_tuple().digits)
    assert digits in ("", "".join(filter(str.isdigit, shortest)).strip("0"))


@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_are_exact(value: int) -> None:
    assert price_text("open", value) == f"{value}.0"
    assert price_text("open", str(value)) == f"{value}.0"
    assert count_text("volume", value) == str(value)
    assert count_text("volume", str(value)) == str(value)


@given(st.decimals(-(10**6), 10**6, places=4).map(str))
def test_text_and_number_give_one_text(text: str) -> None:
    assert price_text("open", text) == price_text("open", float(text)) or float(text) % 1 == 0
    assert float(price_text("open", text)) == float(text)


@pytest.mark.parametrize("value", [None, "", " ", "x", "1 2", "--1", "1e", "e1", ".", "inf", "nan"])
def test_what_is_no_price_says_its_column_and_value(value: Any) -> None:
    for read in (price_text, count_text):
        with pytest.raises(Unreadable) as failed:
            read("close", value)
        assert (failed.value.column, failed.value.value) == ("close", value)


@pytest.mark.parametrize("value", [150.5, "150.5", "1e-3", 0.1, math.inf, -math.inf, math.nan])
def test_a_part_of_a_share_is_no_volume(value: Any) -> None:
    with pytest.raises(Unreadable):
        count_text("volume", value)


@pytest.mark.parametrize("text", ["1e999999999", "1" * 5000, "0." + "1" * 5000, "1e-999999999"])
def test_a_number_without_bounds_costs_nothing(text: str) -> None:
    for read in (lambda: price_text("open", text), lambda: count_text("volume", text),
                 lambda: instant(text)):  # fmt: skip
        with pytest.raises(Unreadable):
            read()


moments = st.datetimes(datetime(1970, 1, 3), datetime(2300, 1, 1), timezones=st.just(UTC))
offsets = st.integers(-23 * 60, 23 * 60)


@given(moments, offsets)
def test_one_instant_in_any_zone_is_one_instant(moment: datetime, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    seconds = int(moment.timestamp())
    assert instant(moment.astimezone(zone).isoformat()) == seconds
    assert instant(moment.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S")) == seconds
    assert stored_time(moment.isoformat()) == moment.astimezone(IST).isoformat(timespec="seconds")
    assert day_of(seconds) == moment.astimezone(IST).date()
    day, clock = instant_text(seconds)
    assert datetime.fromisoformat(f"{day}T{clock}+05:30") == moment.replace(microsecond=0)


@given(st.integers(946_684_800, 4_102_444_799), st.integers(0, 999))
def test_epoch_seconds_and_milliseconds(seconds: int, part: int) -> None:
    milliseconds = seconds * 1000 + part
    for value in (seconds, float(seconds), str(seconds), milliseconds, str(milliseconds)):
        assert instant(value) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "2025-09-05T09:15:00+05:30", "2025-09-05 09:15:00", "2025-09-05T09:15:00",
        "2025-09-05 09:15", "2025-09-05T09:15:00.999999+05:30", "2025-09-05T09:15:00,5+05:30",
        "2025-09-05T03:45:00Z", "2025-09-05T03:45:00z", "2025-09-05T09:15:00 +0530",
        "2025-09-05T03:45:00-00:00",
    ],
)  # fmt: skip
def test_forms_of_one_instant(text: str) -> None:
    assert instant(text) == AT


@pytest.mark.parametrize(
    "value",
    [
        None, True, b"", "0000-01-01T00:00:00+05:30", "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59", "2025-9-5 9:15:00", "2025-09-05t09:15:00",
        "2025-09-05T09:15:00+0", "2025-09-05T09:15:00 Asia/Kolkata", " 2025-09-05T09:15:00",
        946_684_799, 4_102_444_800, 946_684_799_999, 4_102_444_800_000, math.nan,
    ],
)  # fmt: skip
def test_what_is_no_time(value: Any) -> None:
    with pytest.raises(Unreadable) as failed:
        instant(value)
    assert failed.value.column == "timestamp"


def test_a_candle_is_text_in_every_field() -> None:
    found = candle(AT, (2115, 2115.5, 0.05, "2114.3"), 150.0, None)
    assert found == (
        "2025-09-05", "09:15:00", "2025-09-05T09:15:00+05:30",
        "2115.0", "2115.5", "0.05", "2114.3", "150", None, AT,
    )  # fmt: skip
    assert candle(AT, (1, 1, 1, 1), 1, 0).oi == "0"


def test_days_turn_at_indian_midnight() -> None:
    midnight = int(datetime(2025, 9, 5, tzinfo=IST).timestamp())
    assert day_of(midnight - 1) == date(2025, 9, 4)
    assert day_of(midnight) == date(2025, 9, 5)
