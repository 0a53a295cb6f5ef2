"""The calls about exports: what there is, preview, start, status, list, cancel, retry, delete."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from exporter.model import now_ist
from exporter.preview import preview
from exporter.spec import parse_request
from server.context import context, known_catalogue
from server.errors import Refused, json_response
from server.once import started_once
from server.schemas import body_of, instruments_of, page_of, request_again, task_id_of
from server.schemas_kept import FILTER_KEYS, filter_of, note_of
from server.tasks import PLAIN, Origin, Task, status_of

routes = web.RouteTableDef()


@routes.get("/api/instruments")
async def instruments(request: web.Request) -> web.Response:
    """Every instrument with its counts, and which database is open."""
    have = context(request)
    catalogue = await have.database.catalogue()
    return json_response(
        {
            "instruments": [
                {
                    "key": one.key,
                    "name": one.name,
                    "symbol": one.symbol,
                    "expiries": one.expiries,
                    "contracts": one.contracts,
                }
                for one in catalogue.instruments
            ],
            "database": {
                "path": str(have.database.path),
                "demo": have.settings.demo,
                "newest_candle": await have.board.newest_candle(),
                "contracts": catalogue.contracts,
            },
        }
    )


@routes.post("/api/export/available-expiries")
async def available_expiries(request: web.Request) -> web.Response:
    """Expiries that have contracts, newest first; an empty list for an unknown key."""
    keys = instruments_of(await body_of(request))
    expiries = (await context(request).database.catalogue()).expiries
    return json_response({key: [day.isoformat() for day in expiries.get(key, ())] for key in keys})


@routes.post("/api/export/preview")
async def preview_of(request: web.Request) -> web.Response:
    """What `start` with this body would make."""
    have = context(request)
    spec, left_out = parse_request(await body_of(request), await have.database.catalogue())
    shown = await preview(have.database, spec, now_ist())
    return json_response(
        {
            "contracts": shown.contracts,
            "rows": shown.rows,
            "exact": shown.exact,
            "sizes": dict(shown.sizes),
            "file_name": shown.file_name,
            "columns": shown.columns,
            "sample": shown.sample,
            "text": shown.text,
            "warnings": [*left_out, *shown.warnings],
            "careful_contracts": shown.careful_contracts,
        }
    )


@routes.post("/api/export/start")
async def start(request: web.Request) -> web.Response:
    """Accept an export; it is in the task table when the answer leaves."""
    body = await body_of(request)
    return await started_once(request, body, lambda origin: _accept(request, body, origin=origin))


@routes.get("/api/export/status/{task_id}")
async def status(request: web.Request) -> web.Response:
    task = await context(request).runner.get(task_id_of(request))
    return json_response(status_of(task))


@routes.get("/api/export/tasks")
async def tasks(request: web.Request) -> web.Response:
    """Newest first; `next_cursor` is null on the last page."""
    have = context(request)
    cursor, limit = page_of(request.query, also=FILTER_KEYS)
    wanted = filter_of(request.query, await known_catalogue(have))
    found = await have.store.page(wanted, cursor, limit + 1)
    shown = found[:limit]
    more = len(found) > limit
    return json_response(
        {
            "tasks": [status_of(task) for task in have.runner.newest(shown)],
            "next_cursor": str(shown[-1].id) if more else None,
        }
    )


@routes.patch("/api/export/tasks/{task_id}")
async def note(request: web.Request) -> web.Response:
    """What a person wants to remember of an export."""
    text = note_of(await body_of(request))
    return _task(await context(request).runner.set_note(task_id_of(request), text))


@routes.post("/api/export/tasks/{task_id}/cancel")
async def cancel(request: web.Request) -> web.Response:
    return _task(await context(request).runner.cancel(task_id_of(request)))


@routes.post("/api/export/tasks/{task_id}/retry")
async def retry(request: web.Request) -> web.Response:
    """A new task that asks for the same; the old one stays as it is."""
    old = await context(request).runner.get(task_id_of(request))
    if not old.status.final:
        raise Refused("conflict", f"the task is {old.status.value}; it needs no retry")
    return _task(await _accept(request, request_again(old), retry_of=old.task_id), status=202)


@routes.delete("/api/export/tasks/{task_id}")
async def delete(request: web.Request) -> web.Response:
    return _task(await context(request).runner.remove(task_id_of(request)))


@routes.post("/api/admin/purge")
async def purge(request: web.Request) -> web.Response:
    """Expire what is past --keep-days and --keep-bytes, and remove leftovers."""
    swept = await context(request).runner.purge()
    return json_response({"removed": swept.removed, "bytes": swept.bytes})


async def _accept(
    request: web.Request, body: object, *, retry_of: str | None = None, origin: Origin = PLAIN
) -> Task:
    have = context(request)
    spec, warnings = parse_request(body, await have.database.catalogue())
    return await have.runner.accept(spec, warnings, retry_of=retry_of, origin=origin)


def _task(task: Task, status: int = 200) -> web.Response:
    value: dict[str, Any] = status_of(task)
    return json_response(value, status=status)
