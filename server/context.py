"""What every handler can reach, put together once by `server.app`."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from exporter.sources.sqlite import MarketDatabase
from server.artefacts import Artefacts
from server.board import Board
from server.monitor import Monitor
from server.progress import Hub
from server.runner import Runner
from server.settings import Settings
from server.store import TaskStore


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


CONTEXT: web.AppKey[Context] = web.AppKey("context", Context)


def context(request: web.Request) -> Context:
    return request.app[CONTEXT]
