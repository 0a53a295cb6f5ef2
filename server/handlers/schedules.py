"""The calls about schedules: what runs when, by itself, and what came of it."""

from __future__ import annotations

from aiohttp import web

from server.context import Context, context
from server.described import FOLDER, MARKET, TABLE, Answer, described
from server.errors import json_response
from server.once import STARTED, started_once
from server.paging import LISTED, Page, listed, page_named
from server.requests import check_fit
from server.schedules import Run, Schedule, ScheduleDraft, explained, schedule_json
from server.schemas import body_of, empty_of, named_page_of, page_of
from server.schemas_kept import cron_of, id_of, schedule_of
from server.shapes import Reading, Runs, Schedules, Started
from server.shapes import Run as RunShape
from server.shapes import Schedule as ScheduleShape
from server.shapes_in import (
    CronRequest,
    Nothing,
    PageQuery,
    RunsQuery,
    ScheduleRequest,
    StartHeaders,
)
from server.tasks import Origin, Task

EXAMPLE = {
    "name": "Every evening",
    "cron": "30 16 * * 1-5",
    "request": {"instruments": ["NSE_INDEX|Nifty 50"], "expiry_rule": {"last": 1}},
    "only_new": True,
    "keep_runs": 10,
}

routes = web.RouteTableDef()


@routes.get("/api/schedules")
@described(
    "List schedules",
    group="Schedules",
    query=PageQuery,
    answers={200: Answer("a page, or all", Schedules, headers=LISTED), 304: Answer("unchanged")},
    errors=(*TABLE, "bad_input"),
)
async def schedules(request: web.Request) -> web.Response:
    """Every schedule, by name, with its next five slots and its last run."""
    have = context(request)
    cursor, limit = named_page_of(request.query)
    now = have.scheduler.now()

    async def read() -> Page:
        found, last = await have.schedules.all(), await have.schedules.last_runs()
        shown = [schedule_json(one, last.get(one.id), now) for one in found]
        return page_named(shown, [one.id for one in found], cursor, limit)

    # The next slots change when a minute ends, whether or not anything is written.
    version = f"{await have.store.version()} {now:%Y-%m-%d %H:%M}"
    return await listed(request, "schedules", version, read)


@routes.post("/api/schedules")
@described(
    "Make a schedule",
    group="Schedules",
    body=ScheduleRequest,
    example=EXAMPLE,
    answers={201: Answer("the schedule", ScheduleShape)},
    errors=(*MARKET, *TABLE, "conflict", "not_found"),
)
async def add(request: web.Request) -> web.Response:
    """Its first run is the first slot from now on."""
    have = context(request)
    draft = schedule_of(await body_of(request))
    await _check(have, draft)
    made = await have.schedules.add(draft, have.scheduler.now())
    have.scheduler.changed()
    return await _shown(have, made, status=201)


@routes.post("/api/schedules/explain")
@described(
    "Explain a cron expression",
    group="Schedules",
    body=CronRequest,
    example={"cron": "30 16 * * 1-5"},
    answers={200: Answer("in words", Reading)},
)
async def explain(request: web.Request) -> web.Response:
    """A cron expression in words, and its next five moments."""
    cron = cron_of(await body_of(request))
    return json_response(explained(cron, context(request).scheduler.now()))


@routes.get("/api/schedules/{id}")
@described(
    "One schedule",
    group="Schedules",
    answers={200: Answer("the schedule", ScheduleShape)},
    errors=(*TABLE, "not_found"),
)
async def get(request: web.Request) -> web.Response:
    """With its next five slots and its last run."""
    return await _shown(context(request), await _schedule(request))


@routes.put("/api/schedules/{id}")
@described(
    "Change a schedule",
    group="Schedules",
    body=ScheduleRequest,
    example=EXAMPLE,
    answers={200: Answer("the schedule", ScheduleShape)},
    errors=(*MARKET, *TABLE, "conflict", "not_found"),
)
async def change(request: web.Request) -> web.Response:
    """What it ran stays known; other moments count from now on."""
    have, old = context(request), await _schedule(request)
    draft = schedule_of(await body_of(request), paused=old.what.paused)
    if (draft.template_id, draft.request) != (old.what.template_id, old.what.request):
        await _check(have, draft)
    changed = await have.schedules.change(old.id, draft, have.scheduler.now())
    have.scheduler.changed()
    return await _shown(have, changed)


