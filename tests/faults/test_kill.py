"""SIGKILL at random moments: nothing is stuck, lost, partial, left over or different."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import aiohttp
import pytest

from tests.faults.life import FORMATS, Figures, begin, judge, undisturbed_by
from tests.faults.sizes import cases, told
from tests.makers import slow_database
from tests.servers import Server


async def _until(session: aiohttp.ClientSession, url: str, changes: int) -> None:
    """Until the feed has told so many changes: a moment somewhere in the work."""
    async with session.ws_connect(f"{url}/api/export/ws") as socket:
        for _ in range(changes):
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            if all(task["finished_at"] for task in message.json()["tasks"]):
                return


@cases(1, 12, 200)
async def test_a_killed_server_loses_nothing(
    cases: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two exports at a time, of a database that takes long enough to be interrupted anywhere."""
    random = Random("kill")
    database = slow_database(tmp_path / "market.db", rows=600 if cases == 1 else 6000)
    figures = Figures()
    run = Server(tmp_path / "run", database, "--keep-free", "0", module="tests.faults.eager")
    with run as server:
        async with aiohttp.ClientSession() as session:
            undisturbed = await undisturbed_by(server, session)
        for _ in range(cases):
            async with aiohttp.ClientSession() as session:
                ids = [
                    await begin(session, server.url, format) for format in random.sample(FORMATS, 2)
                ]
                await _until(session, server.url, random.randrange(1, 10))
                server.kill()
            figures.tried += 1
            figures.hit += 1
            known = {path.parent.name for path in server.exports.glob("*/*.part")}
            assert known <= set(ids)
            await asyncio.to_thread(server.start)
            async with aiohttp.ClientSession() as session:
                await judge(session, server, ids, undisturbed, figures)
    told(capsys, "row 1, killed at random moments, two exports each", **vars(figures))
    assert not figures.violations, figures
