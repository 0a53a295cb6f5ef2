"""SIGKILL in place of every write, fsync, rename and removal of an export's life, one at a time.

The calls are counted over all threads of the real server (`tests.faults.system`), once in a clean
run; then each in turn is where the process ends. Needs Linux 5.9, no tool and no rights.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import aiohttp
import pytest

from tests.faults.life import (
    FORMATS,
    Figures,
    begin,
    ended,
    judge,
    small_database,
    undisturbed_by,
)
from tests.faults.sizes import cases, told
from tests.faults.system import System
from tests.servers import Server

KINDS = ("write", "sync", "rename", "mkdir", "remove", "cut")
FLAGS = ("--keep-free", "0")


def evenly(count: int, most: int) -> list[int]:
    """At most so many of the numbers 1 to `count`, the first and the last among them."""
    if count <= most:
        return list(range(1, count + 1))
    if most == 1:
        return [1 + count // 2]
    return sorted({1 + round(place * (count - 1) / (most - 1)) for place in range(most)})


async def _life(server: Server, format: str) -> list[str]:
    """One export, as far as the server lets it come; ids that were acknowledged."""
    acknowledged = []
    try:
        async with aiohttp.ClientSession() as session:
            task_id = await begin(session, server.url, format)
            acknowledged.append(task_id)
            await ended(session, server.url, task_id)
    except (aiohttp.ClientError, AssertionError, IndexError):
        # A socket that was cut off brings no final frame, or no frame at all.
        assert server.process is not None
        await asyncio.to_thread(server.wait)
    return acknowledged


@cases(2, 24, 1000)
async def test_killed_at_every_call(
    cases: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = small_database(tmp_path / "market.db")
    figures = Figures()
    with System([tmp_path / "run"], KINDS) as system:
        run = Server(
            tmp_path / "run", database, *FLAGS, prefix=system.prefix, module="tests.faults.eager"
        )
        with run as server:
            async with aiohttp.ClientSession() as session:
                undisturbed = await undisturbed_by(server, session)
            for format in FORMATS:
                system.count(*KINDS)
                (task_id,) = await _life(server, format)
                calls = system.seen
                assert calls > 20
                async with aiohttp.ClientSession() as session:
                    await judge(session, server, [task_id], undisturbed, Figures())
                for number in evenly(calls, cases):
                    system.spoil(number, 0, *KINDS)
                    acknowledged = await _life(server, format)
                    figures.tried += 1
                    figures.hit += system.hit.is_set()
                    if system.hit.is_set():
                        system.count()
                        await asyncio.to_thread(server.start)
                    async with aiohttp.ClientSession() as session:
                        await judge(session, server, acknowledged, undisturbed, figures)
    told(capsys, "row 1, killed at every call", **vars(figures))
    assert not figures.violations, figures
    # Threads take turns differently each time, so the last few numbers may not come up.
    assert figures.hit > figures.tried * 0.8
    assert cases < 10 or figures.resumed


@cases(1, 12, 1000)
async def test_killed_again_at_every_call_of_the_restart(
    cases: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server that takes over what was left, and finishes it, is killed at each call too."""
    database = small_database(tmp_path / "market.db")
    figures = Figures()
    folder, left = tmp_path / "run", tmp_path / "left"
    with System([folder], KINDS) as system:
        run = Server(folder, database, *FLAGS, prefix=system.prefix, module="tests.faults.eager")
        with run as server:
            async with aiohttp.ClientSession() as session:
                undisturbed = await undisturbed_by(server, session)
            for format in FORMATS:
                system.count(*KINDS)
                (task_id,) = await _life(server, format)
                async with aiohttp.ClientSession() as session:
                    await judge(session, server, [task_id], undisturbed, Figures())
                system.spoil(system.seen // 2, 0, *KINDS)
                acknowledged = await _life(server, format)
                shutil.copytree(folder, left)
                system.count(*KINDS)
                await asyncio.to_thread(server.start)
                async with aiohttp.ClientSession() as session:
                    await ended(session, server.url, acknowledged[0])
                calls = system.seen
                server.kill()
                for number in evenly(calls, cases):
                    shutil.rmtree(folder)
                    shutil.copytree(left, folder)
                    system.spoil(number, 0, *KINDS)
                    await _started_and_over(server, acknowledged[0])
                    figures.tried += 1
                    figures.hit += system.hit.is_set()
                    system.count()
                    await asyncio.to_thread(server.start)
                    async with aiohttp.ClientSession() as session:
                        await judge(session, server, acknowledged, undisturbed, figures)
                    server.kill()
                shutil.rmtree(left)
                await asyncio.to_thread(server.start)
    told(capsys, "row 1, killed again at every call of the restart", **vars(figures))
    assert not figures.violations, figures
    assert figures.hit > figures.tried * 0.8


async def _started_and_over(server: Server, task_id: str) -> None:
    """Start, and follow the task until it or the server is at its end; it is not running then."""
    assert server.process is not None
    try:
        await asyncio.to_thread(server.start)
        async with aiohttp.ClientSession() as session:
            await ended(session, server.url, task_id)
        server.kill()
    except (aiohttp.ClientError, AssertionError, IndexError):
        await asyncio.to_thread(server.wait)
