"""What the process costs: memory, processor time, and how late its event loop is."""

from __future__ import annotations

import asyncio
import time
from collections import deque

import psutil

TICK_S = 0.05
KEPT = 1200


class Monitor:
    """Ticks twenty times a second and remembers the last minute."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._late: deque[float] = deque(maxlen=KEPT)
        self._ticking: asyncio.Task[None] | None = None
        self._started = time.monotonic()

    @property
    def uptime_s(self) -> float:
        return time.monotonic() - self._started

    def rss(self) -> int:
        """Resident memory in bytes."""
        return int(self._process.memory_info().rss)

    def cpu_s(self) -> float:
        """Processor seconds spent so far, by user and system."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def lag_ms(self, part: float = 0.99) -> float:
        """How late the loop's ticks were in the last minute, at this quantile, in milliseconds."""
        late = sorted(self._late)
        return round(late[min(len(late) - 1, int(len(late) * part))] * 1000, 2) if late else 0.0

    async def start(self) -> None:
        self._ticking = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait({self._ticking})

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            self._late.append(max(0.0, loop.time() - due))
