"""`expirytrack history` and `expirytrack purge`: the tasks of a server, running or not."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from exporter.errors import BadInput, Code, ExportError
from exporter.model import FileFormat
from exporter.sources.sqlite import MarketDatabase
from server.artefacts import Artefacts
from server.cli_codes import Exit
from server.cli_text import size_text, table, write_json
from server.client import Client
from server.locks import Lock
from server.progress import Hub
from server.runner import Runner
from server.schemas_kept import filter_of
from server.settings import Settings, add_arguments, settings_from
from server.states import State
from server.store import TaskStore
from server.tasks import status_of

_URL = "http://127.0.0.1:5000"
_PAGE = 200
_LIMITS = ("keep_days", "keep_bytes", "exports")


def add_history(parser: argparse.ArgumentParser) -> None:
    """`history`: every export, newest first."""
    _where(parser)
    parser.add_argument("--state", choices=[one.value for one in State], help="only these")
    parser.add_argument(
        "--search", metavar="TEXT", help="words of the file's name, instruments, note or id"
    )
    parser.add_argument(
        "--format", choices=[one.value for one in FileFormat], help="only of this format"
    )
    parser.add_argument("--instrument", metavar="KEY", help="only with this instrument, by its key")
    parser.add_argument(
        "--from", dest="since", metavar="DATE", help="accepted on this day or later"
    )
    parser.add_argument(
        "--to", dest="until", metavar="DATE", help="accepted on this day or earlier"
    )
    parser.add_argument("--schedule", metavar="ID", help="only of this schedule")
    parser.add_argument("--template", metavar="ID", help="only of this template")
    parser.add_argument(
        "--limit", type=int, default=50, metavar="N", help="at most N (default: 50)"
    )
    parser.add_argument("--json", action="store_true", help="a JSON array of status objects")
    parser.set_defaults(run=run_history)


def add_purge(parser: argparse.ArgumentParser) -> None:
    """`purge`: remove files past the limits, and leftovers."""
    _where(parser)
    add_arguments(parser, _LIMITS)
    parser.add_argument("--json", action="store_true", help="a JSON object")
    parser.set_defaults(run=run_purge)


def run_history(arguments: argparse.Namespace) -> Exit:
    """Raises ApiError, Unreachable, StoreError, ExportError."""
    if arguments.limit < 1:
        raise BadInput(["--limit must be 1 or more"])
    tasks = asyncio.run(_tasks(arguments, settings_from(arguments)))
    if arguments.json:
        write_json(tasks)
        return Exit.DONE
    rows = [
        (
            task["created_at"][:19].replace("T", " "),
            task["status"],
            f"{task['rows_done']:,}",
            "" if task["size"] is None else size_text(task["size"]),
            task["task_id"],
            _told(task),
        )
        for task in tasks
    ]
    print(
        table(("ACCEPTED", "STATE", "ROWS", "SIZE", "TASK", "FILE OR REASON"), rows, (2, 3)), end=""
    )
    return Exit.DONE


def run_purge(arguments: argparse.Namespace) -> Exit:
    """Raises BadInput, ApiError, Unreachable, StoreError, LockedError, ExportError."""
    if arguments.tasks is None and any(getattr(arguments, name) is not None for name in _LIMITS):
        raise BadInput(["a running server has its own limits: --keep-days, --keep-bytes and"
                        " --exports go with --tasks"])  # fmt: skip
    purged = asyncio.run(_purge(arguments, settings_from(arguments)))
    if arguments.json:
        write_json(purged)
    else:
        print(f"{purged['removed']:,} files removed, {size_text(purged['bytes'])}")
    return Exit.DONE


def _where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url", default=_URL, help=f"the server to ask (default: {_URL}); --token if it has one"
    )
    add_arguments(parser, ("token",))
    parser.add_argument(
        "--tasks", metavar="PATH", help="no server runs: use its task database at PATH directly"
    )


async def _tasks(arguments: argparse.Namespace, settings: Settings) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if arguments.tasks is not None:
        store = await _store(settings.tasks)
        try:
            given = {key: text for key, text in _filters(arguments).items() if text}
            wanted = filter_of(given, None)
            return [status_of(task) for task in await store.page(wanted, None, arguments.limit)]
        finally:
            await store.close()
    async with Client(arguments.url, token=settings.token) as client:
        cursor: str | None = None
        while len(found) < arguments.limit:
            limit = min(_PAGE, arguments.limit - len(found))
            page = await client.tasks(cursor=cursor, limit=limit, **_filters(arguments))
            found += page["tasks"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
    return found


def _told(task: dict[str, Any]) -> str:
    """Why it failed, else its file, and what somebody noted."""
    text = str(task["error"] or task["file_name"] or task["status_message"])
    return f"{text} ({task['note']})" if task["note"] else text


def _filters(arguments: argparse.Namespace) -> dict[str, str | None]:
    return {
        "state": arguments.state,
        "q": arguments.search,
        "format": arguments.format,
        "instrument": arguments.instrument,
        "from": arguments.since,
        "to": arguments.until,
        "schedule": arguments.schedule,
        "template": arguments.template,
    }


async def _purge(arguments: argparse.Namespace, settings: Settings) -> dict[str, int]:
    if arguments.tasks is None:
        async with Client(arguments.url, token=settings.token) as client:
            return await client.purge()
    # The same locks as a server's: two must not tidy one place.
    locks = [
        Lock(settings.tasks.with_name(f"{settings.tasks.name}.lock")),
        Lock(settings.exports / ".lock"),
    ]
    taken: list[Lock] = []
    database = MarketDatabase(settings.db)
    try:
        store = await _store(settings.tasks)
        try:
            for lock in locks:
                await asyncio.to_thread(lock.take)
                taken.append(lock)
            artefacts = Artefacts(settings.exports, settings.keep_free)
            runner = Runner(settings, store, database, artefacts, Hub(), memory=lambda: 0)
            swept = await runner.purge()
        finally:
            await store.close()
    finally:
        for lock in taken:
            await asyncio.to_thread(lock.release)
        await database.close()
    return {"removed": swept.removed, "bytes": swept.bytes}


async def _store(path: Path) -> TaskStore:
    if not path.is_file():
        raise ExportError(Code.DATABASE_MISSING, f"there is no task database at {path}")
    return await TaskStore.open(path)
