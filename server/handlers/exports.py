"""The calls about exports: preview, start, status, list, cancel, retry, delete."""

from __future__ import annotations

from aiohttp import web

from exporter.model import now_ist
from exporter.preview import preview
from exporter.spec import parse_request
from server.context import context, known_catalogue
from server.described import FOLDER, MARKET, TABLE, Answer, described
from server.errors import Refused, json_response
from server.once import STARTED, started_once
from server.paging import LISTED, Page, listed
from server.schemas import body_of, page_of, request_again, task_id_of
from server.schemas_kept import FILTER_KEYS, filter_of, note_of
from server.shapes import Preview, Purged, Started, Status, Tasks
from server.shapes_in import ExportRequest, NoteRequest, StartHeaders, TasksQuery
from server.tasks import PLAIN, Origin, Task, status_of

EXAMPLE = {
    "instruments": ["NSE_INDEX|Nifty 50"],
    "expiry_rule": {"last": 1},
    "format": "csv",
    "options": {"include_metadata": True},
}
routes = web.RouteTableDef()


@routes.post("/api/export/preview")
@described(
    "What an export would be",
    group="Exports",
    body=ExportRequest,
    example=EXAMPLE,
    answers={200: Answer("rows, sizes, the first rows", Preview)},
    errors=MARKET,
)
async def preview_of(request: web.Request) -> web.Response:
    """What `start` with this body would make."""
    have = context(request)
    spec, left_out = parse_request(await body_of(request), await have.database.catalogue())
    shown = await preview(have.database, spec, now_ist())
    answer: Preview = {
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
    return json_response(answer)


@routes.post("/api/export/start")
@described(
    "Start an export",
    group="Exports",
    body=ExportRequest,
    headers=StartHeaders,
    example=EXAMPLE,
    answers={202: Answer("accepted, and durable", Started, headers=STARTED)},
    errors=(*MARKET, *FOLDER, "busy", "unavailable", "conflict"),
)
async def start(request: web.Request) -> web.Response:
    """Accept an export; it is in the task table when the answer leaves."""
    body = await body_of(request)
    return await started_once(request, body, lambda origin: _accept(request, body, origin=origin))


@routes.get("/api/export/status/{task_id}")
@described(
    "Where a task stands",
    group="Tasks",
    answers={200: Answer("the task", Status)},
    errors=(*TABLE, "not_found"),
)
async def status(request: web.Request) -> web.Response:
    """The same as the feed sends; for who would rather ask now and then."""
    task = await context(request).runner.get(task_id_of(request))
    return json_response(status_of(task))


@routes.get("/api/export/tasks")
@described(
    "List tasks",
    group="Tasks",
    query=TasksQuery,
    answers={200: Answer("a page", Tasks, headers=LISTED), 304: Answer("nothing has changed")},
    errors=(*TABLE, "bad_input"),
)
async def tasks(request: web.Request) -> web.Response:
    """Newest first; `next_cursor` is null on the last page."""
    have = context(request)
    cursor, limit = page_of(request.query, also=FILTER_KEYS)
    wanted = filter_of(request.query, await known_catalogue(have))

    async def read() -> Page:
        found = await have.store.page(wanted, cursor, limit + 1)
        shown = found[:limit]
        following = str(shown[-1].id) if len(found) > limit else None
        return Page([status_of(task) for task in have.runner.newest(shown)], following)

    return await listed(request, "tasks", f"{await have.store.version()} {wanted}", read)


@routes.patch("/api/export/tasks/{task_id}")
@described(
    "Write a note on a task",
    group="Tasks",
    body=NoteRequest,
    example={"note": "for the model of September"},
    answers={200: Answer("the task", Status)},
    errors=(*TABLE, "not_found"),
)
async def note(request: web.Request) -> web.Response:
    """What a person wants to remember of an export."""
    text = note_of(await body_of(request))
    return _task(await context(request).runner.set_note(task_id_of(request), text))


@routes.post("/api/export/tasks/{task_id}/cancel")
@described(
    "Cancel a task",
    group="Tasks",
    answers={200: Answer("the task; a running one stops in a moment", Status)},
    errors=(*TABLE, "not_found", "conflict"),
)
async def cancel(request: web.Request) -> web.Response:
    """A task that is cancelled already stays so; one that ended otherwise is a conflict."""
    return _task(await context(request).runner.cancel(task_id_of(request)))


@routes.post("/api/export/tasks/{task_id}/retry")
@described(
    "Run a task again",
    group="Tasks",
    answers={202: Answer("the new task", Status)},
    errors=(*MARKET, *FOLDER, "bad_input", "busy", "unavailable", "not_found", "conflict"),
)
async def retry(request: web.Request) -> web.Response:
    """A new task that asks for the same; the old one stays as it is."""
    old = await context(request).runner.get(task_id_of(request))
    if not old.status.final:
        raise Refused("conflict", f"the task is {old.status.value}; it needs no retry")
    return _task(await _accept(request, request_again(old), retry_of=old.task_id), status=202)


@routes.delete("/api/export/tasks/{task_id}")
@described(
    "Remove a task and its file",
    group="Tasks",
    answers={200: Answer("the task as it was", Status)},
    errors=(*FOLDER, "not_found", "conflict"),
)
async def delete(request: web.Request) -> web.Response:
    """Only what has ended can be removed; cancel it first."""
    return _task(await context(request).runner.remove(task_id_of(request)))


@routes.post("/api/admin/purge")
@described(
    "Tidy up now",
    group="Server",
    answers={200: Answer("what was removed", Purged)},
    errors=FOLDER,
)
async def purge(request: web.Request) -> web.Response:
    """Expire what is past --keep-days and --keep-bytes, and remove leftovers."""
    swept = await context(request).runner.purge()
    answer: Purged = {"removed": swept.removed, "bytes": swept.bytes}
    return json_response(answer)


async def _accept(
    request: web.Request, body: object, *, retry_of: str | None = None, origin: Origin = PLAIN
) -> Task:
    have = context(request)
    spec, warnings = parse_request(body, await have.database.catalogue())
    return await have.runner.accept(spec, warnings, retry_of=retry_of, origin=origin)


def _task(task: Task, status: int = 200) -> web.Response:
    return json_response(status_of(task), status=status)
