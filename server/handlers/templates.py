"""The calls about templates: keep a request under a name, run it, hand it on as a file."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from aiohttp import web

from exporter.naming import file_label
from exporter.spec import parse_request
from server.context import Context, context, known_catalogue
from server.described import FOLDER, MARKET, TABLE, Answer, described
from server.errors import json_response
from server.once import STARTED, started_once
from server.paging import LISTED, Page, listed, page_named
from server.requests import check_fit
from server.schemas import body_of, empty_of, named_page_of
from server.schemas_kept import id_of, imported_template, template_of
from server.shapes import Started, TemplateFile, Templates
from server.shapes import Template as TemplateShape
from server.shapes_in import (
    Nothing,
    PageQuery,
    StartHeaders,
    TemplateImport,
    TemplateRequest,
)
from server.tasks import Origin, Task
from server.templates import Template, template_file, template_json

EXAMPLE = {
    "name": "Last four of Nifty",
    "request": {
        "instruments": ["NSE_INDEX|Nifty 50"],
        "expiry_rule": {"last": 4},
        "format": "zip",
    },
}

routes = web.RouteTableDef()


@routes.get("/api/templates")
@described(
    "List templates",
    group="Templates",
    query=PageQuery,
    answers={200: Answer("a page, or all", Templates, headers=LISTED), 304: Answer("unchanged")},
    errors=(*TABLE, "bad_input"),
)
async def templates(request: web.Request) -> web.Response:
    """Every template, by name; `problems` says what does not fit the database now."""
    have = context(request)
    cursor, limit = named_page_of(request.query)
    version, catalogue = await have.store.version(), await known_catalogue(have)
    # What does not fit changes with the market database too.
    state = "" if catalogue is None else str(await have.database.identity())

    async def read() -> Page:
        found = await have.templates.all()
        shown = [template_json(one, catalogue) for one in found]
        return page_named(shown, [one.id for one in found], cursor, limit)

    return await listed(request, "templates", f"{version} {state}", read)


@routes.post("/api/templates")
@described(
    "Keep a template",
    group="Templates",
    body=TemplateRequest,
    example=EXAMPLE,
    answers={201: Answer("the template", TemplateShape)},
    errors=(*MARKET, *TABLE, "conflict"),
)
async def add(request: web.Request) -> web.Response:
    """Keep a request that could start now."""
    have = context(request)
    draft = template_of(await body_of(request))
    check_fit(draft.request, await have.database.catalogue())
    return await _shown(have, await have.templates.add(draft), status=201)


@routes.post("/api/templates/import")
@described(
    "Take in a template's file",
    group="Templates",
    body=TemplateImport,
    example={"expirytrack_template": 1, **EXAMPLE, "name": "From elsewhere"},
    answers={201: Answer("the template", TemplateShape)},
    errors=(*TABLE, "conflict"),
)
async def take_in(request: web.Request) -> web.Response:
    """Keep a template from its file, even if what it names is not in this database."""
    have = context(request)
    draft = imported_template(await body_of(request))
    return await _shown(have, await have.templates.add(draft), status=201)


@routes.get("/api/templates/{id}")
@described(
    "One template",
    group="Templates",
    answers={200: Answer("the template", TemplateShape)},
    errors=(*TABLE, "not_found"),
)
async def get(request: web.Request) -> web.Response:
    """As it was kept, with what does not fit the database now."""
    return await _shown(context(request), await _template(request))


@routes.put("/api/templates/{id}")
@described(
    "Change a template",
    group="Templates",
    body=TemplateRequest,
    example=EXAMPLE,
    answers={200: Answer("the template", TemplateShape)},
    errors=(*MARKET, *TABLE, "conflict", "not_found"),
)
async def change(request: web.Request) -> web.Response:
    """Another name, note or request; a request that stays the same is not checked anew."""
    have, old = context(request), await _template(request)
    draft = template_of(await body_of(request))
    if draft.request != old.request:
        check_fit(draft.request, await have.database.catalogue())
    return await _shown(have, await have.templates.change(old.id, draft))


@routes.delete("/api/templates/{id}")
@described(
    "Remove a template",
    group="Templates",
    answers={200: Answer("the template as it was", TemplateShape)},
    errors=(*TABLE, "conflict", "not_found"),
)
async def delete(request: web.Request) -> web.Response:
    """The template as it was. One that a schedule uses stays."""
    have = context(request)
    return await _shown(have, await have.templates.delete(id_of(request, "template")))


@routes.post("/api/templates/{id}/run")
@described(
    "Run a template",
    group="Templates",
    body=Nothing,
    body_required=False,
    headers=StartHeaders,
    answers={202: Answer("accepted, and durable", Started, headers=STARTED)},
    errors=(*MARKET, *FOLDER, "busy", "unavailable", "conflict", "not_found"),
)
async def run(request: web.Request) -> web.Response:
    """Start what the template asks for; its rules are resolved now."""
    have = context(request)
    body = await empty_of(request)
    template = await _template(request)

    async def start(origin: Origin) -> Task:
        return await have.runner.accept(
            *parse_request(template.request, await have.database.catalogue()),
            origin=replace(origin, template_id=template.id),
        )

    return await started_once(request, body, start)


@routes.get("/api/templates/{id}/file")
@described(
    "A template as a file",
    group="Templates",
    answers={200: Answer("the file", TemplateFile, headers={"Content-Disposition": "its name"})},
    errors=(*TABLE, "not_found"),
)
async def file(request: web.Request) -> web.Response:
    """The template as a document for another server."""
    template = await _template(request)
    name = f"{file_label(template.name)}.template.json"
    return json_response(
        template_file(template),
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )


async def _template(request: web.Request) -> Template:
    return await context(request).templates.get(id_of(request, "template"))


async def _shown(have: Context, template: Template, status: int = 200) -> web.Response:
    return json_response(template_json(template, await known_catalogue(have)), status=status)
