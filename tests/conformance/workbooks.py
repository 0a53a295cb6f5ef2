"""Excel workbooks against the oracle's rows, read by openpyxl, which did not write them."""

from __future__ import annotations

import io
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any

import openpyxl
from openpyxl.utils.escape import unescape

from tests import oracle

_TIMES = {"date", "time", "timestamp", "expiry"}
_LIST = (
    "openalgo_symbol", "instrument", "expiry", "strike", "option_type", "trading_symbol", "rows",
    "first", "last", "duplicates_dropped", "lot_size", "tick_size",
)  # fmt: skip


def same_workbook(content: bytes, export: oracle.Export) -> None:
    """Assert the sheets, the titles and every cell."""
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    listed, *sheets = book.worksheets
    assert listed.title == "Contracts"
    assert all(len(sheet.title) <= 31 for sheet in sheets)
    moments = export.options.get("excel_times") == "datetime"
    groups = [
        list(group) for _, group in groupby(export.parts, lambda one: (one.label, one.expiry))
    ]
    assert len({sheet.title.casefold() for sheet in book.worksheets}) == len(book.worksheets)
    for sheet, group in zip(sheets, groups, strict=True):
        assert f" {group[0].expiry}" in sheet.title
    named = oracle.columns(export, csv=True)
    for sheet, group in zip(sheets, groups, strict=True):
        wanted = [
            [
                _value(name, oracle.value_of(export, part, candle, name), moments)
                for name, _ in named
            ]
            for part in group
            for candle in part.candles
        ]
        _same(sheet, [[title for _, title in named], *wanted])
    rows = [[_about(part, name, moments) for name in _LIST] for part in export.parts]
    _same(listed, [list(_LIST), *rows])


def _same(sheet: Any, wanted: list[list[Any]]) -> None:
    found = list(sheet.iter_rows(values_only=True))
    assert len(found) == len(wanted)
    for number, (left, right) in enumerate(zip(found, wanted, strict=True)):
        padded = [*left, *[None] * (len(right) - len(left))]
        shown = [_rounded(one) for one in padded]
        assert shown == right, f"row {number} of {sheet.title}: {shown} instead of {right}"


def _rounded(value: Any) -> Any:
    """A cell as it is meant: a moment to the second, since Excel keeps a fraction of a day."""
    if isinstance(value, datetime):
        return (value + timedelta(milliseconds=500)).replace(microsecond=0)
    if isinstance(value, time):
        return _rounded(datetime.combine(date(2000, 1, 1), value)).time()
    if isinstance(value, str):
        # Excel's own way of saying what XML cannot, which this reader leaves to its callers.
        return unescape(value)
    return value


def _about(part: oracle.Part, name: str, moments: bool) -> Any:
    known: dict[str, Any] = {
        "openalgo_symbol": part.symbol,
        "instrument": part.label,
        "expiry": _value("expiry", part.expiry, moments),
        "strike": None if part.strike is None else _number(part.strike),
        "option_type": part.kind,
        "trading_symbol": part.trading_symbol or None,
        "rows": len(part.candles),
        "first": part.candles[0].stamp if part.candles else None,
        "last": part.candles[-1].stamp if part.candles else None,
        "duplicates_dropped": part.dropped,
        "lot_size": part.lot_size,
        "tick_size": part.tick_size,
    }
    return known[name]


def _value(name: str, value: str | oracle.Number | None, moments: bool) -> Any:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return _number(value.text)
    if not moments or name not in _TIMES:
        return value
    if name == "time":
        return time.fromisoformat(value)
    when = datetime.fromisoformat(value).replace(tzinfo=None)
    return value if when < datetime(1900, 3, 1) else when


def _number(text: str) -> float | str:
    """What Excel keeps 15 digits of, else the text."""
    digits = text.replace("-", "").replace(".", "").strip("0")
    return text if len(digits) > 15 else float(text)
