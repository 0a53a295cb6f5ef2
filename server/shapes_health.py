"""How the server says it is, as types; see server/shapes.py."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

Texts = list[str]


class HealthDatabase(TypedDict):
    """The market database; everything but the path is null while it cannot be read."""

    path: str
    demo: bool
    ok: bool
    error: str | None
    code: str | None
    newest_candle: str | None
    contracts: int | None
    instruments: int | None
    size: int | None


class HealthDisk(TypedDict):
    """The disk that exports are written to, in bytes."""

    path: str
    free: int
    total: int
    keep_free: int
    ok: bool


class HealthQueue(TypedDict):
    """How many exports wait and run, and how many may."""

    queued: int
    processing: int
    max_exports: int
    max_queue: int


class HealthLimits(TypedDict):
    """What the server was told to keep to; 0 is no limit."""

    max_rows: int
    keep_days: float
    keep_bytes: int


class HealthMemory(TypedDict):
    """Bytes; a limit of 0 is none."""

    rss: int
    limit: int


class HealthSchedules(TypedDict):
    """How many schedules there are, and which one comes next; null if none does."""

    active: int
    paused: int
    next_slot: str | None
    next_name: str | None


class Health(TypedDict):
    """How the server is."""

    status: Literal["ok", "degraded"]
    version: str
    uptime_s: float
    database: HealthDatabase
    disk: HealthDisk
    queue: HealthQueue
    limits: HealthLimits
    tasks: Annotated[dict[str, int], Meta(description="tasks by state")]
    schedules: HealthSchedules
    memory: HealthMemory
    cpu_s: float
    loop_lag_ms: float
    feed_clients: int
    problems: Texts
