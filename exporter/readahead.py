"""Runs an asynchronous generator ahead of whoever consumes it, by a bounded number of items."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _End:
    """The generator's end, and the error that it ended with."""

    error: Exception | None


class ReadAhead(Generic[T]):
    """Iterate it once; an error of the generator is raised where the consumer has come to it."""

    def __init__(self, items: AsyncGenerator[T], ahead: int) -> None:
        self._queue: asyncio.Queue[T | _End] = asyncio.Queue(ahead)
        self._task = asyncio.create_task(self._fill(items))

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            item = await self._queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    def cancel(self) -> None:
        """Ask the generator to end, wherever it is."""
        self._task.cancel()

    async def ended(self) -> None:
        """Returns when the generator's clean-up is done."""
        await asyncio.wait({self._task})

    async def _fill(self, items: AsyncGenerator[T]) -> None:
        error: Exception | None = None
        try:
            async with aclosing(items) as source:
                async for item in source:
                    await self._queue.put(item)
        except Exception as raised:
            error = raised
        await self._queue.put(_End(error))


async def stop_all(readings: Collection[ReadAhead[T]]) -> None:
    """End them all; returns when the last one's clean-up is done."""
    for reading in readings:
        reading.cancel()
    for reading in readings:
        await reading.ended()
