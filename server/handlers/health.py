"""How the server is: for people (the status page), for probes, and for Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain

from aiohttp import web

from server import VERSION
from server.context import Context, context
from server.cron import slot_text
from server.described import TABLE, Answer, described
from server.errors import json_response
from server.schedules import Outcome
from server.shapes_health import Health
from server.states import State

routes = web.RouteTableDef()

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@routes.get("/api/health")
@described(
    "How the server is",
    group="Server",
    answers={200: Answer("all is well", Health), 503: Answer("degraded", Health)},
    errors=TABLE,
)
async def health(request: web.Request) -> web.Response:
    """200 with `status` "ok", or 503 with "degraded" and the problems in words."""
    report = await _report(context(request))
    return json_response(report, status=200 if report["status"] == "ok" else 503)


@routes.get("/metrics")
@described(
    "Figures for Prometheus",
    group="Server",
    answers={200: Answer("metrics", "text", "text/plain")},
    errors=TABLE,
)
async def metrics(request: web.Request) -> web.Response:
    """The same figures in Prometheus' text format."""
    have = context(request)
    report = await _report(have)
    outcomes = await have.schedules.outcomes()
    samples_of = chain(_metrics(have, report), _of_schedules(report, outcomes))
    lines = [line for name, kind, help_text, samples in samples_of
             for line in _lines(name, kind, help_text, samples)]  # fmt: skip
    kept = {"Content-Type": _PROMETHEUS, "Cache-Control": "no-store"}
    return web.Response(text="\n".join(lines) + "\n", headers=kept)


async def _report(have: Context) -> Health:
    settings = have.settings
    # At once: under load each of them waits for a thread.
    database, counts, (free, total), schedules = await asyncio.gather(
        have.board.state(),
        have.store.counts(),
        asyncio.to_thread(have.artefacts.usage),
        have.scheduler.prospect(),
    )
    rss = have.monitor.rss()
    problems = []
    if database.error is not None:
        problems.append(database.error)
    if free < settings.keep_free:
        problems.append(f"the disk of {settings.exports} has no room left for exports")
    if settings.memory_limit and rss > settings.memory_limit:
        problems.append("the process holds more memory than --memory-limit; exports wait")
    if have.runner.draining:
        problems.append("the server is stopping")
    return {
        "status": "degraded" if problems else "ok",
        "version": VERSION,
        "uptime_s": round(have.monitor.uptime_s, 1),
        "database": {
            "path": str(have.database.path),
            "demo": settings.demo,
            "ok": database.error is None,
            "error": database.error,
            "code": database.code,
            "newest_candle": database.newest_candle,
            "contracts": database.contracts,
            "instruments": database.instruments,
            "size": database.size,
        },
        "disk": {
            "path": str(settings.exports),
            "free": free,
            "total": total,
            "keep_free": settings.keep_free,
            "ok": free >= settings.keep_free,
        },
        "queue": {
            "queued": counts[State.QUEUED],
            "processing": counts[State.PROCESSING],
            "max_exports": settings.max_exports,
            "max_queue": settings.max_queue,
        },
        "limits": {
            "max_rows": settings.max_rows,
            "keep_days": settings.keep_days,
            "keep_bytes": settings.keep_bytes,
        },
        "tasks": {state.value: number for state, number in counts.items()},
        "schedules": {
            "active": schedules.active,
            "paused": schedules.paused,
            "next_slot": None if schedules.slot is None else slot_text(schedules.slot),
            "next_name": schedules.name,
        },
        "memory": {"rss": rss, "limit": settings.memory_limit},
        "cpu_s": round(have.monitor.cpu_s(), 2),
        "loop_lag_ms": have.monitor.lag_ms(),
        "feed_clients": len(have.hub),
        "problems": problems,
    }


_Metric = tuple[str, str, str, list[tuple[str, float]]]


def _metrics(have: Context, report: Health) -> Iterable[_Metric]:
    settings = have.settings
    one = [("", 1.0)]
    yield (
        "expirytrack_info",
        "gauge",
        "Version of the server.",
        [(f'{{version="{report["version"]}"}}', 1.0)],
    )
    yield (
        "expirytrack_up",
        "gauge",
        "1 unless the server is degraded.",
        (one if report["status"] == "ok" else [("", 0.0)]),
    )
    yield "expirytrack_uptime_seconds", "gauge", "Since the start.", [("", report["uptime_s"])]
    yield (
        "expirytrack_tasks",
        "gauge",
        "Tasks by state.",
        [
            (f'{{state="{state.value}"}}', float(report["tasks"].get(state.value, 0)))
            for state in State
        ],
    )
    figures: list[tuple[str, str, float]] = [
        ("exports_limit", "Exports at once.", settings.max_exports),
        ("queue_limit", "Exports that may wait.", settings.max_queue),
        ("rows_limit", "Candles of one export at most; 0 is no limit.", settings.max_rows),
        ("disk_free_bytes", "Free space where exports are written.", report["disk"]["free"]),
        ("disk_keep_free_bytes", "Space that exports leave alone.", settings.keep_free),
        ("memory_limit_bytes", "No new export above this; 0 is no limit.", settings.memory_limit),
        ("feed_clients", "Open WebSocket feeds.", report["feed_clients"]),
        ("database_ok", "1 if the market database can be read.", report["database"]["ok"]),
        ("database_bytes", "Size of the market database.", report["database"]["size"] or 0),
    ]
    for name, help_text, value in figures:
        yield f"expirytrack_{name}", "gauge", help_text, [("", float(value))]
    yield (
        "expirytrack_loop_lag_seconds",
        "gauge",
        "Lateness of the event loop's ticks.",
        [
            (f'{{quantile="{part}"}}', have.monitor.lag_ms(part) / 1000)
            for part in (0.5, 0.99, 0.999)
        ],
    )
    yield (
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory.",
        [("", float(report["memory"]["rss"]))],
    )
    yield "process_cpu_seconds_total", "counter", "Processor time.", [("", report["cpu_s"])]


def _of_schedules(report: Health, outcomes: Mapping[Outcome, int]) -> Iterable[_Metric]:
    told = report["schedules"]
    states = [("active", told["active"]), ("paused", told["paused"])]
    yield (
        "expirytrack_schedules",
        "gauge",
        "Schedules by state.",
        [(f'{{state="{state}"}}', float(number)) for state, number in states],
    )
    if told["next_slot"] is not None:
        moment = datetime.fromisoformat(told["next_slot"]).timestamp()
        yield (
            "expirytrack_schedule_next_timestamp_seconds",
            "gauge",
            "The next slot of all schedules.",
            [("", moment)],
        )
    yield (
        "expirytrack_schedule_runs_total",
        "counter",
        "Slots of schedules by outcome.",
        [(f'{{outcome="{one.value}"}}', float(outcomes.get(one, 0))) for one in Outcome],
    )


def _lines(name: str, kind: str, help_text: str, samples: list[tuple[str, float]]) -> Iterable[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield f"{name}{labels} {value:.10g}"
