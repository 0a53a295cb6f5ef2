"""A slow disk, and few descriptors: the real server stays answering, and loses nothing.

Needs Linux 5.9, and `prlimit` of Debian's util-linux; no rights.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.life import (
    FORMATS,
    Figures,
    begin,
    body,
    ended,
    fetched,
    judge,
    small_database,
    undisturbed_by,
)
from tests.faults.sizes import cases, told
from tests.faults.system import System
from tests.makers import slow_database
from tests.servers import Server

FLAGS = ("--keep-free", "0")
DESCRIPTORS = 128
_ROWS = 3000


async def _feed(session: aiohttp.ClientSession, url: str, ids: list[str]) -> int:
    """Follow every task until all of `ids` are over; how many frames came."""
    left, frames = set(ids), 0
    async with session.ws_connect(f"{url}/api/export/ws") as socket:
        while left:
            message = await socket.receive_json()
            frames += 1
            left -= {task["task_id"] for task in message["tasks"] if task["finished_at"]}
    return frames


@cases(1, 2, 20)
async def test_a_slow_disk(cases: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each write and fsync takes 50 ms longer (20 in a quick run); the loop waits for none."""
    database = small_database(tmp_path / "market.db")
    figures, frames, asked = Figures(), 0, 0
    loop = asyncio.get_running_loop()
    slowest = 0.0
    with System([tmp_path / "run"], ("write", "sync")) as system:
        run = Server(
            tmp_path / "run", database, *FLAGS, prefix=system.prefix, module="tests.faults.eager"
        )
        with run as server:
            async with aiohttp.ClientSession() as session:
                undisturbed = await undisturbed_by(server, session)
                for _ in range(cases):
                    system.slow(0.02 if cases == 1 else 0.05, "write", "sync")
                    ids = [await begin(session, server.url, format) for format in FORMATS]
                    following = asyncio.create_task(_feed(session, server.url, ids))
                    while not following.done():
                        # The page's own questions are answered while the disk is waited for.
                        before = loop.time()
                        async with session.get(f"{server.url}/export") as answer:
                            assert answer.status == 200
                            await answer.read()
                        slowest = max(slowest, loop.time() - before)
                        asked += 1
                        await asyncio.wait({following}, timeout=0.01)
                    frames += await following
                    assert system.seen > 50
                    async with session.get(f"{server.url}/api/health") as answer:
                        lag = (await answer.json())["loop_lag_ms"]
                    system.count()
                    figures.tried += 1
                    figures.hit += 1
                    await judge(session, server, ids, undisturbed, figures)
            assert server.stop() == 0, server.said()
    told(capsys, "row 7, a slow disk", loop_lag_p99_ms=lag, pages_asked_for=asked,
         slowest_page_ms=round(slowest * 1000, 1), frames=frames, **vars(figures))  # fmt: skip
    assert not figures.violations, figures
    assert frames >= 3 * cases


async def _descriptors(server: Server) -> int:
    assert server.process is not None
    return len(await asyncio.to_thread(os.listdir, f"/proc/{server.process.pid}/fd"))


async def _answered(session: aiohttp.ClientSession, url: str) -> Any:
    """The status and code of a call that must be answered in a known way, or not taken at all."""
    async with session.post(f"{url}/api/export/start", json=body("csv")) as answer:
        value = await answer.json()
        return value.get("task_id"), answer.status, value.get("code")


async def _has_room(server: Server) -> None:
    """Until the server has noticed that the others have left."""
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        status = 429
        while status == 429:
            async with session.get(f"{server.url}/api/health") as answer:
                status = answer.status
                await answer.read()
    assert status == 200


@cases(1, 2, 20)
async def test_few_descriptors(
    cases: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Many downloads, feeds and exports at once are served or refused with a code."""
    database = slow_database(tmp_path / "market.db", rows=200 if cases == 1 else _ROWS)
    figures, refused, most = Figures(), 0, 0
    run = Server(
        tmp_path / "run", database, *FLAGS, "--max-exports", "4",
        prefix=("prlimit", f"--nofile={DESCRIPTORS}"), module="tests.faults.eager",
    )  # fmt: skip
    with run as server:
        async with aiohttp.ClientSession() as session:
            undisturbed = await undisturbed_by(server, session)
            kept = await ended(session, server.url, await begin(session, server.url, "csv"))
            await fetched(session, server.url, kept)
        at_rest = await _descriptors(server)
        for _ in range(cases):
            ids: list[str] = []
            async with AsyncExitStack() as open_ones:
                for place in range(120):
                    # A connection each, as different clients have.
                    session = await open_ones.enter_async_context(aiohttp.ClientSession())
                    try:
                        if place % 3 == 0:
                            answer = await session.get(server.url + kept["download_url"])
                            status = answer.status
                        elif place % 3 == 1:
                            feed = await session.ws_connect(f"{server.url}/api/export/ws")
                            status = 200 if (await feed.receive()).data else 0
                        else:
                            task_id, status, _ = await _answered(session, server.url)
                            if task_id:
                                ids.append(task_id)
                    except aiohttp.WSServerHandshakeError as error:
                        status = error.status
                    except aiohttp.ClientConnectionError:
                        status = 429  # More at once than can be told why.
                    assert status in (200, 202, 429, 503), status
                    refused += status in (429, 503)
                    figures.tried += 1
                    most = max(most, await _descriptors(server))
            await _has_room(server)
            async with aiohttp.ClientSession() as session:
                for task_id in ids:
                    await ended(session, server.url, task_id)
                ids.append(kept["task_id"])
                await judge(session, server, ids, undisturbed, figures)
                kept = await ended(session, server.url, await begin(session, server.url, "csv"))
                await fetched(session, server.url, kept)
                async with session.get(f"{server.url}/api/health") as answer:
                    assert answer.status == 200, await answer.text()
        figures.hit = refused
        leaked = await _descriptors(server) - at_rest
        assert server.stop() == 0, server.said()
    told(capsys, f"row 7, {DESCRIPTORS} descriptors", refused=refused, most_open=most,
         leaked=max(0, leaked), **vars(figures))  # fmt: skip
    assert not figures.violations, (figures, server.said())
    assert refused
    # The pools may keep a connection more than they had opened before; clients leave nothing.
    assert leaked <= 8
    assert "Too many open files" not in server.said()
