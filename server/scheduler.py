"""Runs schedules: one run for each slot, whatever restarts, crashes and clock changes happen.

The slot's row and its task come into being in one statement (migrations/002), so a crash leaves
either both or neither; `looked_until` only says where to go on. docs/states.md has the whole story.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from exporter.errors import BadInput, ExportError, NothingSelected
from exporter.model import ExportSpec, now_ist
from exporter.sources.sqlite import MarketDatabase
from exporter.spec import parse_request
from server.cron import COUNTED, slot_text
from server.errors import Refused
from server.faults import log_unknown
from server.runner import Runner
from server.schedules import Missed, Outcome, Run, Schedule, ScheduleStore
from server.tables import Taken
from server.tasks import PLAIN, Origin, Task
from server.templates import TemplateStore

log = logging.getLogger(__name__)

# A clock may be set at any time; nothing tells, so it is looked at this often.
LOOK_EVERY_S = 30.0
# A slot that is seen later than this was missed.
ON_TIME = timedelta(seconds=60)
# So long a slot is tried again while the queue or the disk is full, if no other comes before.
TRIED_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Trying:
    """A slot that could not be started yet, and why."""

    slot: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Prospect:
    """How many schedules there are, and the nearest slot of all with its schedule's name."""

    active: int
    paused: int
    slot: datetime | None
    name: str | None


