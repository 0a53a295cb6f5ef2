"""Every option with the values that tests try, and ways to combine them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from exporter.model import (
    Compression,
    Delimiter,
    ExcelTimes,
    FileFormat,
    Level,
    SymbolStyle,
    TimeRange,
)

Choice = Mapping[str, Any]

TIMES: Sequence[Choice] = (
    *({"time_range": one.value} for one in TimeRange),
    {"from_date": "2025-09-09", "to_date": "2025-09-15"},
    {"from_date": "2025-09-16"},
    {"to_date": "2025-09-05"},
    {"from_date": "2040-01-01"},
    {"days_before_expiry": 0},
    {"days_before_expiry": 400, "from_date": "2025-09-09", "to_date": "2025-09-15"},
)
# All of a row in another order, few of it, none of what changes, and titles that spoil a careless
# writer; beside the metadata columns, which exclude a list of columns.
COLUMNS: Sequence[Choice] = (
    {"columns": None, "include_metadata": False},
    {"include_metadata": True},
    {"columns": [
        "oi", "volume", "close", "low", "high", "open", "epoch_ms", "epoch_s", "timestamp",
        "trading_symbol", "option_type", "strike", "expiry", "instrument", "time", "date",
        "openalgo_symbol",
    ]},
    {"columns": ["strike", "instrument"]},
    {"columns": [
        {"name": "close", "as": "Close, 'last' \"%s\" %d"},
        {"name": "oi", "as": "@oi"},
        {"name": "epoch_ms", "as": "=t;ime\\"},
        {"name": "trading_symbol", "as": "चिह्न ?1"},
        {"name": "timestamp", "as": "timestamp"},
    ]},
)  # fmt: skip

AXES: Mapping[str, Sequence[Choice]] = {
    "format": [{"format": one.value} for one in FileFormat],
    "include_openalgo": [{}, {"include_openalgo": True}, {"include_openalgo": False}],
    "columns": COLUMNS,
    "delimiter": [{}, *({"delimiter": one.value} for one in Delimiter)],
    "decimals": [{}, *({"decimals": places} for places in (0, 2, 6))],
    "excel": [{"excel": False}, {"excel": True}],
    "excel_times": [{"excel_times": one.value} for one in ExcelTimes],
    "excel_split": [{"excel_split": False}, {"excel_split": True}],
    "symbol_style": [{"symbol_style": one.value} for one in SymbolStyle],
    "separate_files": [{}, {"separate_files": True}, {"separate_files": False}],
    "time": TIMES,
    "rows": [
        {"min_volume": None, "from_time": None},
        {"from_time": "09:17", "to_time": "15:29"},
        {"from_time": "23:59"},
        {"to_time": "00:00", "min_volume": 1},
        {"min_volume": 75},
        {"min_volume": 2**53},
    ],
    "option_types": [{}, {"option_types": ["PE", "FUT"]}, {"option_types": ["CE"]}],
    "strikes": [
        {},
        {"strike_from": 22700, "strike_to": None},
        {"strike_from": 99.75, "strike_to": 22700.5},
        {"strikes_around": 1},
        {"strikes_around": 3, "strike_to": 25900},
    ],
    "only_with_candles": [{}, {"only_with_candles": True}],
    "compression": [{"compression": one.value} for one in Compression],
    "level": [{"level": one.value} for one in Level],
}


def named(choice: Choice) -> str:
    """A test's name: short, and without what a terminal would trip over."""
    text = "-".join(map(str, choice.values()))
    return re.sub("[^A-Za-z0-9.-]+", "", text)[:80]


def compatible(one: Choice, other: Choice) -> bool:
    """May a request say both? What is no text is compressed anyway, and a workbook is one file."""
    both = [one, other]
    if any(
        first.get("format") == "xlsx" and second.get("separate_files")
        for first, second in (both, reversed(both))
    ):
        return False
    return not any(
        first.get("compression", "none") != "none"
        and (second.get("format") in ("zip", "parquet", "xlsx") or second.get("separate_files"))
        for first, second in (both, reversed(both))
    )


def every(*axes: str) -> Iterator[dict[str, Any]]:
    """All combinations of these axes."""
    for choices in product(*(AXES[axis] for axis in axes)):
        yield merged(choices)


def pairwise() -> list[dict[str, Any]]:
    """A few combinations in which any two values of different axes meet at least once."""
    names = list(AXES)
    missing = {
        (a, i, b, j)
        for a, b in combinations(range(len(names)), 2)
        for i in range(len(AXES[names[a]]))
        for j in range(len(AXES[names[b]]))
        if compatible(AXES[names[a]][i], AXES[names[b]][j])
    }
    rows: list[list[int]] = []
    while missing:
        a, i, b, j = min(missing)
        row: list[int | None] = [None] * len(names)
        row[a], row[b] = i, j
        for axis, name in enumerate(names):
            if row[axis] is None:
                fixed = [(other, known) for other, known in enumerate(row) if known is not None]
                scores = [
                    sum(_pair(axis, value, *one) in missing for one in fixed)
                    if all(compatible(choice, AXES[names[o]][known]) for o, known in fixed)
                    else -1
                    for value, choice in enumerate(AXES[name])
                ]
                row[axis] = scores.index(max(scores))
        whole = [value for value in row if value is not None]
        rows.append(whole)
        missing -= {_pair(a, whole[a], b, whole[b]) for a, b in combinations(range(len(whole)), 2)}
    return [merged([AXES[name][row[axis]] for axis, name in enumerate(names)]) for row in rows]


def merged(choices: Sequence[Choice]) -> dict[str, Any]:
    """One choice out of several."""
    return {name: value for choice in choices for name, value in choice.items()}


def _pair(a: int, i: int, b: int, j: int) -> tuple[int, int, int, int]:
    return (a, i, b, j) if a < b else (b, j, a, i)