@routes.delete("/api/schedules/{id}")
@described(
    "Remove a schedule",
    group="Schedules",
    answers={200: Answer("the schedule as it was", ScheduleShape)},
    errors=(*TABLE, "not_found"),
)
async def delete(request: web.Request) -> web.Response:
    """The schedule as it was; its exports stay in the history."""
    have, schedule = context(request), await _schedule(request)
    last = (await have.schedules.last_runs()).get(schedule.id)
    gone = await have.schedules.delete(schedule.id)
    return json_response(schedule_json(gone, last, have.scheduler.now()))


@routes.post("/api/schedules/{id}/pause")
@described(
    "Pause a schedule",
    group="Schedules",
    answers={200: Answer("the schedule", ScheduleShape)},
    errors=(*TABLE, "not_found"),
)
async def pause(request: web.Request) -> web.Response:
    """What runs goes on; no slot starts anything until it is resumed."""
    return await _pause(request, paused=True)


@routes.post("/api/schedules/{id}/resume")
@described(
    "Go on with a schedule",
    group="Schedules",
    answers={200: Answer("the schedule", ScheduleShape)},
    errors=(*TABLE, "not_found"),
)
async def resume(request: web.Request) -> web.Response:
    """Slots that passed meanwhile are not made up for."""
    return await _pause(request, paused=False)


@routes.post("/api/schedules/{id}/run")
@described(
    "Run a schedule now",
    group="Schedules",
    body=Nothing,
    body_required=False,
    headers=StartHeaders,
    answers={
        200: Answer("nothing was new", RunShape),
        202: Answer("accepted, and durable", Started, headers=STARTED),
    },
    errors=(*MARKET, *FOLDER, "busy", "unavailable", "conflict", "not_found"),
)
async def run(request: web.Request) -> web.Response:
    """A run besides the slots: 202 and the task, or 200 and a null where nothing is new."""
    have = context(request)
    body = await empty_of(request)
    schedule = await _schedule(request)

    async def start(origin: Origin) -> Task | web.Response:
        made = await have.scheduler.run_now(schedule, origin)
        return json_response(made.to_json()) if isinstance(made, Run) else made

    return await started_once(request, body, start)


@routes.get("/api/schedules/{id}/runs")
@described(
    "The runs of a schedule",
    group="Schedules",
    query=RunsQuery,
    answers={200: Answer("a page", Runs, headers=LISTED), 304: Answer("unchanged")},
    errors=(*TABLE, "bad_input", "not_found"),
)
async def runs(request: web.Request) -> web.Response:
    """What became of each slot, newest first."""
    have = context(request)
    cursor, limit = page_of(request.query)
    schedule = await _schedule(request)

    async def read() -> Page:
        found = await have.schedules.runs(schedule.id, cursor, limit + 1)
        shown = found[:limit]
        following = str(shown[-1].id) if len(found) > limit else None
        return Page([one.to_json() for one in shown], following)

    return await listed(request, "runs", await have.store.version(), read)


async def _schedule(request: web.Request) -> Schedule:
    return await context(request).schedules.get(id_of(request, "schedule"))


async def _pause(request: web.Request, *, paused: bool) -> web.Response:
    have = context(request)
    schedule_id = id_of(request, "schedule")
    changed = await have.schedules.pause(schedule_id, paused, have.scheduler.now())
    have.scheduler.changed()
    return await _shown(have, changed)


async def _check(have: Context, draft: ScheduleDraft) -> None:
    """Could it run now? Raises BadInput, Refused(not_found)."""
    request = draft.request
    if draft.template_id is not None:
        request = (await have.templates.get(draft.template_id)).request
    check_fit(request, await have.database.catalogue())


async def _shown(have: Context, schedule: Schedule, status: int = 200) -> web.Response:
    last = (await have.schedules.last_runs()).get(schedule.id)
    return json_response(schedule_json(schedule, last, have.scheduler.now()), status=status)