class Scheduler:
    """Call `start`, then anything else, then `stop`. `clock` gives Indian time."""

    def __init__(
        self,
        schedules: ScheduleStore,
        templates: TemplateStore,
        database: MarketDatabase,
        runner: Runner,
        *,
        clock: Callable[[], datetime] = now_ist,
    ) -> None:
        self._schedules = schedules
        self._templates = templates
        self._database = database
        self._runner = runner
        self._clock = clock
        self._trying: dict[str, _Trying] = {}
        self._wake = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        return self._clock()

    async def start(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    def changed(self) -> None:
        """A schedule is new or another now: look at once."""
        self._wake.set()

    async def prospect(self) -> Prospect:
        """How many schedules there are, and which slot is the nearest of all."""
        now, active, paused = self.now(), 0, 0
        nearest: tuple[datetime, str] | None = None
        for one in await self._schedules.all():
            if one.what.paused:
                paused += 1
                continue
            active += 1
            slot = None if one.cron is None else one.cron.after(now)
            if slot is not None and (nearest is None or (slot, one.what.name) < nearest):
                nearest = slot, one.what.name
        slot, name = nearest or (None, None)
        return Prospect(active, paused, slot, name)

    async def run_now(self, schedule: Schedule, origin: Origin = PLAIN) -> Task | Run:
        """A run besides the slots; a `Run` without a task where there is nothing new.

        Raises BadInput, Refused, ExportError, Taken.
        """
        slot = self.now().isoformat(timespec="microseconds")
        return await self._begin(schedule, slot, "run now", origin)

    async def look(self) -> None:
        """Deal with every slot that is due."""
        now = self.now()
        for schedule in await self._schedules.all():
            if schedule.what.paused:
                self._trying.pop(schedule.id, None)
                continue
            try:
                await self._look_at(schedule, now)
            except ExportError as error:
                log.error("schedule %s waits: %s", schedule.what.name, error.message)
            except Exception as error:
                # A defect that shows in one schedule must not keep the others waiting.
                log_unknown(log, f"schedule {schedule.id}", error)
        await self._runner.keep_to_schedules(now)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            pause = LOOK_EVERY_S
            try:
                await self.look()
                slot = (await self.prospect()).slot
                if slot is not None:
                    pause = min(pause, max(0.0, (slot - self.now()).total_seconds()))
            except ExportError as error:
                log.error("the schedules wait: %s", error.message)
            except Exception as error:
                # The next look tries again; a defect here must not end all schedules.
                log_unknown(log, "the schedules", error)
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _look_at(self, schedule: Schedule, now: datetime) -> None:
        if now < schedule.looked_until:
            # The clock was set back. Slots from here on come again; those that ran are known.
            await self._schedules.looked(schedule.id, now)
            return
        cron = schedule.cron
        if cron is None:
            return
        due = list(islice(cron.between(schedule.looked_until, now), COUNTED + 1))
        if not due:
            return
        slot = due[0]
        trying = self._trying.get(schedule.id)
        if trying is not None and trying.slot != slot:
            # Its time is over: the next one has come, or the clock was changed.
            await self._end(schedule, trying.slot, Outcome.FAILED, trying.reason)
            due = [one for one in due if one > trying.slot] or [slot]
            trying = None
        if await self._schedules.run_of(schedule.id, slot_text(slot)) is not None:
            await self._over(schedule, slot)
        elif trying is not None and now - slot > TRIED_FOR:
            await self._end(schedule, slot, Outcome.FAILED, trying.reason)
        else:
            late = trying is None and now - slot > ON_TIME
            await self._due(schedule, slot, _missed(due, late), late)

    async def _due(self, schedule: Schedule, slot: datetime, note: str | None, late: bool) -> None:
        if late and schedule.what.missed is Missed.SKIP:
            await self._end(schedule, slot, Outcome.SKIPPED, note)
            return
        if note is not None and schedule.what.missed is Missed.RUN:
            note = f"{note}; this run makes up for it"
        try:
            await self._begin(schedule, slot_text(slot), note)
        except Taken:
            log.info("schedule %s has its run of %s already", schedule.what.name, slot_text(slot))
        except BadInput as error:
            await self._end(schedule, slot, Outcome.FAILED, error.message)
            return
        except (Refused, ExportError) as error:
            if not self._runner.draining:
                log.warning("schedule %s: %s; it is tried again", schedule.what.name, error.message)
                self._trying[schedule.id] = _Trying(slot, error.message)
            return
        await self._over(schedule, slot)

    async def _begin(
        self, schedule: Schedule, slot: str, note: str | None, origin: Origin = PLAIN
    ) -> Task | Run:
        try:
            spec, warnings = parse_request(
                await self._request(schedule), await self._database.catalogue(), self.now().date()
            )
        except NothingSelected:
            return await self._nothing(schedule, slot, "no expiry meets the rule now")
        if schedule.what.only_new:
            new = _without(spec, await self._schedules.exported(schedule.id))
            if new is None:
                why = "every expiry has been exported by this schedule, or is being exported"
                return await self._nothing(schedule, slot, why)
            spec = new
        origin = replace(
            origin, template_id=schedule.what.template_id, schedule_id=schedule.id, slot=slot,
            slot_note=note,
        )  # fmt: skip
        return await self._runner.accept(spec, warnings, origin=origin)

    async def _nothing(self, schedule: Schedule, slot: str, why: str) -> Run:
        run = await self._schedules.note_run(schedule.id, slot, Outcome.NOTHING_NEW, why)
        if run is None:
            raise Taken
        return run

    async def _request(self, schedule: Schedule) -> Any:
        if schedule.what.template_id is None:
            return schedule.what.request
        return (await self._templates.get(schedule.what.template_id)).request

    async def _end(
        self, schedule: Schedule, slot: datetime, outcome: Outcome, reason: str | None
    ) -> None:
        """Write down what became of a slot that has no task."""
        log.warning("schedule %s, slot %s: %s: %s",
                    schedule.what.name, slot_text(slot), outcome.value, reason)  # fmt: skip
        await self._schedules.note_run(schedule.id, slot_text(slot), outcome, reason)
        await self._over(schedule, slot)

    async def _over(self, schedule: Schedule, slot: datetime) -> None:
        self._trying.pop(schedule.id, None)
        await self._schedules.looked(schedule.id, slot)


def _missed(due: list[datetime], late: bool) -> str | None:
    """In words, what was missed of the slots that are due, newest first; None if nothing was."""
    why = "the server was not there, or its clock was set forward"
    number = len(due) if late else len(due) - 1
    if not number:
        return None
    if number == 1:
        return f"the slot of {_moment(due[-1])} was missed: {why}"
    if len(due) > COUNTED:
        many = f"at least {COUNTED:,} slots were missed"
    else:
        many = f"{number:,} slots were missed, the first at {_moment(due[-1])}"
    return f"{many}: {why}"


def _moment(slot: datetime) -> str:
    return f"{slot:%Y-%m-%d %H:%M}"


def _without(spec: ExportSpec, exported: set[tuple[str, date]]) -> ExportSpec | None:
    """What is left of a spec without these expiries; None if nothing is."""
    left = {
        key: days
        for key in spec.instruments
        if (days := tuple(day for day in spec.expiries[key] if (key, day) not in exported))
    }
    if not left:
        return None
    return replace(spec, instruments=tuple(left), expiries=left)
