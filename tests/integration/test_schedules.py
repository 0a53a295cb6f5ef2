"""Schedules against a clock that the test sets: each slot once, whatever happens to the clock."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import Code, ExportError
from server.app import create_app
from server.context import CONTEXT
from tests.conftest import AiohttpClient, make_settings
from tests.integration.calls import SENSEX, Client, finished, refused
from tests.integration.clock import Clock, look, runs

RULE = {"instruments": [SENSEX], "expiry_rule": {"all": True}, "format": "csv"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(
    aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path, clock: Clock
) -> Client:
    opened: Client = await aiohttp_client(create_app(make_settings(tmp_path, sample), clock=clock))
    return opened


async def schedule(client: Client, cron: str = "30 * * * *", **how: Any) -> Any:
    body = {"name": "Hourly", "cron": cron, "request": RULE, **how}
    if "template_id" in how:
        del body["request"]
    answer = await client.post("/api/schedules", json=body)
    value = await answer.json()
    assert answer.status == 201, value
    return value


async def outcomes(client: Client, made: Any) -> list[tuple[str, str]]:
    return [(one["slot"][:16], one["outcome"]) for one in await runs(client, made["id"])]


async def test_a_schedule_is_kept_and_shown(client: Client) -> None:
    made = await schedule(client, "30 18 * * 1-5", only_new=True, keep_runs=3, keep_days=30)
    assert made["reading"] == "At 18:30 on Monday through Friday, Indian time"
    assert made["next_runs"] == [f"2025-09-{day}T18:30:00+05:30" for day in (22, 23, 24, 25, 26)]
    assert (made["missed"], made["only_new"], made["last_run"]) == ("run", True, None)
    answer = await client.get("/api/schedules")
    assert (await answer.json())["schedules"] == [made]
    change = {"name": "Weekly", "cron": "0 9 * * 1", "request": RULE, "missed": "skip"}
    answer = await client.put(f"/api/schedules/{made['id']}", json=change)
    changed = await answer.json()
    assert (changed["name"], changed["missed"], changed["keep_runs"]) == ("Weekly", "skip", None)
    # Case 33: 1 is Monday; and nine o'clock is now, so the next one is in a week.
    assert changed["next_runs"][0] == "2025-09-29T09:00:00+05:30"
    answer = await client.delete(f"/api/schedules/{made['id']}")
    assert (await answer.json())["name"] == "Weekly"
    await refused(await client.get(f"/api/schedules/{made['id']}"), 404, "not_found")


async def test_a_slot_runs_once_at_its_time(client: Client, clock: Clock) -> None:
    made = await schedule(client)
    await look(client)
    clock.set("2025-09-22 09:29:59")
    await look(client)
    assert await runs(client, made["id"]) == []
    clock.pass_(seconds=1)
    for _ in range(3):
        await look(client)
    (run,) = await runs(client, made["id"])
    assert (run["slot"], run["outcome"]) == ("2025-09-22T09:30:00+05:30", "started")
    assert run["reason"] is None
    task = await finished(client, run["task_id"])
    assert (task["status"], task["schedule_id"], task["slot"]) == (
        "completed", made["id"], run["slot"],
    )  # fmt: skip
    answer = await client.get(f"/api/schedules/{made['id']}")
    assert (await answer.json())["last_run"] == {**run, "status": "completed"}


async def test_looks_at_once_start_one_run(client: Client, clock: Clock) -> None:
    made = await schedule(client)
    clock.set("2025-09-22 09:30:05")
    await asyncio.gather(*(look(client) for _ in range(5)))
    assert await outcomes(client, made) == [("2025-09-22T09:30", "started")]
    tasks = await (await client.get(f"/api/export/tasks?schedule={made['id']}")).json()
    assert len(tasks["tasks"]) == 1


async def test_a_missed_slot_runs_once_on_return(client: Client, clock: Clock) -> None:
    made = await schedule(client)
    clock.set("2025-09-22 09:50")
    await look(client)
    (run,) = await runs(client, made["id"])
    assert run["outcome"] == "started"
    assert run["reason"].startswith("the slot of 2025-09-22 09:30 was missed: ")


async def test_several_missed_slots_run_as_one(client: Client, clock: Clock) -> None:
    made = await schedule(client)
    clock.set("2025-09-23 09:10")
    await look(client)
    (run,) = await runs(client, made["id"])
    assert (run["slot"], run["outcome"]) == ("2025-09-23T08:30:00+05:30", "started")
    assert run["reason"].startswith("24 slots were missed, the first at 2025-09-22 09:30: ")
    clock.set("2025-09-23 09:30:10")
    await look(client)
    assert await outcomes(client, made) == [
        ("2025-09-23T09:30", "started"), ("2025-09-23T08:30", "started"),
    ]  # fmt: skip


async def test_a_year_of_missed_minutes_is_one_run(client: Client, clock: Clock) -> None:
    made = await schedule(client, "* * * * *")
    clock.set("2026-09-23 09:10:40")
    await look(client)
    (run,) = await runs(client, made["id"])
    assert run["reason"].startswith("at least 1,000 slots were missed: ")


async def test_a_missed_slot_is_skipped_and_noted_by_choice(client: Client, clock: Clock) -> None:
    made = await schedule(client, missed="skip")
    clock.set("2025-09-22 11:45")
    await look(client)
    (run,) = await runs(client, made["id"])
    assert (run["slot"][:16], run["outcome"], run["task_id"]) == (
        "2025-09-22T11:30", "skipped", None,
    )  # fmt: skip
    assert "3 slots were missed" in run["reason"]
    clock.set("2025-09-22 12:30:30")
    await look(client)
    assert (await outcomes(client, made))[0] == ("2025-09-22T12:30", "started")


async def test_a_clock_that_is_set_back_runs_no_slot_twice(client: Client, clock: Clock) -> None:
    made = await schedule(client)
    clock.set("2025-09-22 09:30:10")
    await look(client)
    for moment in ("09:29:58", "09:30:01", "08:00", "09:00", "09:30:20", "10:00"):
        clock.set(f"2025-09-22 {moment}")
        await look(client)
    # Eight o'clock was never before nine of this clock, but half past eight is a slot of its own.
    assert await outcomes(client, made) == [
        ("2025-09-22T08:30", "started"), ("2025-09-22T09:30", "started"),
    ]  # fmt: skip


async def test_a_clock_that_was_a_year_ahead_does_not_stop_a_schedule(
    client: Client, clock: Clock
) -> None:
    made = await schedule(client)
    clock.set("2026-09-22 09:30:10")
    await look(client)
    clock.set("2025-09-22 09:10")
    await look(client)
    clock.set("2025-09-22 09:30")
    await look(client)
    assert await outcomes(client, made) == [
        ("2025-09-22T09:30", "started"), ("2026-09-22T09:30", "started"),
    ]  # fmt: skip


async def test_a_pause_misses_nothing(client: Client, clock: Clock) -> None:
    made = await schedule(client)
    paused = await (await client.post(f"/api/schedules/{made['id']}/pause")).json()
    assert (paused["paused"], paused["next_runs"]) == (True, [])
    clock.set("2025-09-22 12:00")
    await look(client)
    resumed = await (await client.post(f"/api/schedules/{made['id']}/resume")).json()
    assert resumed["next_runs"][0] == "2025-09-22T12:30:00+05:30"
    await look(client)
    assert await runs(client, made["id"]) == []
    clock.set("2025-09-22 12:30")
    await look(client)
    assert await outcomes(client, made) == [("2025-09-22T12:30", "started")]


async def test_a_change_that_does_not_speak_of_a_pause_leaves_it(client: Client) -> None:
    made = await schedule(client)
    await client.post(f"/api/schedules/{made['id']}/pause")
    body = {"name": "Other", "cron": "0 * * * *", "request": RULE}
    changed = await (await client.put(f"/api/schedules/{made['id']}", json=body)).json()
    assert changed["paused"] is True


async def test_only_what_is_new(client: Client, clock: Clock) -> None:
    made = await schedule(client, only_new=True)
    have = client.app[CONTEXT]
    expiries = (await have.database.catalogue()).expiries[SENSEX]
    clock.set("2025-09-22 09:30")
    await look(client)
    (run,) = await runs(client, made["id"])
    task = await finished(client, run["task_id"])
    assert len(task["spec"]["expiries"][SENSEX]) == len(expiries)
    clock.set("2025-09-22 10:30")
    await look(client)
    newest = (await runs(client, made["id"]))[0]
    assert (newest["outcome"], newest["task_id"]) == ("nothing_new", None)
    # That it was exported outlives the task.
    await client.delete(f"/api/export/tasks/{run['task_id']}")
    answer = await client.post(f"/api/schedules/{made['id']}/run")
    assert (answer.status, (await answer.json())["outcome"]) == (200, "nothing_new")
    # Another schedule has exported nothing yet.
    other = await schedule(client, only_new=True, name="Other")
    answer = await client.post(f"/api/schedules/{other['id']}/run")
    assert answer.status == 202
    await finished(client, (await answer.json())["task_id"])


async def test_what_is_left_of_a_request_is_what_is_new(client: Client, clock: Clock) -> None:
    catalogue = await client.app[CONTEXT].database.catalogue()
    oldest = catalogue.expiries[SENSEX][-1].isoformat()
    first = {"instruments": [SENSEX], "expiries": {SENSEX: [oldest]}, "format": "csv"}
    made = await schedule(client, only_new=True, request=first)
    answer = await client.post(f"/api/schedules/{made['id']}/run")
    await finished(client, (await answer.json())["task_id"])
    body = {"name": "Hourly", "cron": "30 * * * *", "request": RULE, "only_new": True}
    await client.put(f"/api/schedules/{made['id']}", json=body)
    clock.set("2025-09-22 09:30")
    await look(client)
    task = await finished(client, (await runs(client, made["id"]))[0]["task_id"])
    assert oldest not in task["spec"]["expiries"][SENSEX]
    assert len(task["spec"]["expiries"][SENSEX]) == len(catalogue.expiries[SENSEX]) - 1


async def test_a_failed_run_has_exported_nothing(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await schedule(client, only_new=True)

    async def fails(*_: Any, **__: Any) -> None:
        raise ExportError(Code.STORAGE_FAILED, "no")

    with monkeypatch.context() as patched:
        patched.setattr("server.runner.run_export", fails)
        clock.set("2025-09-22 09:30")
        await look(client)
        (run,) = await runs(client, made["id"])
        assert (await finished(client, run["task_id"]))["status"] == "failed"
    clock.set("2025-09-22 10:30")
    await look(client)
    assert (await runs(client, made["id"]))[0]["outcome"] == "started"


async def test_a_full_queue_is_tried_again_within_the_slots_time(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await schedule(client)
    have = client.app[CONTEXT]
    monkeypatch.setattr(have.artefacts, "prepare", _full)
    clock.set("2025-09-22 09:30")
    await look(client)
    clock.set("2025-09-22 09:45")
    await look(client)
    assert await runs(client, made["id"]) == []
    monkeypatch.undo()
    await look(client)
    (run,) = await runs(client, made["id"])
    assert (run["slot"][:16], run["outcome"], run["reason"]) == (
        "2025-09-22T09:30",
        "started",
        None,
    )


async def test_a_slot_whose_time_is_over_has_failed_with_the_reason(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await schedule(client)
    daily = await schedule(client, "30 9 * * *", name="Daily")
    monkeypatch.setattr(client.app[CONTEXT].artefacts, "prepare", _full)
    clock.set("2025-09-22 09:30")
    await look(client)
    clock.set("2025-09-22 10:30:01")
    await look(client)
    for one in (made, daily):
        (run,) = await runs(client, one["id"])
        assert (run["slot"][:16], run["outcome"]) == ("2025-09-22T09:30", "failed")
        assert run["reason"] == "the disk is full"
    monkeypatch.undo()
    await look(client)
    assert await outcomes(client, made) == [
        ("2025-09-22T10:30", "started"), ("2025-09-22T09:30", "failed"),
    ]  # fmt: skip
    assert len(await runs(client, daily["id"])) == 1


def _full() -> None:
    raise ExportError(Code.STORAGE_FULL, "the disk is full")


async def test_a_request_that_does_not_fit_any_more_fails_its_slot(
    client: Client, clock: Clock
) -> None:
    made = await schedule(client)
    await client.app[CONTEXT].store.tables.rows(
        "UPDATE schedules SET request=replace(request, 'SENSEX', 'GONE')"
    )
    clock.set("2025-09-22 09:30")
    await look(client)
    (run,) = await runs(client, made["id"])
    assert run["outcome"] == "failed"
    assert "unknown instrument 'BSE_INDEX|GONE'" in run["reason"]


async def test_a_cron_that_is_not_read_any_more_stops_nothing_else(
    client: Client, clock: Clock
) -> None:
    old, made = await schedule(client, name="Old"), await schedule(client)
    await client.app[CONTEXT].store.tables.rows(
        "UPDATE schedules SET cron='@hourly' WHERE id=?1", old["id"]
    )
    clock.set("2025-09-22 09:30")
    await look(client)
    assert await outcomes(client, made) == [("2025-09-22T09:30", "started")]
    assert await runs(client, old["id"]) == []
    shown = await (await client.get(f"/api/schedules/{old['id']}")).json()
    assert (shown["cron"], shown["next_runs"]) == ("@hourly", [])
    assert "cannot be read" in shown["reading"]
    health = await (await client.get("/api/health")).json()
    assert health["schedules"]["next_slot"] == "2025-09-22T10:30:00+05:30"
    body = {"name": "Old", "cron": "0 * * * *", "request": RULE}
    assert (await client.put(f"/api/schedules/{old['id']}", json=body)).status == 200


async def test_a_rule_that_nothing_meets_has_nothing_new(client: Client, clock: Clock) -> None:
    rule = {"instruments": [SENSEX], "expiry_rule": {"from": "2099-01-01"}, "format": "csv"}
    made = await schedule(client, request=rule)
    clock.set("2025-09-22 09:30")
    await look(client)
    assert await outcomes(client, made) == [("2025-09-22T09:30", "nothing_new")]


async def test_a_schedule_of_a_template_follows_it(client: Client, clock: Clock) -> None:
    answer = await client.post("/api/templates", json={"name": "T", "request": RULE})
    template = await answer.json()
    made = await schedule(client, template_id=template["id"])
    await refused(await client.delete(f"/api/templates/{template['id']}"), 409, "conflict")
    changed = {"name": "T", "request": {**RULE, "format": "json"}}
    await client.put(f"/api/templates/{template['id']}", json=changed)
    clock.set("2025-09-22 09:30")
    await look(client)
    task = await finished(client, (await runs(client, made["id"]))[0]["task_id"])
    assert (task["spec"]["format"], task["template_id"]) == ("json", template["id"])


async def test_a_schedule_keeps_so_many_runs_and_so_many_days(client: Client, clock: Clock) -> None:
    made = await schedule(client, keep_runs=2)
    other = await schedule(client, name="Other")
    ids = []
    for hour in range(9, 13):
        clock.set(f"2025-09-22 {hour:02}:30")
        await look(client)
        ids.append((await runs(client, made["id"]))[0]["task_id"])
        await finished(client, ids[-1])
        await finished(client, (await runs(client, other["id"]))[0]["task_id"])
    await look(client)
    states = {one["task_id"]: one["status"] for one in await runs(client, made["id"])}
    assert [states[one] for one in ids] == ["expired", "expired", "completed", "completed"]
    folders = {path.name for path in client.app[CONTEXT].settings.exports.iterdir()}
    assert folders.isdisjoint(ids[:2])
    assert folders.issuperset(ids[2:])
    assert {one["status"] for one in await runs(client, other["id"])} == {"completed"}
    body = {"name": "Hourly", "cron": "30 * * * *", "request": RULE, "keep_days": 1}
    await client.put(f"/api/schedules/{made['id']}", json=body)
    await client.app[CONTEXT].store.tables.rows(
        "UPDATE tasks SET finished_at='2025-09-20T09:00:00.000+05:30' WHERE task_id=?1", ids[2]
    )
    await client.app[CONTEXT].store.tables.rows(
        "UPDATE tasks SET finished_at='2025-09-22T09:00:00.000+05:30' WHERE task_id=?1", ids[3]
    )
    await look(client)
    states = {one["task_id"]: one["status"] for one in await runs(client, made["id"])}
    assert [states[one] for one in ids[2:]] == ["expired", "completed"]


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("* * * * * *", "five fields"),
        ("@hourly", "five fields"),
        ("", "five fields"),
        ("61 * * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 9 * * 8", "day-of-week"),
        ("0 0 30 2 *", "day-of-month"),
        ("0 9 * * MOND", "day-of-week"),
        ("1" * 99 + " * * * *", "longer"),
        (None, "text"),
        (5, "text"),
    ],
)
async def test_a_cron_expression_that_cannot_be_read(client: Client, cron: Any, said: str) -> None:
    value = await refused(
        await client.post("/api/schedules/explain", json={"cron": cron}), 400, "bad_input"
    )
    assert said in value["error"]
    body = {"name": "N", "cron": cron, "request": RULE}
    await refused(await client.post("/api/schedules", json=body), 400, "bad_input")


async def test_what_is_wrong_with_a_schedule_is_named_all_at_once(client: Client) -> None:
    body = {
        "name": " ", "cron": "x", "missed": "never", "only_new": 1, "keep_runs": 0, "what": 1,
    }  # fmt: skip
    value = await refused(await client.post("/api/schedules", json=body), 400, "bad_input")
    assert len(value["problems"]) == 7
    both = {"name": "N", "cron": "0 9 * * *", "request": {**RULE, "format": "xml"}}
    await refused(await client.post("/api/schedules", json=both), 400, "bad_input")
    absent = {"name": "N", "cron": "0 9 * * *", "template_id": "00000000"}
    await refused(await client.post("/api/schedules", json=absent), 404, "not_found")
    await schedule(client)
    again = {"name": "hourly", "cron": "0 9 * * *", "request": RULE}
    await refused(await client.post("/api/schedules", json=again), 409, "conflict")


async def test_run_now_is_beside_the_slots(client: Client, clock: Clock) -> None:
    made = await schedule(client)
    clock.set("2025-09-22 09:30")
    for _ in range(2):
        answer = await client.post(f"/api/schedules/{made['id']}/run")
        assert answer.status == 202
        await finished(client, (await answer.json())["task_id"])
        clock.pass_(seconds=1)
    await look(client)
    found = await runs(client, made["id"])
    assert sorted(str(one["reason"]) for one in found) == ["None", "run now", "run now"]
    page = await (await client.get(f"/api/schedules/{made['id']}/runs?limit=2")).json()
    assert page["runs"] == found[:2]
    rest = f"/api/schedules/{made['id']}/runs?limit=2&cursor={page['next_cursor']}"
    assert (await (await client.get(rest)).json()) == {"runs": found[2:], "next_cursor": None}


async def test_health_and_metrics_tell_of_schedules(client: Client, clock: Clock) -> None:
    health = await (await client.get("/api/health")).json()
    assert health["schedules"] == {"active": 0, "paused": 0, "next_slot": None, "next_name": None}
    await schedule(client)
    paused = await schedule(client, name="Paused", paused=True)
    clock.set("2025-09-22 09:30")
    await look(client)
    assert paused["paused"] is True
    health = await (await client.get("/api/health")).json()
    assert health["schedules"] == {
        "active": 1, "paused": 1, "next_slot": "2025-09-22T10:30:00+05:30", "next_name": "Hourly",
    }  # fmt: skip
    text = await (await client.get("/metrics")).text()
    assert 'expirytrack_schedules{state="active"} 1' in text
    assert 'expirytrack_schedule_runs_total{outcome="started"} 1' in text
    assert "expirytrack_schedule_next_timestamp_seconds 1758517200" in text


async def test_the_scheduler_wakes_for_a_new_schedule(
    aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the real clock, and long before the half minute is over."""
    client: Client = await aiohttp_client(create_app(make_settings(tmp_path, sample)))
    scheduler = client.app[CONTEXT].scheduler
    seen: asyncio.Queue[int] = asyncio.Queue()
    look_once = scheduler.look

    async def look_and_say() -> None:
        await look_once()
        seen.put_nowait((await scheduler.prospect()).active)

    monkeypatch.setattr(scheduler, "look", look_and_say)
    await schedule(client)
    assert await seen.get() == 1
