"""Cron expressions: refused in words, or read the same forwards, backwards and aloud."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import BadInput
from exporter.model import IST
from server.cron import Cron, parse_cron, slot_text

MONDAY = datetime(2025, 9, 22, 9, 0, tzinfo=IST)

NUMBERS = st.integers(0, 60).map(str)
ITEMS = st.one_of(
    NUMBERS,
    st.sampled_from(["*", "L", "LW", "5L", "MON", "fri", "JAN", "THU#2", "?", "W", ""]),
    st.tuples(NUMBERS, NUMBERS).map("-".join),
    st.tuples(st.sampled_from(["*", "1-30", "5", "L"]), NUMBERS).map("/".join),
    st.text("0123456789*/-,#LWMONJA", max_size=6),
)
FIELDS = st.one_of(st.just("*"), NUMBERS, ITEMS, st.lists(ITEMS, max_size=3).map(",".join))
EXPRESSIONS = st.one_of(
    st.text(max_size=30), st.lists(FIELDS, min_size=5, max_size=5).map(" ".join)
)


@given(EXPRESSIONS, st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)))
def test_any_text_is_read_or_refused_in_words(text: str, moment: datetime) -> None:
    cron: Cron | None = None
    with suppress(BadInput):
        cron = parse_cron(text)
    if cron is None:
        with pytest.raises(BadInput, match=r"^cron "):
            parse_cron(text)
        return
    assert cron.reading.endswith(", Indian time")
    start = moment.replace(tzinfo=IST)
    coming = cron.following(start, 4)
    assert coming == sorted(set(coming))
    for slot in coming:
        assert slot > start
        assert (slot.second, slot.microsecond, slot.utcoffset()) == (0, 0, timedelta(hours=5.5))
    if coming:
        assert cron.after(start) == coming[0]
        assert list(cron.between(start, coming[-1])) == coming[::-1]
        assert list(cron.between(coming[-1], coming[-1])) == []


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("0 9 * * 1", "2025-09-29T09:00:00+05:30"),  # Case 33: 1 is Monday.
        ("0 9 * * 0", "2025-09-28T09:00:00+05:30"),
        ("0 9 * * 7", "2025-09-28T09:00:00+05:30"),
        ("30 15 * * 4L", "2025-09-25T15:30:00+05:30"),  # The last Thursday: monthly expiry.
        ("0 0 29 2 *", "2028-02-29T00:00:00+05:30"),
        ("* * * * *", "2025-09-22T09:01:00+05:30"),
        ("  0\t10 * *  MON ", "2025-09-22T10:00:00+05:30"),
    ],
)
def test_known_readings(text: str, first: str) -> None:
    assert slot_text(parse_cron(text).following(MONDAY, 1)[0]) == first


@pytest.mark.parametrize("offset", [timedelta(), timedelta(microseconds=1), timedelta(seconds=59)])
def test_a_slot_is_due_from_its_second_on(offset: timedelta) -> None:
    cron: Cron = parse_cron("0 9 * * *")
    before = MONDAY - timedelta(seconds=1)
    assert list(cron.between(before, MONDAY + offset)) == [MONDAY]
    assert list(cron.between(before, before)) == []
    # Whatever zone the moments are said in.
    assert list(cron.between(before.astimezone(UTC), MONDAY.astimezone(UTC))) == [MONDAY]
