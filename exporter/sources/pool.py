"""A few connections to one database file, lent out in the order they were asked for."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiosqlite
import apsw

from exporter.sources.driver import connect
from exporter.sources.fingerprint import fingerprint
from exporter.sources.trouble import cannot_open, missing, patiently, unfinished

_BUSY_MS = 250
_NICENESS = 5


class Pool:
    """At most `size` read-only connections, opened when first needed and kept for reuse.

    A lease that ends in an error or a cancel interrupts its query and gives the connection up;
    its place is free again once the thread has really stopped.
    """

    def __init__(self, path: Path, size: int, lock_wait_s: float) -> None:
        self._path = path
        self._lock_wait_s = lock_wait_s
        self._places = asyncio.Semaphore(size)
        self._idle: list[aiosqlite.Connection] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._generation = 0
        self._returned = asyncio.Event()

    async def uncrowded(self) -> None:
        """Wait until nobody would be kept waiting by one more lease."""
        while self._places.locked():
            self._returned.clear()
            await self._returned.wait()

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[aiosqlite.Connection]:
        await self._places.acquire()
        connection: aiosqlite.Connection | None = None
        generation = self._generation
        try:
            connection = self._idle.pop() if self._idle else await self._opened()
            yield connection
        except BaseException:
            self._give_up(connection)
            raise
        if generation != self._generation:
            self._give_up(connection)
        else:
            self._idle.append(connection)
            self._release()

    async def renew(self) -> None:
        """Close what is open: the file at the path has become another one."""
        self._generation += 1
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    async def close(self) -> None:
        await self.renew()
        while self._ending:
            await asyncio.wait(self._ending)

    def _give_up(self, connection: aiosqlite.Connection | None) -> None:
        if connection is None:
            self._release()
            return
        task = asyncio.create_task(self._end(connection))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _release(self) -> None:
        self._places.release()
        self._returned.set()

    async def _end(self, connection: aiosqlite.Connection) -> None:
        try:
            await connection.interrupt()
            await connection.close()
        finally:
            self._release()

    async def _opened(self) -> aiosqlite.Connection:
        return await patiently(self._path, self._open, self._lock_wait_s)

    async def _open(self) -> aiosqlite.Connection:
        """Raises apsw and OS errors, and ExportError for what is not a file at all."""
        if not await asyncio.to_thread(self._path.is_file):
            raise cannot_open(self._path) if self._path.exists() else missing(self._path)
        try:
            return await self._try(immutable=False)
        except (apsw.CantOpenError, apsw.ReadOnlyError):
            if not await asyncio.to_thread(self._unwritable_and_whole):
                raise
            return await self._try(immutable=True)

    async def _try(self, *, immutable: bool) -> aiosqlite.Connection:
        connection = await connect(
            self._path, readonly=True, busy_ms=_BUSY_MS, immutable=immutable, prepare=self._prepare
        )
        try:
            # The first read is what fails where the -shm file cannot be made.
            await connection.execute_fetchall("SELECT count(*) FROM sqlite_schema")
        except BaseException:
            await connection.close()
            raise
        return connection

    def _prepare(self, raw: apsw.Connection) -> None:
        _give_way()
        raw.execute("PRAGMA query_only=ON; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF")

        def live(*_: object) -> str:
            state = fingerprint(self._path)
            return str(state) if state.settled else f"{state} unsettled"

        raw.create_scalar_function("fingerprint", live, 0)

    def _unwritable_and_whole(self) -> bool:
        # Where it could be written, opening failed for another reason (no descriptor was left,
        # say), and a writer may come at any time: such a file must not be read without locks.
        # What stands in either file belongs to the database, and only a writer can take it in.
        return (
            not os.access(self._path.parent, os.W_OK)
            and not any(unfinished(self._path))
            and os.access(self._path, os.R_OK)
        )


def _give_way() -> None:
    """This thread reads for exports: the loop, and whoever else needs the machine, comes first."""
    if sys.platform != "linux":
        return  # Elsewhere a priority belongs to the whole process.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
