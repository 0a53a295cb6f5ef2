"""What SQLite's errors mean to the person whose database it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

import apsw

from exporter.errors import Code, ExportError

T = TypeVar("T")

_PAUSE_S = 0.25
# Whoever does the work knows who watches it; what waits does not.
_told: ContextVar[Callable[[], None] | None] = ContextVar("_told", default=None)


@contextmanager
def translated(path: Path) -> Generator[None]:
    """Turns errors of the engine and the file system into ExportErrors that say what to do."""
    try:
        yield
    except (apsw.BusyError, apsw.LockedError, apsw.ProtocolError) as error:
        raise ExportError(
            Code.DATABASE_BUSY,
            f"{path} stayed locked by another program; let the collector finish and try again",
        ) from error
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError) as error:
        raise cannot_open(path) from error
    except (apsw.NotADBError, apsw.CorruptError, apsw.FormatError, apsw.IOError) as error:
        raise ExportError(
            Code.DATABASE_UNREADABLE,
            f"{path} is damaged or not an SQLite database ({error}); check it with"
            " 'sqlite3 FILE \"PRAGMA integrity_check\"' or restore a copy",
        ) from error
    except UnicodeDecodeError as error:
        raise ExportError(
            Code.DATABASE_UNREADABLE, f"{path} holds text that is not UTF-8 ({error.reason})"
        ) from error
    except apsw.SQLError as error:
        raise ExportError(
            Code.DATABASE_SCHEMA,
            f"{path} does not have the tables and columns that ExpiryTrack makes: {error}",
        ) from error
    except FileNotFoundError as error:
        raise missing(path) from error
    except OSError as error:
        raise cannot_open(path) from error


async def patiently(path: Path, action: Callable[[], Awaitable[T]], wait_s: float) -> T:
    """Repeats `action` while another program holds a lock, for `wait_s` seconds at the most."""
    deadline = asyncio.get_running_loop().time() + wait_s
    while True:
        try:
            with translated(path):
                return await action()
        except ExportError as error:
            if error.code is not Code.DATABASE_BUSY:
                raise
            if asyncio.get_running_loop().time() >= deadline:
                raise
        tell = _told.get()
        if tell is not None:
            tell()
        await asyncio.sleep(_PAUSE_S)


@contextmanager
def telling(of_wait: Callable[[], None]) -> Generator[None]:
    """Inside, `of_wait` is called again and again while another program's lock is waited for."""
    token = _told.set(of_wait)
    try:
        yield
    finally:
        _told.reset(token)


def unfinished(path: Path) -> list[Path]:
    """Files beside the database without which it is not whole: a log or a journal with content."""
    beside = (Path(f"{path}-{kind}") for kind in ("wal", "journal"))
    return [file for file in beside if file.is_file() and file.stat().st_size]


def missing(path: Path) -> ExportError:
    return ExportError(
        Code.DATABASE_MISSING,
        f"there is no database at {path}; point --db at ExpiryTrack's file, or try --demo",
    )


def cannot_open(path: Path) -> ExportError:
    """Why a file that is there does not open: rights, or a WAL in a folder nobody can write."""
    if not path.exists():
        return missing(path)
    for file in unfinished(path):
        if file.name.endswith("-wal"):
            return ExportError(
                Code.DATABASE_UNREADABLE,
                f"{path} cannot be opened because {file.name} beside it holds newer data and the"
                " folder cannot be written; copy both files to a folder that can be, and open the"
                " copy",
            )
        return ExportError(
            Code.DATABASE_UNREADABLE,
            f"{path} was left in the middle of a change, which {file.name} beside it takes back;"
            " start the collector once, which repairs it, and keep the two files together",
        )
    return ExportError(
        Code.DATABASE_UNREADABLE,
        f"{path} cannot be read; check that it is a file and that you may read it",
    )
