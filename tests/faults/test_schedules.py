"""A schedule's slot is run once: killed at every file call of it, stopped, and under other clocks.

The clock of the schedules is a file that the test writes (`tests.faults.clocked`); the calls are
counted and spoiled as in `test_kill_calls`. Needs Linux 5.9, no tool and no rights.
"""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from exporter.model import IST
from server.cron import slot_text
from tests.faults.clocked import VARIABLE
from tests.faults.life import body, fetched, same, small_database, tasks_of
from tests.faults.sizes import cases, told
from tests.faults.system import System
from tests.faults.test_kill_calls import FLAGS, KINDS, evenly
from tests.servers import Server

HOUR = timedelta(hours=1)
# How the clock differs when the server comes back: not at all, set back to before the slot, late
# for it, and with another slot missed.
MOVES = (timedelta(), -HOUR / 3, HOUR / 3, HOUR * 4 / 3)
_PATIENCE_S = 120.0


class Clock:
    """The moment that the server's schedules see."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.environ = {VARIABLE: str(path)}
        self.set(datetime(2025, 9, 22, 9, 0, tzinfo=IST))

    def set(self, moment: datetime) -> None:
        self.moment = moment
        beside = self._path.with_suffix(".new")
        beside.write_text(moment.isoformat(), "ascii")
        os.replace(beside, self._path)

    def next_slot(self) -> datetime:
        """The next half hour that is not yet there."""
        slot = self.moment.replace(minute=30, second=0)
        return slot if slot > self.moment else slot + HOUR


async def _made(session: aiohttp.ClientSession, url: str, **how: Any) -> str:
    asked = {"name": "Half past", "cron": "30 * * * *", "request": body("csv"), **how}
    async with session.post(f"{url}/api/schedules", json=asked) as answer:
        value = await answer.json()
        assert answer.status == 201, value
        return str(value["id"])


async def _run_over(url: str, slot: datetime) -> bool:
    """Wait until the task of a slot is in its final state; False if the server went before."""
    text = slot_text(slot)
    try:
        async with (
            asyncio.timeout(_PATIENCE_S),
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}/api/export/ws") as socket,
        ):
            async for message in socket:
                tasks = message.json()["tasks"]
                if any(task["slot"] == text and task["finished_at"] for task in tasks):
                    return True
    except aiohttp.ClientError:
        return False
    return False


async def _there(url: str) -> bool:
    """Does the server answer still? It may have been killed after the task's end."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/api/schedules"):
            return True
    except aiohttp.ClientError:
        return False


async def _runs(session: aiohttp.ClientSession, url: str, schedule_id: str) -> list[Any]:
    query = {"limit": "200"}
    async with session.get(f"{url}/api/schedules/{schedule_id}/runs", params=query) as answer:
        found: list[Any] = (await answer.json())["runs"]
        return found


async def _judge(url: str, schedule_id: str, slot: datetime, content: Any) -> str:
    """What became of a slot: its own run, or a later one that stands for it. Each run just once."""
    async with aiohttp.ClientSession() as session:
        tasks = await tasks_of(session, url)
        for task in tasks:
            assert await _run_over(url, datetime.fromisoformat(task["slot"]))
        tasks = await tasks_of(session, url)
        runs = await _runs(session, url, schedule_id)
        slots = [task["slot"] for task in tasks]
        assert len(set(slots)) == len(slots)
        assert [(run["slot"], run["task_id"]) for run in runs] == [
            (task["slot"], task["task_id"]) for task in tasks
        ]
        for task in tasks:
            assert same("csv", await fetched(session, url, task)) == content
            async with session.delete(f"{url}/api/export/tasks/{task['task_id']}") as answer:
                assert answer.status == 200
    if slot_text(slot) in slots:
        return "ran"
    assert f"{slot:%Y-%m-%d %H:%M}" in runs[0]["reason"]
    return "made up for"


async def _forget(session: aiohttp.ClientSession, url: str, schedule_id: str) -> str:
    """The same schedule anew, without runs."""
    async with session.delete(f"{url}/api/schedules/{schedule_id}") as answer:
        assert answer.status == 200
    return await _made(session, url)


