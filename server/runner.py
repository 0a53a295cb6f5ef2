"""Runs tasks: admission, order, recovery, cancel, retry, removal, and a quiet end.

Each try is an asyncio task (a job). The table is told of every change first, watchers second; a
caller who leaves in between does not keep the second from following.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from exporter.checkpoint import Checkpoint
from exporter.errors import Code, ExportError, Suspended
from exporter.files import unbroken
from exporter.model import Artefact, ExportSpec, now_ist
from exporter.pipeline import run_export
from exporter.sources.sqlite import MarketDatabase
from server.artefacts import Artefacts, Swept
from server.errors import Refused
from server.faults import log_unknown
from server.job import Job
from server.progress import Hub
from server.room import check_room
from server.settings import Settings
from server.states import State
from server.store import TaskStore
from server.tasks import PLAIN, Origin, Task, stamp

log = logging.getLogger(__name__)

_RETRY_AFTER_S = 5
# A full memory is looked at again after this; jobs that end wake the dispatcher at once.
_LOOK_AGAIN_S = 1.0


class Runner:
    """Call `start`, then anything else, then `stop`."""

    def __init__(
        self,
        settings: Settings,
        store: TaskStore,
        database: MarketDatabase,
        artefacts: Artefacts,
        hub: Hub,
        *,
        memory: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._store = store
        self._database = database
        self._artefacts = artefacts
        self._hub = hub
        self._memory = memory
        self._owner = str(uuid4())
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._unwanted: set[str] = set()
        self._places_lent = 0
        self._wake = asyncio.Event()
        self._dispatcher: asyncio.Task[None] | None = None
        self.draining = False

    async def start(self) -> None:
        """Take over what earlier servers left, remove leftovers, and begin to work."""
        for task in await self._store.recover(self._owner, stamp(now_ist())):
            log.warning("task %s was interrupted and is %s now", task.task_id, task.status.value)
        swept = await asyncio.to_thread(self._artefacts.sweep, await self._store.with_files())
        if swept.removed:
            log.info("removed %d leftover files, %d bytes", swept.removed, swept.bytes)
        self._dispatcher = asyncio.create_task(self._dispatch())

    async def stop(self) -> None:
        """Begin nothing new, bring running jobs to a checkpoint, put them back in the queue."""
        self.draining = True
        self._wake.set()
        if self._dispatcher is not None:
            await self._dispatcher
        for job in self._jobs.values():
            job.control.suspend()
        running = set(self._running.values())
        if running:
            _, late = await asyncio.wait(running, timeout=self._settings.grace)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def accept(
        self,
        spec: ExportSpec,
        warnings: tuple[str, ...] = (),
        *,
        retry_of: str | None = None,
        origin: Origin = PLAIN,
    ) -> Task:
        """A new task, durable when this returns.

        Raises Refused, ExportError(STORAGE_*), and Taken for a slot or key that has its task.
        """
        self._not_stopping()
        await asyncio.to_thread(self._artefacts.prepare)
        now = now_ist()
        await check_room(self._database, self._artefacts, spec, now)
        adding = self._store.add(
            str(uuid4()),
            spec,
            stamp(now),
            warnings=warnings,
            retry_of=retry_of,
            origin=origin,
            most_waiting=self._settings.max_queue,
        )
        task = await unbroken(self._told(adding))
        if task is None:
            raise Refused(
                "busy",
                f"{self._settings.max_queue} exports are waiting already; try again later",
                retry_after=_RETRY_AFTER_S,
            )
        return task

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the places of running exports, for work that has no task.

        Raises Refused(busy) where all are taken, Refused(unavailable) at the server's end.
        """
        self._not_stopping()
        if self._busy or self._memory_full():
            raise Refused("busy", f"{self._settings.max_exports} exports are running already; try"
                          " again later, or start this as a task, which waits its turn",
                          retry_after=_RETRY_AFTER_S)  # fmt: skip
        self._places_lent += 1
        try:
            yield
        finally:
            self._places_lent -= 1
            self._wake.set()

    @property
    def _busy(self) -> bool:
        return len(self._running) + self._places_lent >= self._settings.max_exports

    def _not_stopping(self) -> None:
        if self.draining:
            raise Refused("unavailable", "the server is stopping; try again in a moment",
                          retry_after=_RETRY_AFTER_S)  # fmt: skip

    async def get(self, task_id: str) -> Task:
        """The newest state of a task. Raises Refused(not_found)."""
        job = self._jobs.get(task_id)
        task = job.task if job is not None else await self._store.get(task_id)
        if task is None:
            raise Refused("not_found", "there is no such task")
        return task

    def newest(self, tasks: list[Task]) -> list[Task]:
        """The same tasks, with what running jobs know of them."""
        return [
            self._jobs[task.task_id].task if task.task_id in self._jobs else task for task in tasks
        ]

    async def cancel(self, task_id: str) -> Task:
        """Ask a task to stop. Raises Refused(not_found, conflict)."""
        return await unbroken(self._cancel(task_id))

    async def _cancel(self, task_id: str) -> Task:
        task = await self._told(self._store.cancel(task_id, stamp(now_ist())))
        if task is not None:
            await asyncio.to_thread(self._artefacts.remove, task_id)
            return task
        requested = await self._store.request_cancel(task_id)
        if requested is not None:
            job = self._jobs.get(task_id)
            if job is None:
                # Claimed this moment: the dispatcher has not begun it yet.
                self._unwanted.add(task_id)
                return requested
            job.stored(requested)
            self._stop(job)
            return job.task
        task = await self._store.get(task_id) or await self.get(task_id)
        if task.status is not State.CANCELLED:
            raise Refused("conflict", f"the task is {task.status.value} and cannot be cancelled")
        return task

    async def set_note(self, task_id: str, note: str | None) -> Task:
        """Keep what a person wrote about a task. Raises Refused(not_found)."""
        return await unbroken(self._set_note(task_id, note))

    async def _set_note(self, task_id: str, note: str | None) -> Task:
        task = await self._store.set_note(task_id, note)
        if task is None:
            raise Refused("not_found", "there is no such task")
        job = self._jobs.get(task_id)
        if job is None:
            self._hub.publish(task)
            return task
        job.stored(task)
        return job.task

    async def remove(self, task_id: str) -> Task:
        """Remove a finished task with its file. Raises Refused(not_found, conflict)."""
        return await unbroken(self._remove(task_id))

    async def _remove(self, task_id: str) -> Task:
        task = await self._store.delete(task_id)
        if task is None:
            task = await self.get(task_id)
            raise Refused("conflict", f"the task is {task.status.value}; cancel it first")
        await asyncio.to_thread(self._artefacts.remove, task_id)
        return task

    async def expire(self, task: Task) -> Swept:
        """completed -> expired, then the file goes; nothing if somebody was faster."""
        return await unbroken(self._expire(task))

    async def _expire(self, task: Task) -> Swept:
        if await self._told(self._store.expire(task.task_id)) is None:
            return Swept()
        return await asyncio.to_thread(self._artefacts.remove, task.task_id)

    async def purge(self) -> Swept:
        """Expire what is past the limits of age and size, and remove leftovers."""
        settings = self._settings
        before = None
        if settings.keep_days:
            before = stamp(now_ist() - timedelta(days=settings.keep_days))
        swept = await self.keep_to_schedules(now_ist())
        swept += await self._expire_all(
            await self._store.to_purge(before, settings.keep_bytes or None)
        )
        known = await self._store.with_files()
        return swept + await asyncio.to_thread(self._artefacts.sweep, known)

    async def keep_to_schedules(self, now: datetime) -> Swept:
        """Expire what is past the limits that each schedule has for its own runs."""
        return await self._expire_all(await self._store.to_purge_of_schedules(stamp(now)))

    async def _expire_all(self, tasks: list[Task]) -> Swept:
        swept = Swept()
        for task in tasks:
            swept += await self.expire(task)
        return swept

    async def _dispatch(self) -> None:
        while not self.draining:
            self._wake.clear()
            if not self._busy and not self._memory_full():
                task = await self._insist(
                    lambda: self._store.claim_next(self._owner, stamp(now_ist()))
                )
                if task is not None:
                    self._begin(task)
                    continue
                await self._wake.wait()
            elif not self._busy:
                await self._woken_or(_LOOK_AGAIN_S)
            else:
                await self._wake.wait()

    async def _woken_or(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def _memory_full(self) -> bool:
        # With nothing running there is nothing to wait for: the memory would never fall.
        limit = self._settings.memory_limit
        return bool(limit and self._running and self._memory() > limit)

    def _begin(self, task: Task) -> None:
        job = Job(task, self._hub.publish, self._store.next_seq)
        self._jobs[task.task_id] = job
        self._hub.publish(task)
        job.export = asyncio.create_task(self._export(job))
        self._running[task.task_id] = asyncio.create_task(self._work(job, job.export))
        if task.task_id in self._unwanted:
            self._unwanted.discard(task.task_id)
            self._stop(job)

    def _stop(self, job: Job) -> None:
        # Only the export: a task that is cancelled before its first step would record nothing.
        job.cancel_wanted = True
        if job.export is not None:
            job.export.cancel()

    async def _work(self, job: Job, export: asyncio.Task[Artefact]) -> None:
        """One try, from the claim to the row that says how it ended."""
        try:
            await asyncio.wait({export})
        except asyncio.CancelledError:
            export.cancel()
            # How it ended is recorded in any case, so a second cancel has nothing to add.
            with suppress(asyncio.CancelledError):
                await unbroken(_ended(export))
        try:
            await unbroken(self._record(job, export))
        finally:
            task_id = job.task.task_id
            del self._jobs[task_id]
            del self._running[task_id]
            self._wake.set()

    async def _export(self, job: Job) -> Artefact:
        task = job.task

        async def save(checkpoint: Checkpoint) -> None:
            kept = await self._store.save_checkpoint(
                task.task_id, self._owner, checkpoint, job.last, job.work_s
            )
            if kept is not None:
                job.stored(kept)

        resume = task.parsed_checkpoint
        await check_room(
            self._database, self._artefacts, task.parsed_spec, task.accepted_at,
            written=resume.offset if resume else 0,
        )  # fmt: skip
        return await run_export(
            self._database,
            task.parsed_spec,
            accepted_at=task.accepted_at,
            folder=self._artefacts.folder(task.task_id),
            observe=job.observe,
            control=job.control,
            resume=resume,
            save_checkpoint=save,
            max_rows=self._settings.max_rows or None,
            keep_free=self._settings.keep_free,
        )

    async def _record(self, job: Job, export: asyncio.Task[Artefact]) -> None:
        """Write down how a try ended, however long the table's disk takes to have room for it."""
        job.close()
        error = asyncio.CancelledError() if export.cancelled() else export.exception()
        stopped = isinstance(error, Suspended | asyncio.CancelledError)
        if job.cancel_wanted if stopped else error is not None:
            # An export that ended before it took up its earlier part has left that behind.
            try:
                await asyncio.to_thread(self._artefacts.remove, job.task.task_id)
            except ExportError as failed:
                log.error("%s", failed.message)
        ended = await self._insist(lambda: self._ending(job, export, error))
        if ended is not None:
            job.end(ended)

    async def _ending(
        self, job: Job, export: asyncio.Task[Artefact], error: BaseException | None
    ) -> Task | None:
        task_id, owner, at = job.task.task_id, self._owner, stamp(now_ist())
        if error is None:
            return await self._store.complete(task_id, owner, export.result(), at, job.work_s)
        if isinstance(error, Suspended | asyncio.CancelledError):
            if job.cancel_wanted:
                return await self._store.cancelled(task_id, owner, at)
            return await self._store.put_back(task_id, owner, at)
        if isinstance(error, ExportError):
            log.warning("task %s failed: %s: %s", task_id, error.code.value, error.message)
            return await self._store.fail(task_id, owner, error.code, error.message, at)
        message = log_unknown(log, f"task {task_id}", error).message
        return await self._store.fail(task_id, owner, Code.INTERNAL, message, at)

    async def _insist(self, change: Callable[[], Coroutine[Any, Any, Task | None]]) -> Task | None:
        """Repeat a change while the table cannot be written; at the end of a server give it up.

        What could not be written is an orphan then, which the next start takes over.
        """
        while True:
            try:
                return await change()
            except ExportError as error:
                log.error("%s", error.message)
                if self.draining:
                    return None
            await self._woken_or(_LOOK_AGAIN_S)

    async def _told(self, change: Coroutine[Any, Any, Task | None]) -> Task | None:
        """A change of the table and what must follow it; call it where no cancel comes between."""
        task = await change
        if task is not None:
            self._tell(task)
        return task

    def _tell(self, task: Task) -> None:
        self._hub.publish(task)
        self._wake.set()


async def _ended(task: asyncio.Task[Any]) -> None:
    await asyncio.wait({task})
