"""Every option with the values that tests try, and ways to combine them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from exporter.model import FileFormat, Level, SymbolStyle, TimeRange

Choice = Mapping[str, Any]

TIMES: Sequence[Choice] = (
    *({"time_range": one.value} for one in TimeRange),
    {"from_date": "2025-09-09", "to_date": "2025-09-15"},
    {"from_date": "2025-09-16"},
    {"to_date": "2025-09-05"},
    {"from_date": "2040-01-01"},
)

AXES: Mapping[str, Sequence[Choice]] = {
    "format": [{"format": one.value} for one in FileFormat],
    "include_openalgo": [{}, {"include_openalgo": True}, {"include_openalgo": False}],
    "include_metadata": [{"include_metadata": True}, {"include_metadata": False}],
    "excel": [{"excel": False}, {"excel": True}],
    "symbol_style": [{"symbol_style": one.value} for one in SymbolStyle],
    "separate_files": [{}, {"separate_files": True}, {"separate_files": False}],
    "time": TIMES,
    "level": [{"level": one.value} for one in Level],
}


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
    }
    rows: list[list[int]] = []
    while missing:
        a, i, b, j = min(missing)
        row: list[int | None] = [None] * len(names)
        row[a], row[b] = i, j
        for axis, name in enumerate(names):
            if row[axis] is None:
                scores = [
                    sum(
                        _pair(axis, value, other, known) in missing
                        for other, known in enumerate(row)
                        if known is not None
                    )
                    for value in range(len(AXES[name]))
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
