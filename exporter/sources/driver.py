"""aiosqlite over apsw: a current SQLite everywhere, faster here, and without a global lock.

Measured in docs/performance.md. `aiosqlite.Connection` takes any callable that returns a DB-API
face; this one has what aiosqlite calls and nothing else. Statements commit by themselves.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import aiosqlite
import apsw

from exporter.files import unbroken

_CACHE_KIB = 2048
_CHUNK = 1000


class Each(Iterable[tuple[Any, ...]]):
    """Parameters of several runs of one statement, and what is made of all their rows together.

    `finish` runs in the connection's thread, so that rows and what becomes of them need one way
    there and back. Given to `execute_fetchall` in place of parameters.
    """

    def __init__(
        self,
        parameters: Sequence[tuple[Any, ...]],
        finish: Callable[[list[Any]], list[Any]],
    ) -> None:
        self.parameters = parameters
        self.finish = finish

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.parameters)


class _Finished:
    """A cursor's face over what `Each` has made."""

    def __init__(self, made: list[Any]) -> None:
        self._made = made

    def fetchall(self) -> list[Any]:
        return self._made


class Face:
    """A DB-API connection's face over apsw's, used by aiosqlite in its own thread."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.raw = connection

    def execute(self, sql: str, parameters: Iterable[Any] = ()) -> apsw.Cursor | _Finished:
        if isinstance(parameters, Each):
            rows = self.raw.executemany(sql, parameters).fetchall()
            return _Finished(parameters.finish(rows))
        return self.raw.execute(sql, tuple(parameters))

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> apsw.Cursor:
        return self.raw.executemany(sql, parameters)

    def executescript(self, sql: str) -> apsw.Cursor:
        cursor = self.raw.execute(sql)
        # apsw pauses at each statement that has rows; a script is run to its end.
        cursor.fetchall()
        return cursor

    def cursor(self) -> apsw.Cursor:
        return self.raw.cursor()

    def interrupt(self) -> None:
        self.raw.interrupt()

    def close(self) -> None:
        self.raw.close(True)

    @property
    def in_transaction(self) -> bool:
        return bool(self.raw.in_transaction)


async def connect(
    path: str | Path,
    *,
    readonly: bool,
    busy_ms: int = 5000,
    immutable: bool = False,
    prepare: Callable[[apsw.Connection], None] | None = None,
) -> aiosqlite.Connection:
    """An open connection; every statement is a transaction of its own.

    `immutable` reads a file in a folder nobody can write; `prepare` runs once in the
    connection's thread. Errors are apsw's (apsw.BusyError, apsw.CorruptError, ...).
    """

    def connector() -> Face:
        flags = apsw.SQLITE_OPEN_URI
        flags |= (
            apsw.SQLITE_OPEN_READONLY
            if readonly
            else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        )
        raw = apsw.Connection(_uri(Path(path), immutable), flags=flags)
        raw.set_busy_timeout(busy_ms)
        raw.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        if prepare is not None:
            prepare(raw)
        return Face(raw)

    connection = aiosqlite.Connection(cast(Callable[[], sqlite3.Connection], connector), _CHUNK)
    # A process that was told to end must not wait for a query nobody will read.
    connection._thread.daemon = True
    opening = asyncio.ensure_future(_opened(connection))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        # Its thread cannot be stopped half-way: let it open, and close what nobody wants.
        await unbroken(_unwanted(opening))
        raise


async def _opened(connection: aiosqlite.Connection) -> aiosqlite.Connection:
    return await connection


async def _unwanted(opening: asyncio.Future[aiosqlite.Connection]) -> None:
    await asyncio.wait({opening})
    if not opening.cancelled() and opening.exception() is None:
        await opening.result().close()


def _uri(path: Path, immutable: bool) -> str:
    text = quote(str(path.absolute()).replace("\\", "/"))
    prefix = "file:" if text.startswith("/") else "file:///"
    return f"{prefix}{text}{'?immutable=1' if immutable else ''}"
