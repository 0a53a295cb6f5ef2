"""Drives a coroutine, and cancels it at one of the points where it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler

T = TypeVar("T")


class Step:
    """Calls `reached` at the `number`th wait: as it begins, or if `late` once it has ended.

    A late cancel finds the work done and its result lost, which is the worst moment for one.
    """

    def __init__(self, number: int, *, late: bool, reached: Callable[[], object]) -> None:
        self.seen = 0
        self._number = number
        self._late = late
        self._reached = reached

    @property
    def taken(self) -> bool:
        """Has the coroutine waited so often?"""
        return self.seen >= self._number

    @coroutine
    def through(self, inner: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """`await step.through(coroutine)` in place of `await coroutine`."""
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                waits_for = inner.send(value) if error is None else inner.throw(error)
            except StopIteration as end:
                result: T = end.value
                return result
            self.seen += 1
            if self.seen == self._number:
                self._tell(waits_for)
            try:
                value, error = (yield waits_for), None
            except BaseException as thrown:  # Handed on to the coroutine, whatever it is.
                value, error = None, thrown

    def _tell(self, waits_for: asyncio.Future[Any] | None) -> None:
        if self._late and waits_for is not None:
            # Before the task's own callback, so that the cancel comes first.
            waits_for.add_done_callback(lambda _: self._reached())
        else:
            self._reached()


class Breaking:
    """A middleware, the outermost: breaks the next request off at its `number`th wait."""

    def __init__(self) -> None:
        self._next: tuple[int, bool] | None = None
        self.step: Step | None = None

    def at(self, number: int, *, late: bool) -> None:
        self._next = number, late

    def install(self, app: web.Application) -> None:
        """Before the application starts."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._answer(request, handler)

        app.middlewares.insert(0, middleware)

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._next is None:
            return await handler(request)
        (number, late), self._next = self._next, None
        task: asyncio.Task[web.StreamResponse]
        step = self.step = Step(number, late=late, reached=lambda: task.cancel())
        task = asyncio.create_task(_stepped(step, handler(request)))
        await asyncio.wait({task})
        if task.cancelled():
            raise ConnectionResetError("broken off")
        return task.result()


async def _stepped(step: Step, inner: Awaitable[T]) -> T:
    async def started() -> T:
        return await inner

    return await step.through(started())
