"""One try at one task: turns the exporter's progress into what watchers see."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from exporter.control import Control
from exporter.model import Artefact, Progress
from server.tasks import Task, percent

# Watchers get at most four frames a second; more states than this would only be overwritten.
_TELL_EVERY_S = 0.1
_RATE_OVER_S = 5.0


class Job:
    """`task` is the newest state; it never runs backwards within a try."""

    def __init__(
        self, task: Task, publish: Callable[[Task], None], next_seq: Callable[[], int]
    ) -> None:
        self.task = task
        self.control = Control()
        self.export: asyncio.Task[Artefact] | None = None
        self.cancel_wanted = False
        self.last: Progress | None = None
        self._closed = False
        self._publish = publish
        self._next_seq = next_seq
        self._told_at = 0.0
        self._began = time.monotonic()
        self._before_s = task.work_s or 0.0
        self._recent: deque[tuple[float, int]] = deque()

    @property
    def work_s(self) -> float:
        """Seconds of work so far, those of earlier tries included."""
        return round(self._before_s + time.monotonic() - self._began, 3)

    def observe(self, progress: Progress) -> None:
        """Called by the exporter with every block that it has written."""
        self.last = progress
        now = time.monotonic()
        if now - self._told_at < _TELL_EVERY_S:
            return
        self._told_at = now
        rate = self._rate(now, progress.rows_done)
        left = max(0, progress.rows_total - progress.rows_done)
        self.update(
            replace(
                self.task,
                rows_done=max(self.task.rows_done, progress.rows_done),
                rows_total=progress.rows_total or self.task.rows_total,
                bytes_done=max(self.task.bytes_done, progress.bytes_done),
                contracts_done=max(self.task.contracts_done, progress.contracts_done),
                contracts_total=progress.contracts_total or self.task.contracts_total,
                contract=progress.contract,
                message=progress.message,
                resumed_from_rows=progress.resumed_from_rows,
                progress=max(self.task.progress, percent(progress.rows_done, progress.rows_total)),
                rate=rate,
                eta_s=round(left / rate, 1) if rate else None,
                seq=self._next_seq(),
            )
        )

    def stored(self, task: Task) -> None:
        """A change has been written to the table: take it over, keep what only a job knows."""
        live = self.task
        self.update(
            replace(
                task,
                seq=max(task.seq, self._next_seq()),
                rows_done=max(live.rows_done, task.rows_done),
                rows_total=live.rows_total or task.rows_total,
                bytes_done=max(live.bytes_done, task.bytes_done),
                contracts_done=max(live.contracts_done, task.contracts_done),
                resumed_from_rows=max(live.resumed_from_rows, task.resumed_from_rows),
                message=live.message,
                contract=live.contract,
                progress=live.progress,
                rate=live.rate,
                eta_s=live.eta_s,
            )
        )

    def update(self, task: Task) -> None:
        if not self._closed:
            self.task = task
            self._publish(task)

    def close(self) -> None:
        """Tell no more: how the try ended is being written down, under a `seq` taken now.

        A state told meanwhile would be newer than the end, and watchers would never hear of that.
        """
        self._closed = True

    def end(self, task: Task) -> None:
        """The last state of this try."""
        self.task = task
        self._publish(task)

    def _rate(self, now: float, rows: int) -> float | None:
        recent = self._recent
        recent.append((now, rows))
        while len(recent) > 2 and now - recent[0][0] > _RATE_OVER_S:
            recent.popleft()
        elapsed = now - recent[0][0]
        return round((rows - recent[0][1]) / elapsed, 1) if elapsed > 0 else None
