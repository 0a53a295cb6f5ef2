"""Reading ahead: in order, by a bounded number, and ended cleanly wherever it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from exporter.readahead import ReadAhead, stop_all


class Source:
    """Numbers from nought; says how far it came and whether it was closed."""

    def __init__(self, end: int, error: Exception | None = None) -> None:
        self.end, self.error = end, error
        self.given = 0
        self.closed = False

    async def items(self) -> AsyncGenerator[int]:
        try:
            for number in range(self.end):
                self.given = number + 1
                yield number
            if self.error is not None:
                raise self.error
        finally:
            await asyncio.sleep(0)
            self.closed = True


async def until_it_waits() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.parametrize("end", [0, 1, 2, 3, 100])
async def test_everything_comes_in_order(end: int) -> None:
    source = Source(end)
    assert [item async for item in ReadAhead(source.items(), 2)] == list(range(end))
    assert source.closed


@pytest.mark.parametrize("ahead", [1, 2, 5])
async def test_it_runs_ahead_by_so_many_and_no_more(ahead: int) -> None:
    source = Source(100)
    reading = ReadAhead(source.items(), ahead)
    await until_it_waits()
    assert source.given == ahead + 1
    taken = 0
    async for _ in reading:
        taken += 1
        await until_it_waits()
        assert source.given == min(100, taken + ahead + 1)
    assert taken == 100


async def test_an_error_is_raised_where_the_consumer_has_come_to_it() -> None:
    items = aiter(ReadAhead(Source(3, KeyError("x")).items(), 10))
    assert [await anext(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError):
        await anext(items)


@pytest.mark.parametrize("taken", [0, 1, 5])
async def test_stopping_closes_the_generator(taken: int) -> None:
    source = Source(5)
    reading = ReadAhead(source.items(), 2)
    items = aiter(reading)
    for _ in range(taken):
        await anext(items)
    await until_it_waits()
    await stop_all([reading])
    assert source.closed
    await stop_all([reading])


async def test_one_that_never_began_is_stopped_too() -> None:
    source = Source(5)
    reading = ReadAhead(source.items(), 2)
    await stop_all([reading])
    assert source.given == 0


async def test_all_are_stopped_at_once() -> None:
    sources = [Source(5) for _ in range(20)]
    readings = [ReadAhead(source.items(), 1) for source in sources]
    await until_it_waits()
    await stop_all(readings)
    assert all(source.closed for source in sources)
    assert asyncio.all_tasks() == {asyncio.current_task()}
