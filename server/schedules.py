"""Schedules: what runs when, what came of each slot, and what each has exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

import orjson

from exporter.errors import BadInput
from server.cron import Cron, parse_cron, slot_text
from server.errors import Refused
from server.tables import Tables, Taken, as_json
from server.tasks import stamp

_COLUMNS = (
    "id, name, cron, template_id, request, paused, missed, only_new, keep_runs, keep_days,"
    " looked_until, created_at, updated_at"
)
_RUN = "runs.id, runs.slot, runs.task_id, runs.outcome, runs.reason, tasks.status"
_NEXT = 5


class Missed(StrEnum):
    """What becomes of a slot that nobody was there for."""

    RUN = "run"
    SKIP = "skip"


class Outcome(StrEnum):
    """What became of a slot."""

    STARTED = "started"
    SKIPPED = "skipped"
    FAILED = "failed"
    NOTHING_NEW = "nothing_new"


@dataclass(frozen=True, slots=True)
class ScheduleDraft:
    """What a client wants kept: one of `template_id` and `request` says what runs."""

    name: str
    cron: str
    template_id: str | None
    request: Any
    paused: bool
    missed: Missed
    only_new: bool
    keep_runs: int | None
    keep_days: int | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A row of the table. Slots up to `looked_until` have been dealt with."""

    id: str
    what: ScheduleDraft
    looked_until: datetime
    created_at: str
    updated_at: str

    @property
    def cron(self) -> Cron | None:
        """None for what an older version took and this one does not; the rest goes on without."""
        try:
            return parse_cron(self.what.cron)
        except BadInput:
            return None


@dataclass(frozen=True, slots=True)
class Run:
    """What became of one slot; `status` is the task's, None once that is gone."""

    id: int
    slot: str
    task_id: str | None
    outcome: Outcome
    reason: str | None
    status: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "slot": self.slot,
            "task_id": self.task_id,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "status": self.status,
        }


