"""What every handler can reach, put together once by `server.app`."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from exporter.errors import ExportError
from exporter.sources.base import Catalogue
from exporter.sources.sqlite import MarketDatabase
from server.artefacts import Artefacts
from server.board import Board
from server.monitor import Monitor
from server.progress import Hub
from server.runner import Runner
from server.scheduler import Scheduler
from server.schedules import ScheduleStore
from server.settings import Settings
from server.store import TaskStore
from server.templates import TemplateStore


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of one running server."""

    settings: Settings
    store: TaskStore
    database: MarketDatabase
    board: Board
    artefacts: Artefacts
    hub: Hub
    runner: Runner
    monitor: Monitor
    templates: TemplateStore
    schedules: ScheduleStore
    scheduler: Scheduler


CONTEXT: web.AppKey[Context] = web.AppKey("context", Context)


def context(request: web.Request) -> Context:
    return request.app[CONTEXT]


async def known_catalogue(have: Context) -> Catalogue | None:
    """None while the database cannot be read: what is kept can be looked at all the same."""
    try:
        return await have.database.catalogue()
    except ExportError:
        return None
