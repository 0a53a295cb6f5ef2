"""What the database stores, read once into exact text (spec, "Values").

Every function either returns the right text or raises `Unreadable` with the value in it.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

IST_OFFSET_S = 19800
_DAY_S = 86400
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

# 2000, when India's derivatives began, to 2100. A wider window would take what is no epoch time,
# such as 20250905091500, for one.
_FIRST_EPOCH_S, _LAST_EPOCH_S = 946_684_800, 4_102_444_800

_TEXT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]+)?)?"
    r" ?(Z|z|[+-][0-9]{2}:?[0-9]{2})?"
)
# Bounded, because what a float cannot hold would cost its own size in memory to write out.
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,3})?"
)
_WHOLE = re.compile(r"[+-]?[0-9]{1,400}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unreadable(ValueError):
    """A stored value that nobody can read; `column` and `value` say which."""

    def __init__(self, column: str, value: object) -> None:
        super().__init__(f"{column} {value!r}")
        self.column = column
        self.value = value


class Candle(NamedTuple):
    """One minute bar as exact text; `oi` is None where it is not known, `at` is its instant."""

    date: str
    time: str
    timestamp: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    oi: str | None
    at: int

    @property
    def epoch_s(self) -> str:
        return str(self.at)

    @property
    def epoch_ms(self) -> str:
        return str(self.at * 1000)


def instant(value: object) -> int:
    """A stored timestamp as whole epoch seconds.

    ISO text with `T` or a space (no offset: Indian time), epoch seconds or milliseconds.
    """
    if isinstance(value, str):
        match = _TEXT.fullmatch(value)
        if match is not None:
            return _from_text(value, match)
        if _NUMBER.fullmatch(value.strip()):
            return _from_epoch(value, Decimal(value.strip()))
    elif isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
        return _from_epoch(value, Decimal(value))
    raise Unreadable("timestamp", value)


def candle(at: int, prices: tuple[object, ...], volume: object, oi: object) -> Candle:
    """A candle from an instant (see `instant`) and the stored open, high, low, close, and so on."""
    day, clock = instant_text(at)
    opened, high, low, close = prices
    return Candle(
        day,
        clock,
        f"{day}T{clock}+05:30",
        price_text("open", opened),
        price_text("high", high),
        price_text("low", low),
        price_text("close", close),
        count_text("volume", volume),
        None if oi is None else count_text("oi", oi),
        at,
    )


def instant_text(at: int) -> tuple[str, str]:
    """Date and time of an instant in Indian time."""
    day, second = divmod(at + IST_OFFSET_S, _DAY_S)
    return _day_text(day), f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def day_of(at: int) -> date:
    """The Indian calendar day of an instant."""
    return date.fromordinal((at + IST_OFFSET_S) // _DAY_S + _EPOCH_ORDINAL)


def stored_time(value: object) -> str:
    """A stored timestamp as Indian ISO text."""
    day, clock = instant_text(instant(value))
    return f"{day}T{clock}+05:30"


def price_text(column: str, value: object) -> str:
    """The shortest decimal text that gives the number back; a point always, an exponent never."""
    number = _number(value)
    if isinstance(number, int):
        return f"{number}.0"
    if isinstance(number, float) and isfinite(number):
        text = repr(number)
        if "e" not in text:
            return text
        return decimal_text(Decimal(text))
    raise Unreadable(column, value)


def decimal_text(value: Decimal) -> str:
    """An exact number in the form of a price."""
    plain = format(value, "f")
    return plain if "." in plain else f"{plain}.0"


def count_text(column: str, value: object) -> str:
    """A whole number as text; 150.0 is 150, 150.5 cannot be read."""
    number = _number(value)
    if isinstance(number, int):
        return str(number)
    if isinstance(number, float) and number.is_integer():
        return str(int(number))
    raise Unreadable(column, value)


def _number(value: object) -> object:
    """A number that is stored as text, exact where it is whole; else the value itself."""
    if isinstance(value, str):
        text = value.strip()
        if _WHOLE.fullmatch(text):
            return int(text)
        if _NUMBER.fullmatch(text):
            return float(text)
    return value


def _from_text(value: str, match: re.Match[str]) -> int:
    year, month, day, hour, minute = (int(match[n]) for n in range(1, 6))
    try:
        moment = datetime(year, month, day, hour, minute, int(match[6] or 0), tzinfo=UTC)
        shown = (moment - _EPOCH).days * _DAY_S + hour * 3600 + minute * 60 + moment.second
        return _checked(value, shown - _offset_s(match[7]))
    except ValueError:
        raise Unreadable("timestamp", value) from None


def _offset_s(text: str | None) -> int:
    if text is None:
        return IST_OFFSET_S
    if text in "Zz":
        return 0
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    return (hours * 3600 + minutes * 60) * (-1 if text[0] == "-" else 1)


def _from_epoch(value: object, number: Decimal) -> int:
    if _FIRST_EPOCH_S <= number < _LAST_EPOCH_S:
        return int(number)
    if _FIRST_EPOCH_S * 1000 <= number < _LAST_EPOCH_S * 1000:
        return int(number) // 1000
    raise Unreadable("timestamp", value)


def _checked(value: object, at: int) -> int:
    try:
        _EPOCH + timedelta(seconds=at + IST_OFFSET_S)
    except OverflowError:
        raise Unreadable("timestamp", value) from None
    return at


@lru_cache(maxsize=4096)
def _day_text(day: int) -> str:
    return date.fromordinal(day + _EPOCH_ORDINAL).isoformat()
