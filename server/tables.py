"""The task database: opened, brought up to date, and read by one connection.

Every change is one statement that commits by itself: an await that is cancelled here leaves no
transaction open, the statement either happened or did not.
"""

from __future__ import annotations

import asyncio
import re
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import aiosqlite
import apsw
import orjson

from exporter.errors import Code, ExportError
from exporter.files import unbroken
from exporter.sources.driver import connect

_SETUP = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
_BUSY_MS = 10_000


class StoreError(Exception):
    """The task database cannot be used; the message says what to do."""


class Taken(Exception):
    """What must be unique is there already, or what is pointed at is not there (any more)."""


class Tables:
    """Open one with `Tables.open`; close it when done."""

    def __init__(self, path: Path, connection: aiosqlite.Connection) -> None:
        self.path = path
        self.connection = connection

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make the tables, and bring older ones up to date. Raises StoreError."""
        try:
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            connection = await connect(path, readonly=False, busy_ms=_BUSY_MS)
        except (OSError, apsw.Error) as error:
            raise _unusable(path, error) from error
        try:
            await connection.executescript(_SETUP)
            await _migrate(path, connection)
        except apsw.Error as error:
            await connection.close()
            raise _unusable(path, error) from error
        except BaseException:
            await connection.close()
            raise
        return cls(path, connection)

    async def close(self) -> None:
        await self.connection.close()

    async def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What one statement answers. Raises ExportError(STORAGE_*) and Taken."""
        try:
            return [tuple(row) for row in await self.connection.execute_fetchall(sql, values)]
        except apsw.FullError as error:
            raise ExportError(
                Code.STORAGE_FULL,
                f"the disk of the task database {self.path} has no room left; nothing was changed",
            ) from error
        except (apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError) as error:
            raise ExportError(
                Code.STORAGE_FAILED, f"the task database {self.path} failed: {error}"
            ) from error
        except apsw.ConstraintError as error:
            # apsw's exceptions carry the extended code, which says what rule it was.
            if getattr(error, "extendedresult", None) in _NOT_UNIQUE:
                raise Taken(str(error)) from error
            raise


_NOT_UNIQUE = {
    apsw.SQLITE_CONSTRAINT_UNIQUE,
    apsw.SQLITE_CONSTRAINT_PRIMARYKEY,
    apsw.SQLITE_CONSTRAINT_FOREIGNKEY,
}


def as_json(value: object) -> str:
    """The text that is kept in a column of JSON."""
    return orjson.dumps(value).decode()


def _unusable(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"the task database {path} cannot be used ({error}); check its folder's rights, move it"
        " away to begin a new one, or choose another with --tasks"
    )


async def _migrate(path: Path, connection: aiosqlite.Connection) -> None:
    folder = files(__package__).joinpath("migrations")
    steps = {
        int(match[1]): entry
        for entry in folder.iterdir()
        if (match := re.fullmatch(r"([0-9]{3})_\w+\.sql", entry.name))
    }
    ((version,),) = await connection.execute_fetchall("PRAGMA user_version")
    if version > max(steps):
        raise StoreError(
            f"the task database {path} was made by a newer version (schema {version}, this one"
            f" knows {max(steps)}); upgrade the program or choose another file with --tasks"
        )
    for number in sorted(steps):
        if number > version:
            script = await asyncio.to_thread(steps[number].read_text, "utf-8")
            # One call, so that no cancel can leave the transaction open.
            await unbroken(_step(connection, script, number))


async def _step(connection: aiosqlite.Connection, script: str, number: int) -> None:
    try:
        await connection.executescript(
            f"BEGIN IMMEDIATE; {script}; PRAGMA user_version={number}; COMMIT"
        )
    except apsw.Error:
        if connection.in_transaction:
            await connection.executescript("ROLLBACK")
        raise
