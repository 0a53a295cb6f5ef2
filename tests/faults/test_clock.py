"""The wall clock of the real server is set while it exports: by an hour, and across midnight.

Needs libfaketime (Debian: apt-get install faketime), which `make faults` installs where it can.
"""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from exporter.model import IST, now_ist
from tests.faults.life import FORMATS, Figures, begin, fetched, judge, same
from tests.faults.sizes import FULL, told
from tests.makers import slow_database
from tests.servers import Server

pytestmark = pytest.mark.faults

LIBRARY = "libfaketime.so.1"
FLAGS = ("--keep-free", "0", "--keep-days", "3", "--grace", "20")


def _library() -> str:
    found = sorted(Path("/usr/lib").glob(f"**/faketime/{LIBRARY}"))
    assert found, "libfaketime is missing: sudo apt-get install -y faketime"
    return str(found[0])


class Clock:
    """A wall clock that can be set under a running process; durations go by another."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._path = folder / "clock"
        self.offset = timedelta()
        self.set(self.offset)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": _library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._path),
            # Looked at once a second; every single time would slow the server down a hundredfold.
            "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    @property
    def now(self) -> datetime:
        return now_ist() + self.offset

    def set(self, offset: timedelta) -> None:
        self.offset = offset
        beside = self._path.with_suffix(".new")
        beside.write_text(f"{offset.total_seconds():+f}\n", "ascii")
        os.replace(beside, self._path)


def _before_midnight() -> timedelta:
    """An offset that makes it half a second to midnight in India."""
    now = now_ist()
    midnight = datetime(now.year, now.month, now.day, tzinfo=IST) + timedelta(days=1)
    return midnight - now - timedelta(seconds=0.5)


MOVES: dict[str, tuple[timedelta, timedelta]] = {
    "an hour forward": (timedelta(), timedelta(hours=1)),
    "an hour back": (timedelta(), timedelta(hours=-1)),
    "back and over midnight": (timedelta(hours=30), timedelta(hours=6)),
}


async def _followed(
    session: aiohttp.ClientSession, url: str, task_id: str, clock: Clock, to: timedelta
) -> list[Any]:
    """All states of a task; the clock is set once its work has begun."""
    seen = []
    async with session.ws_connect(f"{url}/api/export/ws/{task_id}") as socket:
        async for message in socket:
            (task,) = message.json()["tasks"]
            seen.append(task)
            if task["rows_done"] and clock.offset != to:
                clock.set(to)
    return seen


def _check(seen: list[Any], passed_s: float) -> None:
    """What watchers were told does not go by the wall clock."""
    numbers = [task["seq"] for task in seen]
    assert numbers == sorted(numbers)
    assert [task["progress"] for task in seen] == sorted(task["progress"] for task in seen)
    for task in seen:
        assert task["rate"] is None or 0 <= task["rate"] < 1e8, task
        assert task["eta_s"] is None or 0 <= task["eta_s"] < 600, task
    last = seen[-1]
    assert last["status"] == "completed", last
    assert 0 < last["work_s"] <= passed_s
    accepted = datetime.fromisoformat(last["created_at"])
    assert f"_{accepted:%Y%m%d_%H%M%S}." in last["file_name"]


async def _restarted(server: Server) -> None:
    assert await asyncio.to_thread(server.stop) == 0, server.said()
    await asyncio.to_thread(server.start)


async def _moved(
    server: Server, clock: Clock, first: timedelta, then: timedelta, format: str, figures: Figures
) -> tuple[list[str], bytes]:
    """Two exports, the second interrupted and resumed; the clock is set during each of them."""
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as session:
        began = loop.time()
        ids = [await begin(session, server.url, format)]
        seen = await _followed(session, server.url, ids[0], clock, then)
        _check(seen, loop.time() - began)
        ended_at = datetime.fromisoformat(seen[-1]["finished_at"])
        figures.hit += abs(ended_at - clock.now) < timedelta(minutes=5)
        content = await fetched(session, server.url, seen[-1])
        began = loop.time()
        ids.append(await begin(session, server.url, format))
        async with session.ws_connect(f"{server.url}/api/export/ws/{ids[1]}") as feed:
            frame = await feed.receive_json()
            while not frame["tasks"][0]["contracts_done"]:
                frame = await feed.receive_json()
    clock.set(first)
    await _restarted(server)
    async with aiohttp.ClientSession() as session:
        seen = await _followed(session, server.url, ids[1], clock, then)
        _check(seen, loop.time() - began)
        assert seen[0]["seq"] > frame["tasks"][0]["seq"]
        assert seen[-1]["warnings"] == []
        figures.resumed += seen[-1]["resumed_from_rows"] > 0
        # Nothing is three days old by any of the clocks.
        async with session.post(f"{server.url}/api/admin/purge") as answer:
            assert (await answer.json())["removed"] == 0
        async with session.get(f"{server.url}/api/export/tasks") as answer:
            listed = (await answer.json())["tasks"]
        assert [task["task_id"] for task in listed] == ids[::-1]
    return ids, content


async def test_the_clock_is_set_in_mid_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = slow_database(tmp_path / "market.db", rows=8000)
    figures = Figures()
    midnight = _before_midnight()
    moves = [*MOVES.values(), (midnight, midnight)]
    for place in range(len(moves) * (4 if FULL else 1)):
        first, then = moves[place % len(moves)]
        format = FORMATS[place % len(FORMATS)]
        folder = tmp_path / str(place)
        clock = Clock(folder)
        clock.set(first)
        run = Server(folder, slow, *FLAGS, environ=clock.environ, module="tests.faults.eager")
        with run as server:
            ids, content = await _moved(server, clock, first, then, format, figures)
            figures.tried += 1
            async with aiohttp.ClientSession() as session:
                undisturbed = {format: same(format, content)}
                await judge(session, server, ids, undisturbed, figures)
            assert server.stop() == 0
    told(capsys, "row 7, the clock set in mid-export", **vars(figures))
    assert not figures.violations, figures
    assert figures.resumed
    assert figures.hit
