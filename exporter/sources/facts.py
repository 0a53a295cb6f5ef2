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
class Run:
    """Rows that stand one after another in the file in time order, or all of them backwards.

    `first` is the rowid of the earliest candle, `step` 1 or -1. The collector stores a contract
    at once, the newest candle first; such rows are read without looking each up in an index.
    """

    first: int
    step: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Whole days of a contract, `rows` candles from `first` to `last`, with their run if any."""

    first: date
    last: date
    rows: int
    run: Run | None

    @property
    def step(self) -> int:
        """Of the run; 0 where the rows are found by the key's index."""
        return self.run.step if self.run is not None else 0


@dataclass(frozen=True, slots=True)
class Facts:
    """Rows per day of one contract, after duplicates were dropped.

    `first_day` is a date's ordinal; `offsets` from it and `counts` are packed and parallel, a day
    each. Both are 32 bits wide: one mistyped year lies further than 16 bits of days away. `run`
    is there if the contract is plain and its rows stand together in order.
    """

    plain: bool
    rows: int
    dropped: int
    first_day: int
    offsets: bytes
    counts: bytes
    run: Run | None = None

    @classmethod
    def of(
        cls, plain: bool, dropped: int, days: Iterable[tuple[date, int]], run: Run | None = None
    ) -> Facts:
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
            run,
        )

    def rows_in(self, window: Window) -> int:
        """Candles on the days of `window`."""
        if window.open:
            return self.rows
        begin, end = self._span(window)
        return sum(memoryview(self.counts).cast("I")[begin:end])

    def stretches(self, window: Window, rows: int) -> Iterator[Stretch]:
        """The days of `window` in pieces of about `rows` candles each."""
        begin, end = self._span(window)
        offsets, counts = memoryview(self.offsets).cast("I"), memoryview(self.counts).cast("I")
        start, held = begin, 0
        before = sum(counts[:begin]) if self.run is not None else 0
        for place in range(begin, end):
            if held and held + counts[place] > rows:
                yield self._stretch(offsets[start], offsets[place - 1], held, before)
                before += held
                start, held = place, 0
            held += counts[place]
        if held:
            yield self._stretch(offsets[start], offsets[end - 1], held, before)

    def _stretch(self, first: int, last: int, rows: int, before: int) -> Stretch:
        run = self.run
        if run is not None:
            run = Run(run.first + run.step * before, run.step)
        return Stretch(self._day(first), self._day(last), rows, run)

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
