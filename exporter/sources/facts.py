"""What was found out about a contract's candles, once, and whether it still holds.

A contract is *plain* if all its rows are in the canonical form, so that the engine's own text
is the right text. Facts hold for one fingerprint of the file and are worthless for any other.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from exporter.model import Window


@dataclass(frozen=True, slots=True)
class Facts:
    """Rows per day of one contract, after duplicates were dropped.

    `first_day` is a date's ordinal; `offsets` from it and `counts` are packed and parallel, a day
    each. Both are 32 bits wide: one mistyped year lies further than 16 bits of days away.
    """

    plain: bool
    rows: int
    dropped: int
    first_day: int
    offsets: bytes
    counts: bytes

    @classmethod
    def of(cls, plain: bool, dropped: int, days: Iterable[tuple[date, int]]) -> Facts:
        """`days` in order, with the number of candles of each."""
        pairs = [(day.toordinal(), count) for day, count in days]
        first = pairs[0][0] if pairs else 0
        return cls(
            plain,
            sum(count for _, count in pairs),
            dropped,
            first,
            b"".join((day - first).to_bytes(4, _ORDER) for day, _ in pairs),
            b"".join(count.to_bytes(4, _ORDER) for _, count in pairs),
        )

    def rows_in(self, window: Window) -> int:
        """Candles on the days of `window`."""
        if window.open:
            return self.rows
        begin, end = self._span(window)
        return sum(memoryview(self.counts).cast("I")[begin:end])

    def stretches(self, window: Window, rows: int) -> Iterator[tuple[date, date, int]]:
        """Runs of whole days (first, last, candles) of about `rows` candles each."""
        begin, end = self._span(window)
        offsets, counts = memoryview(self.offsets).cast("I"), memoryview(self.counts).cast("I")
        start, held = begin, 0
        for place in range(begin, end):
            if held and held + counts[place] > rows:
                yield self._day(offsets[start]), self._day(offsets[place - 1]), held
                start, held = place, 0
            held += counts[place]
        if held:
            yield self._day(offsets[start]), self._day(offsets[end - 1]), held

    def _day(self, offset: int) -> date:
        return date.fromordinal(self.first_day + offset)

    def _span(self, window: Window) -> tuple[int, int]:
        days = memoryview(self.offsets).cast("I")
        begin, end = 0, len(days)
        if window.first is not None:
            begin = bisect_left(days, window.first.toordinal() - self.first_day)
        if window.last is not None:
            end = bisect_right(days, window.last.toordinal() - self.first_day)
        return begin, max(begin, end)


_ORDER: Literal["little", "big"] = sys.byteorder
