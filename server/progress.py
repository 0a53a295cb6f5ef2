"""The hub between jobs and whoever watches them.

Publishing never waits. A subscriber holds one slot per task in which the newest state wins, so a
slow one costs the newest states of the tasks it follows and delays nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from server.tasks import Task


class Subscription:
    """One watcher's slots. `task_id` None follows every task."""

    def __init__(self, task_id: str | None) -> None:
        self.task_id = task_id
        self._slots: dict[str, Task] = {}
        self._news = asyncio.Event()
        self._over = asyncio.Event()
        self._ended = False

    @property
    def ended(self) -> bool:
        """Has the hub been closed?"""
        return self._ended

    async def wait(self) -> None:
        """Until there is something to take, or the hub is closed."""
        await self._news.wait()

    async def over(self) -> None:
        """Until the one task that is followed has come to its end, or the hub is closed."""
        await self._over.wait()

    def take(self) -> list[Task]:
        """What has changed since the last call, oldest change first; final states before others.

        When any state is final only those are handed out, and the rest stays for the next call.
        """
        final = [task for task in self._slots.values() if task.status.final]
        taken = final or list(self._slots.values())
        for task in taken:
            del self._slots[task.task_id]
        if not self._slots and not self._ended:
            self._news.clear()
        return sorted(taken, key=lambda task: task.seq)

    def put(self, task: Task) -> None:
        held = self._slots.get(task.task_id)
        if held is None or held.seq < task.seq:
            self._slots[task.task_id] = task
            self._news.set()
            if task.status.final and self.task_id is not None:
                self._over.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()
        self._over.set()


class Hub:
    """Hands each change to every subscription that follows its task."""

    def __init__(self) -> None:
        self._of_all: set[Subscription] = set()
        self._of_one: dict[str, set[Subscription]] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._of_all) + sum(len(some) for some in self._of_one.values())

    def subscribe(self, task_id: str | None = None) -> Subscription:
        """Call `unsubscribe` when done."""
        subscription = Subscription(task_id)
        self._group(task_id).add(subscription)
        if self._closed:
            subscription.end()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        group = self._group(subscription.task_id)
        group.discard(subscription)
        if subscription.task_id is not None and not group:
            del self._of_one[subscription.task_id]

    def publish(self, task: Task) -> None:
        for subscription in self._of_all:
            subscription.put(task)
        for subscription in self._of_one.get(task.task_id, ()):
            subscription.put(task)

    def close(self) -> None:
        """Tell every watcher that no more will come."""
        self._closed = True
        for subscription in self._everyone():
            subscription.end()

    def _everyone(self) -> Iterable[Subscription]:
        yield from self._of_all
        for group in self._of_one.values():
            yield from group

    def _group(self, task_id: str | None) -> set[Subscription]:
        return self._of_all if task_id is None else self._of_one.setdefault(task_id, set())
