"""A task: the lasting record of one export, as the rest of the server sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import orjson

from exporter.checkpoint import Checkpoint
from exporter.model import IST, ExportSpec
from exporter.spec import spec_from_json
from server.states import State

MESSAGES: Mapping[State, str] = {
    State.QUEUED: "Waiting for its turn",
    State.PROCESSING: "Preparing",
    State.FAILED: "Failed",
    State.CANCELLED: "Cancelled",
    State.EXPIRED: "The file has been removed; run the export again to get a new one",
}


@dataclass(frozen=True, slots=True)
class Task:
    """One row of the task table and, while a job works on it, where that stands.

    `id` orders tasks by acceptance; `seq` grows with every change that a client can see. Times
    are ISO text in Indian time with milliseconds.
    """

    id: int
    task_id: str
    status: State
    seq: int
    spec: str
    retry_of: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    # Seconds of work, by a clock that nobody can set; tries that were killed count to their
    # last checkpoint.
    work_s: float | None
    owner: str | None
    attempt: int
    tries: int
    cancel_requested: bool
    checkpoint: str | None
    rows_done: int
    rows_total: int | None
    bytes_done: int
    contracts_done: int
    contracts_total: int | None
    resumed_from_rows: int
    duplicates_dropped: int | None
    warnings: str
    error: str | None
    error_code: str | None
    file_name: str | None
    size: int | None
    sha256: str | None
    note: str | None = None
    template_id: str | None = None
    schedule_id: str | None = None
    slot: str | None = None
    # Known while a job runs, and not kept.
    message: str | None = None
    contract: str | None = None
    progress: float = 0.0
    rate: float | None = None
    eta_s: float | None = None

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> Task:
        """From the columns of `COLUMNS`, in that order."""
        values = dict(zip(COLUMNS, row, strict=True))
        values["status"] = State(values["status"])
        values["cancel_requested"] = bool(values["cancel_requested"])
        return cls(**values)

    @property
    def accepted_at(self) -> datetime:
        """The moment that stands in the file and in its name."""
        return datetime.fromisoformat(self.created_at)

    @property
    def parsed_spec(self) -> ExportSpec:
        return spec_from_json(orjson.loads(self.spec))

    @property
    def parsed_checkpoint(self) -> Checkpoint | None:
        return (
            None if self.checkpoint is None else Checkpoint.from_json(orjson.loads(self.checkpoint))
        )


COLUMNS: tuple[str, ...] = tuple(
    field.name
    for field in fields(Task)
    if field.name not in {"message", "contract", "progress", "rate", "eta_s"}
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a task comes from, besides what it asks for.

    `slot` is the moment that a schedule ran for, `slot_note` why its run is unlike others; `key`
    is what the client called its request, `digest` the SHA-256 of what that asked for.
    """

    template_id: str | None = None
    schedule_id: str | None = None
    slot: str | None = None
    slot_note: str | None = None
    key: str | None = None
    digest: str | None = None


PLAIN = Origin()


def stamp(moment: datetime) -> str:
    """`2025-09-19T09:14:56.789+05:30`."""
    return moment.astimezone(IST).isoformat(timespec="milliseconds")


def status_of(task: Task) -> dict[str, Any]:
    """The status object of the API and of the feed (spec, "HTTP")."""
    state = task.status
    whole = state in (State.COMPLETED, State.EXPIRED)
    path = f"{task.task_id}/{task.file_name}" if state is State.COMPLETED else None
    return {
        "task_id": task.task_id,
        "status": state.value,
        "progress": 100 if whole else _percent(task),
        "status_message": _message(task),
        "file_path": path,
        "file_name": task.file_name,
        "download_url": f"/api/export/download/{task.task_id}" if path else None,
        "error": task.error,
        "error_code": task.error_code,
        "warnings": orjson.loads(task.warnings),
        "created_at": task.created_at,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
        "work_s": task.work_s,
        "rows_done": task.rows_done,
        "rows_total": task.rows_total,
        "bytes_done": task.bytes_done,
        "contracts_done": task.contracts_done,
        "contracts_total": task.contracts_total,
        "rate": _mean_rate(task) if whole else task.rate,
        "eta_s": task.eta_s,
        "contract": task.contract,
        "attempt": task.attempt,
        "resumed_from_rows": task.resumed_from_rows,
        "cancel_requested": task.cancel_requested,
        "retry_of": task.retry_of,
        "duplicates_dropped": task.duplicates_dropped,
        "size": task.size,
        "sha256": task.sha256,
        "spec": orjson.loads(task.spec),
        "note": task.note,
        "template_id": task.template_id,
        "schedule_id": task.schedule_id,
        "slot": task.slot,
        "seq": task.seq,
    }


def percent(done: int, total: int | None) -> float:
    """Rows done of rows expected, in tenths; 100 is for what is finished."""
    return min(99.9, done * 1000 // total / 10) if total else 0.0


def _mean_rate(task: Task) -> float | None:
    """Candles a second over the whole of the work, for what is finished."""
    return round(task.rows_done / task.work_s, 1) if task.work_s else None


def _percent(task: Task) -> float:
    return max(task.progress, percent(task.rows_done, task.rows_total))


def _message(task: Task) -> str:
    if task.status is State.COMPLETED:
        return f"Completed: {task.rows_done:,} candles"
    if task.cancel_requested and not task.status.final:
        return "Cancelling"
    return task.message or MESSAGES[task.status]