class ScheduleStore:
    """The schedules and runs of the task database."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def all(self) -> list[Schedule]:
        """By name."""
        return [_schedule(row) for row in await self._tables.rows(
            f"SELECT {_COLUMNS} FROM schedules ORDER BY name COLLATE NOCASE")]  # fmt: skip

    async def get(self, schedule_id: str) -> Schedule:
        """Raises Refused(not_found)."""
        return _only(await self._tables.rows(
            f"SELECT {_COLUMNS} FROM schedules WHERE id=?1", schedule_id))  # fmt: skip

    async def add(self, draft: ScheduleDraft, now: datetime) -> Schedule:
        """Its first slot is the first one later than `now`. Raises Refused(conflict)."""
        try:
            rows = await self._tables.rows(
                f"INSERT INTO schedules ({_COLUMNS}) VALUES"
                " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12)"
                f" RETURNING {_COLUMNS}",
                str(uuid4()),
                *_values(draft),
                slot_text(now),
                stamp(now),
            )
        except Taken:
            raise await self._why(draft) from None
        return _schedule(rows[0])

    async def change(self, schedule_id: str, draft: ScheduleDraft, now: datetime) -> Schedule:
        """Other moments, or an end of a pause, begin from now. Raises Refused."""
        try:
            rows = await self._tables.rows(
                "UPDATE schedules SET name=?2, template_id=?4, request=?5, missed=?7, only_new=?8,"
                " keep_runs=?9, keep_days=?10, updated_at=?12, cron=?3, paused=?6,"
                " looked_until=CASE WHEN cron=?3 AND NOT (paused AND NOT ?6)"
                "                   THEN looked_until ELSE ?11 END"
                f" WHERE id=?1 RETURNING {_COLUMNS}",
                schedule_id,
                *_values(draft),
                slot_text(now),
                stamp(now),
            )
        except Taken:
            raise await self._why(draft) from None
        return _only(rows)

    async def pause(self, schedule_id: str, paused: bool, now: datetime) -> Schedule:
        """Slots that pass during a pause are not missed: nobody waits for them."""
        return _only(await self._tables.rows(
            "UPDATE schedules SET paused=?2, updated_at=?4,"
            " looked_until=CASE WHEN paused AND NOT ?2 THEN ?3 ELSE looked_until END"
            f" WHERE id=?1 RETURNING {_COLUMNS}",
            schedule_id, int(paused), slot_text(now), stamp(now)))  # fmt: skip

    async def delete(self, schedule_id: str) -> Schedule:
        """The schedule as it was, with its list of runs; the tasks stay in the history."""
        return _only(await self._tables.rows(
            f"DELETE FROM schedules WHERE id=?1 RETURNING {_COLUMNS}", schedule_id))  # fmt: skip

    async def looked(self, schedule_id: str, until: datetime) -> None:
        """Slots up to `until` have been dealt with."""
        await self._tables.rows(
            "UPDATE schedules SET looked_until=?2 WHERE id=?1", schedule_id, slot_text(until)
        )

    async def note_run(
        self, schedule_id: str, slot: str, outcome: Outcome, reason: str | None
    ) -> Run | None:
        """Write down a slot that has no task; None if it has its run already."""
        try:
            rows = await self._tables.rows(
                "INSERT INTO runs (schedule_id, slot, outcome, reason) VALUES (?1, ?2, ?3, ?4)"
                " RETURNING id",
                schedule_id,
                slot,
                outcome.value,
                reason,
            )
        except Taken:
            return None
        return Run(rows[0][0], slot, None, outcome, reason, None)

    async def run_of(self, schedule_id: str, slot: str) -> Run | None:
        rows = await self._tables.rows(
            f"SELECT {_RUN} FROM runs LEFT JOIN tasks USING (task_id)"
            " WHERE runs.schedule_id=?1 AND runs.slot=?2",
            schedule_id,
            slot,
        )
        return _run(rows[0]) if rows else None

    async def runs(self, schedule_id: str, before: int | None, limit: int) -> list[Run]:
        """Newest first; `before` is the `id` that the page before ended with."""
        return [_run(row) for row in await self._tables.rows(
            f"SELECT {_RUN} FROM runs LEFT JOIN tasks USING (task_id)"
            " WHERE runs.schedule_id=?1 AND (?2 IS NULL OR runs.id<?2)"
            " ORDER BY runs.id DESC LIMIT ?3",
            schedule_id, before, limit)]  # fmt: skip

    async def last_runs(self) -> Mapping[str, Run]:
        """The newest run of every schedule that has one."""
        rows = await self._tables.rows(
            f"SELECT runs.schedule_id, {_RUN} FROM schedules JOIN runs ON runs.id ="
            " (SELECT max(id) FROM runs AS one WHERE one.schedule_id = schedules.id)"
            " LEFT JOIN tasks USING (task_id)"
        )
        return {row[0]: _run(row[1:]) for row in rows}

    async def outcomes(self) -> Mapping[Outcome, int]:
        """How many slots came to what."""
        rows = await self._tables.rows("SELECT outcome, count(*) FROM runs GROUP BY outcome")
        return {Outcome(outcome): number for outcome, number in rows}

    async def exported(self, schedule_id: str) -> set[tuple[str, date]]:
        """The expiries that completed runs have exported, or that a run is exporting now."""
        rows = await self._tables.rows(
            "SELECT instrument, expiry FROM exported WHERE schedule_id=?1 UNION"
            " SELECT one.key, day.value FROM tasks, json_each(tasks.spec, '$.expiries') AS one,"
            "  json_each(one.value) AS day"
            " WHERE tasks.schedule_id=?1 AND tasks.status IN ('queued', 'processing')",
            schedule_id,
        )
        return {(key, date.fromisoformat(day)) for key, day in rows}

    async def _why(self, draft: ScheduleDraft) -> Refused:
        named = await self._tables.rows("SELECT 1 FROM schedules WHERE name=?1", draft.name)
        if draft.template_id is not None and not named:
            return Refused("conflict", "there is no such template (any more)")
        return Refused(
            "conflict", f"there is a schedule named {draft.name} already; choose another name"
        )


def schedule_json(schedule: Schedule, last: Run | None, now: datetime) -> dict[str, Any]:
    """The schedule object of the API; one that is paused has no next runs."""
    what, cron = schedule.what, schedule.cron
    coming = [] if what.paused or cron is None else cron.following(now, _NEXT)
    return {
        "id": schedule.id,
        "name": what.name,
        "cron": what.cron,
        "reading": "cannot be read any more; change it" if cron is None else cron.reading,
        "next_runs": [slot_text(slot) for slot in coming],
        "template_id": what.template_id,
        "request": what.request,
        "paused": what.paused,
        "missed": what.missed.value,
        "only_new": what.only_new,
        "keep_runs": what.keep_runs,
        "keep_days": what.keep_days,
        "last_run": None if last is None else last.to_json(),
        "created_at": schedule.created_at,
        "updated_at": schedule.updated_at,
    }


def explained(cron: Cron, now: datetime) -> dict[str, Any]:
    """What a cron expression means, in words and as moments."""
    return {
        "reading": cron.reading,
        "next_runs": [slot_text(slot) for slot in cron.following(now, _NEXT)],
    }


def _values(draft: ScheduleDraft) -> tuple[Any, ...]:
    return (
        draft.name, draft.cron, draft.template_id,
        None if draft.request is None else as_json(draft.request),
        int(draft.paused), draft.missed.value, int(draft.only_new), draft.keep_runs,
        draft.keep_days,
    )  # fmt: skip


def _schedule(row: tuple[Any, ...]) -> Schedule:
    id, name, cron, template_id, request, paused, missed, only_new, runs, days, until, made, at = (
        row
    )
    draft = ScheduleDraft(
        name, cron, template_id, None if request is None else orjson.loads(request), bool(paused),
        Missed(missed), bool(only_new), runs, days,
    )  # fmt: skip
    return Schedule(id, draft, datetime.fromisoformat(until), made, at)


def _only(rows: list[tuple[Any, ...]]) -> Schedule:
    if not rows:
        raise Refused("not_found", "there is no such schedule")
    return _schedule(rows[0])


def _run(row: tuple[Any, ...]) -> Run:
    id, slot, task_id, outcome, reason, status = row
    return Run(id, slot, task_id, Outcome(outcome), reason, status)
