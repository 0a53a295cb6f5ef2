"""Wiring, and nothing else: which part knows which, and in what order they start and stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

from aiohttp import web

import web as pages
from exporter.errors import ExportError
from exporter.model import now_ist
from exporter.sources.sqlite import MarketDatabase
from server.artefacts import Artefacts
from server.board import Board
from server.context import CONTEXT, Context
from server.door import Door
from server.faults import log_unknown
from server.handlers import (
    api,
    compare,
    downloads,
    exports,
    feed,
    health,
    market,
    options,
    schedules,
    streams,
    templates,
)
from server.handlers import pages as page_handlers
from server.locks import Lock
from server.middleware import errors_and_door, secure
from server.monitor import Monitor
from server.progress import Hub
from server.runner import Runner
from server.scheduler import Scheduler
from server.schedules import ScheduleStore
from server.settings import Settings
from server.store import TaskStore
from server.templates import TemplateStore

log = logging.getLogger(__name__)

_LARGEST_BODY = 1 << 20
_PURGE_EVERY_S = 3600.0


def create_app(
    settings: Settings, *, token: str = "", clock: Callable[[], datetime] = now_ist
) -> web.Application:
    """The application for these settings; `token` (if any) is what callers must present.

    Schedules go by `clock`, which gives Indian time.

    Its start-up raises StoreError and LockedError.
    """
    door = Door(settings, token)
    app = web.Application(
        middlewares=[errors_and_door(door)],
        client_max_size=_LARGEST_BODY,
    )
    app[page_handlers.DOOR] = door
    app[page_handlers.TEMPLATES] = page_handlers.templates()
    for module in (
        page_handlers, market, options, exports, streams, compare, templates, schedules, downloads,
        feed, health, api,
    ):  # fmt: skip
        app.add_routes(module.routes)
    app[api.DOCUMENT] = api.Document.of(app)
    app.router.add_static("/static/", pages.folder("static"), append_version=False)
    app.on_response_prepare.append(secure)
    app.cleanup_ctx.append(lambda app: _parts(app, settings, clock))
    return app


async def _parts(
    app: web.Application, settings: Settings, clock: Callable[[], datetime]
) -> AsyncIterator[None]:
    locks = [Lock(_beside(settings.tasks)), Lock(settings.exports / ".lock")]
    store: TaskStore | None = None
    database = MarketDatabase(
        settings.db,
        readers=settings.readers,
        facts_path=settings.tasks.with_name(f"{settings.tasks.stem}.facts.db"),
    )
    monitor, board = Monitor(), Board(database)
    try:
        for lock in locks:
            await asyncio.to_thread(lock.take)
        store = await TaskStore.open(settings.tasks)
        hub = Hub()
        artefacts = Artefacts(settings.exports, settings.keep_free)
        runner = Runner(settings, store, database, artefacts, hub, memory=monitor.rss)
        kept, planned = TemplateStore(store.tables), ScheduleStore(store.tables)
        scheduler = Scheduler(planned, kept, database, runner, clock=clock)
        app[CONTEXT] = Context(
            settings, store, database, board, artefacts, hub, runner, monitor, kept, planned,
            scheduler,
        )  # fmt: skip
        await monitor.start()
        await runner.start()
        await board.start()
        await scheduler.start()
        purging = asyncio.create_task(_purge_hourly(runner))
        yield
        purging.cancel()
        await asyncio.wait({purging})
        await scheduler.stop()
        await board.stop()
        await runner.stop()
    finally:
        await monitor.stop()
        await database.close()
        if store is not None:
            await store.close()
        for lock in locks:
            await asyncio.to_thread(lock.release)


async def drain(app: web.Application) -> None:
    """Before the server stops listening: bring exports to rest, then tell the watchers."""
    have = app[CONTEXT]
    await have.scheduler.stop()
    await have.runner.stop()
    have.hub.close()


async def _purge_hourly(runner: Runner) -> None:
    while True:
        try:
            await runner.purge()
        except ExportError as error:
            log.error("purging failed: %s", error.message)
        except Exception as error:
            # The next hour tries again; a defect here must not end the server.
            log_unknown(log, "purging", error)
        await asyncio.sleep(_PURGE_EVERY_S)


def _beside(tasks: Path) -> Path:
    return tasks.with_name(f"{tasks.name}.lock")
