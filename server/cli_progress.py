"""Progress of an export on standard error: a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TextIO

from exporter.model import Progress

_REDRAW_EVERY_S = 0.1
_LINE_EVERY_S = 2.0
_BAR = 24
_NARROWEST = 20
# A rate needs a while before it says anything.
_SETTLED_S = 0.5


class Meter:
    """Takes every `Progress` of one export and shows what a person can read."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._begun = clock()
        self._shown_at: float | None = None
        self._width = 0
        self._terminal = stream.isatty()
        self._blocks = _blocks(stream)
        self._last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        """Show this state, unless the last one shown is too fresh."""
        now = self._clock()
        every = _REDRAW_EVERY_S if self._terminal else _LINE_EVERY_S
        self._last = progress
        if self._shown_at is None or now - self._shown_at >= every:
            self._shown_at = now
            self._show(progress, now)

    def close(self, *, done: bool) -> None:
        """Leave a clean line behind: a bar is wiped out, plain lines end with the last state."""
        if self._terminal:
            if self._width:
                self._stream.write(f"\r{' ' * self._width}\r")
        elif done and self._last is not None:
            self._show(self._last, self._clock())
        self._stream.flush()

    def _show(self, progress: Progress, now: float) -> None:
        if not self._terminal:
            self._stream.write(f"exporting: {self._words(progress, now)}\n")
        else:
            full, empty = self._blocks
            filled = int(_BAR * _share(progress))
            bar = full * filled + empty * (_BAR - filled)
            line = f"{bar} {self._words(progress, now)}"
            if progress.contract:
                line += f"  {progress.contract}"
            line = line[: _columns(self._stream) - 1]
            self._stream.write(f"\r{line.ljust(self._width)}")
            self._width = len(line)
        self._stream.flush()

    def _words(self, progress: Progress, now: float) -> str:
        words = (
            f"{int(100 * _share(progress)):3}%  {progress.rows_done:,} of"
            f" {progress.rows_total:,} rows"
        )
        elapsed = now - self._begun
        if progress.rows_done and elapsed >= _SETTLED_S:
            rate = progress.rows_done / elapsed
            left = round((progress.rows_total - progress.rows_done) / rate)
            words += f"  {rate:,.0f} rows/s  {left // 60}:{left % 60:02} left"
        return words


def _share(progress: Progress) -> float:
    """How much is done, from 0 to 1; contracts count where there are no rows."""
    if progress.rows_total:
        return min(1.0, progress.rows_done / progress.rows_total)
    if progress.contracts_total:
        return progress.contracts_done / progress.contracts_total
    return 1.0


def _columns(stream: TextIO) -> int:
    # Not shutil's: that one measures standard output, which may be a pipe here.
    try:
        return max(_NARROWEST, os.get_terminal_size(stream.fileno()).columns or 80)
    except OSError:
        return 80


def _blocks(stream: TextIO) -> tuple[str, str]:
    """Full and empty cells that the stream's encoding has."""
    try:
        "█░".encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return "#", "-"
    return "█", "░"
