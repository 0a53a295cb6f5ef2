"""The pages, and the door's own: log in with the token."""

from __future__ import annotations

import asyncio

import jinja2
from aiohttp import web

import web as pages
from exporter.formats.registry import FORMATS
from server import VERSION
from server.door import COOKIE, Door

DOOR: web.AppKey[Door] = web.AppKey("door", Door)
TEMPLATES: web.AppKey[jinja2.Environment] = web.AppKey("templates", jinja2.Environment)

routes = web.RouteTableDef()

_MONTH_S = 30 * 86400
_WRONG_TOKEN_COSTS_S = 0.5


def templates() -> jinja2.Environment:
    """Every value is escaped, and an unknown one is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(pages.folder("templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@routes.get("/")
async def root(_: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/export"})


@routes.get("/export")
async def export(request: web.Request) -> web.Response:
    return page(request, "export", formats=FORMATS)


@routes.get("/templates")
async def kept(request: web.Request) -> web.Response:
    return page(request, "templates")


@routes.get("/schedules")
async def schedules(request: web.Request) -> web.Response:
    return page(request, "schedules")


@routes.get("/compare")
async def compare(request: web.Request) -> web.Response:
    return page(request, "compare")


@routes.get("/history")
async def history(request: web.Request) -> web.Response:
    return page(request, "history", formats=FORMATS)


@routes.get("/status")
async def status(request: web.Request) -> web.Response:
    return page(request, "status")


@routes.get("/login")
async def login(request: web.Request) -> web.Response:
    """Asks for the token where one is needed."""
    door = request.app[DOOR]
    if not door.locked or door.known(request):
        return web.Response(status=303, headers={"Location": "/export"})
    return page(request, "login", wrong=False)


@routes.post("/login")
async def log_in(request: web.Request) -> web.Response:
    """Takes the token from the form and leaves a cookie that stands for it."""
    door = request.app[DOOR]
    given = (await request.post()).get("token", "")
    if not isinstance(given, str) or not door.matches(given.strip()):
        await asyncio.sleep(_WRONG_TOKEN_COSTS_S)
        return page(request, "login", status=401, wrong=True)
    response = web.Response(status=303, headers={"Location": "/export"})
    response.set_cookie(
        COOKIE, door.cookie, max_age=_MONTH_S, path="/", httponly=True, samesite="Strict",
        secure=request.secure,
    )  # fmt: skip
    return response


def page(request: web.Request, name: str, *, status: int = 200, **values: object) -> web.Response:
    """One of the templates as an answer."""
    text = (
        request.app[TEMPLATES]
        .get_template(f"{name}.html")
        .render(page=name, version=VERSION, **values)
    )
    return web.Response(
        text=text, status=status, content_type="text/html", charset="utf-8",
        headers={"Cache-Control": "no-cache"},
    )  # fmt: skip
