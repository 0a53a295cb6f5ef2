"""Every call that the application offers, read from its router, so that a new one is tried too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from aiohttp import web

from tests.integration.calls import NIFTY

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Call:
    """A route: its method and its path with `{names}` in it."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def changing(self) -> bool:
        return self.method not in ("GET", "HEAD", "OPTIONS")

    @property
    def follows(self) -> bool:
        """Is it a WebSocket?"""
        return "/ws" in self.path

    def address(self, **ids: str) -> str:
        """The path with its names replaced: `task_id`, `template`, `schedule`, or an unknown id."""
        kind = self.path.removeprefix("/api/").partition("/")[0].removesuffix("s")
        return self.path.format(
            task_id=ids.get("task_id", UNKNOWN), id=ids.get(kind, UNKNOWN)
        )  # fmt: skip

    def body(self, request: Any) -> Any:
        """A body that is taken, made of one that `start` takes; an empty object by default."""
        name = str(uuid4())
        match self.path:
            case "/api/export/start" | "/api/export/preview":
                return request
            case "/api/export/available-expiries":
                return {"instruments": [NIFTY]}
            case "/api/templates" | "/api/templates/{id}":
                return {"name": name, "request": request}
            case "/api/templates/import":
                return {"expirytrack_template": 1, "name": name, "request": request}
            case "/api/schedules" | "/api/schedules/{id}":
                return {"name": name, "cron": "0 4 * * 1", "request": request, "paused": True}
            case "/api/schedules/explain":
                return {"cron": "0 4 * * 1"}
            case "/api/export/tasks/{task_id}":
                return {"note": name}
            case _:
                return {}


def calls_of(app: web.Application) -> list[Call]:
    """Every method and path, static files by one of theirs."""
    found = set()
    for route in app.router.routes():
        assert route.resource is not None
        path = route.resource.canonical
        if isinstance(route.resource, web.StaticResource):
            path += "/theme.js"
        found.add(Call(route.method, path))
    assert len(found) > 30
    return sorted(found, key=str)
