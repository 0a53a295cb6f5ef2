"""The calls about schedules: what runs when, by itself, and what came of it."""

from __future__ import annotations

from aiohttp import web

from server.context import Context, context
from server.errors import json_response
from server.once import started_once
from server.requests import check_fit
from server.schedules import Run, Schedule, ScheduleDraft, explained, schedule_json
from server.schemas import body_of, empty_of, page_of
from server.schemas_kept import cron_of, id_of, schedule_of
from server.tasks import Origin, Task

routes = web.RouteTableDef()


@routes.get("/api/schedules")
async def schedules(request: web.Request) -> web.Response:
    """Every schedule, by name, with its next five slots and its last run."""
    have = context(request)
    found, last = await have.schedules.all(), await have.schedules.last_runs()
    now = have.scheduler.now()
    shown = [schedule_json(one, last.get(one.id), now) for one in found]
    return json_response({"schedules": shown, "next_cursor": None})


@routes.post("/api/schedules")
async def add(request: web.Request) -> web.Response:
    """Its first run is the first slot from now on."""
    have = context(request)
    draft = schedule_of(await body_of(request))
    await _check(have, draft)
    made = await have.schedules.add(draft, have.scheduler.now())
    have.scheduler.changed()
    return await _shown(have, made, status=201)


@routes.post("/api/schedules/explain")
async def explain(request: web.Request) -> web.Response:
    """A cron expression in words, and its next five moments."""
    cron = cron_of(await body_of(request))
    return json_response(explained(cron, context(request).scheduler.now()))


@routes.get("/api/schedules/{id}")
async def get(request: web.Request) -> web.Response:
    """With its next five slots and its last run."""
    return await _shown(context(request), await _schedule(request))


@routes.put("/api/schedules/{id}")
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
async def delete(request: web.Request) -> web.Response:
    """The schedule as it was; its exports stay in the history."""
    have, schedule = context(request), await _schedule(request)
    last = (await have.schedules.last_runs()).get(schedule.id)
    gone = await have.schedules.delete(schedule.id)
    return json_response(schedule_json(gone, last, have.scheduler.now()))


@routes.post("/api/schedules/{id}/pause")
async def pause(request: web.Request) -> web.Response:
    """What runs goes on; no slot starts anything until it is resumed."""
    return await _pause(request, paused=True)


@routes.post("/api/schedules/{id}/resume")
async def resume(request: web.Request) -> web.Response:
    """Slots that passed meanwhile are not made up for."""
    return await _pause(request, paused=False)


@routes.post("/api/schedules/{id}/run")
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
async def runs(request: web.Request) -> web.Response:
    """What became of each slot, newest first."""
    have = context(request)
    cursor, limit = page_of(request.query)
    schedule = await _schedule(request)
    found = await have.schedules.runs(schedule.id, cursor, limit + 1)
    shown = found[:limit]
    following = str(shown[-1].id) if len(found) > limit else None
    return json_response({"runs": [one.to_json() for one in shown], "next_cursor": following})


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