@cases(4, 40, 400)
async def test_killed_at_every_call_of_a_slot(
    cases: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = small_database(tmp_path / "market.db")
    clock = Clock(tmp_path / "clock")
    found = {"tried": 0, "hit": 0, "ran": 0, "made up for": 0}
    with System([tmp_path / "run"], KINDS) as system:
        run = Server(
            tmp_path / "run", database, *FLAGS, prefix=system.prefix,
            module="tests.faults.clocked", environ=clock.environ,
        )  # fmt: skip
        with run as server:
            async with aiohttp.ClientSession() as session:
                schedule_id = await _made(session, server.url)
            slot = clock.next_slot()
            system.count(*KINDS)
            clock.set(slot)
            assert await _run_over(server.url, slot)
            calls = system.seen
            assert calls > 20
            async with aiohttp.ClientSession() as session:
                (task,) = await tasks_of(session, server.url)
                content = same("csv", await fetched(session, server.url, task))
                assert len(await _runs(session, server.url, schedule_id)) == 1
            assert await _judge(server.url, schedule_id, slot, content) == "ran"
            for place, number in enumerate(evenly(calls, cases)):
                async with aiohttp.ClientSession() as session:
                    schedule_id = await _forget(session, server.url, schedule_id)
                slot, move = clock.next_slot(), MOVES[place % len(MOVES)]
                system.spoil(number, 0, *KINDS)
                clock.set(slot)
                over = await _run_over(server.url, slot)
                found["tried"] += 1
                system.count(*KINDS)
                if not over or not await _there(server.url):
                    found["hit"] += 1
                    await asyncio.to_thread(server.wait)
                    clock.set(slot + move)
                    await asyncio.to_thread(server.start)
                    clock.set(max(slot, slot + move))
                    assert await _run_over(server.url, slot + HOUR * (move > HOUR))
                found[await _judge(server.url, schedule_id, slot, content)] += 1
    told(capsys, "a slot killed at every file call", **found)
    assert found["hit"]


@pytest.mark.parametrize("missed", ["run", "skip"])
async def test_stopped_over_three_slots(missed: str, tmp_path: Path) -> None:
    """They run as one, or are skipped and noted; a restart before that misses nothing."""
    clock = Clock(tmp_path / "clock")
    run = Server(
        tmp_path / "run", small_database(tmp_path / "market.db"), *FLAGS,
        module="tests.faults.clocked", environ=clock.environ,
    )  # fmt: skip
    with run as server:
        async with aiohttp.ClientSession() as session:
            schedule_id = await _made(session, server.url, missed=missed)
            async with session.get(f"{server.url}/api/schedules/{schedule_id}") as answer:
                kept = await answer.json()
        assert server.stop() == 0
        server.start()
        address = f"{server.url}/api/schedules/{schedule_id}"
        async with aiohttp.ClientSession() as session, session.get(address) as answer:
            assert await answer.json() == kept
        slot = clock.next_slot()
        clock.set(slot)
        assert await _run_over(server.url, slot)
        assert server.stop() == 0
        clock.set(slot + 3 * HOUR + HOUR / 4)
        server.start()
        async with aiohttp.ClientSession() as session, asyncio.timeout(_PATIENCE_S):
            runs = await _runs(session, server.url, schedule_id)
            while len(runs) == 1:
                runs = await _runs(session, server.url, schedule_id)
        assert [one["slot"] for one in runs] == [slot_text(slot + 3 * HOUR), slot_text(slot)]
        assert runs[0]["outcome"] == ("started" if missed == "run" else "skipped")
        assert runs[0]["reason"].startswith("3 slots were missed, the first at ")
        for moment in (slot + HOUR, slot - HOUR / 4, slot + HOUR / 4):
            clock.set(moment)
        later = slot + 4 * HOUR
        clock.set(later)
        assert await _run_over(server.url, later)
        async with aiohttp.ClientSession() as session:
            runs = await _runs(session, server.url, schedule_id)
        slots = [one["slot"] for one in runs]
        assert len(set(slots)) == len(slots)
        assert server.stop() == 0
