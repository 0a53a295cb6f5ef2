"""SIGKILL at random moments of exports under way: nothing stuck, lost, partial, left or different.

`make faults` tries a few dozen moments, `make faults-full` two hundred.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from tests.conformance.judge import members
from tests.makers import EXPIRY, NIFTY
from tests.servers import Server

pytestmark = pytest.mark.faults

RUNS = 200 if os.environ.get("EXPIRYTRACK_FAULTS") == "full" else 24
FORMATS = ("csv", "json", "zip")


async def _start(session: aiohttp.ClientSession, url: str, format: str) -> str:
    body = {"instruments": [NIFTY], "expiries": {NIFTY: [EXPIRY]}, "format": format}
    async with session.post(f"{url}/api/export/start", json=body) as answer:
        assert answer.status == 202
        return str((await answer.json())["task_id"])


async def _until(session: aiohttp.ClientSession, url: str, changes: int) -> None:
    """Until the feed has told so many changes: a moment somewhere in the work."""
    async with session.ws_connect(f"{url}/api/export/ws") as socket:
        for _ in range(changes):
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            if all(task["finished_at"] for task in message.json()["tasks"]):
                return


async def _finished(session: aiohttp.ClientSession, url: str, task_id: str) -> tuple[Any, bytes]:
    async with session.ws_connect(f"{url}/api/export/ws/{task_id}") as socket:
        frames = [message.json() async for message in socket]
    task = frames[-1]["tasks"][0]
    assert frames[-1]["type"] == "final"
    assert task["status"] == "completed", task
    async with session.get(url + task["download_url"]) as answer:
        content = await answer.read()
    assert hashlib.sha256(content).hexdigest() == task["sha256"]
    return task, content


def _same(format: str, content: bytes) -> Any:
    """What two tries of one export must share; a name's moment and JSON's stand in the file."""
    if format == "zip":
        return {name: data for name, data in members(content).items() if name != "metadata.json"}
    if format == "json":
        head, _, rest = content.partition(b'"data"')
        assert b"exported_at" in head
        return rest
    return content


async def test_a_killed_server_loses_nothing(tmp_path: Path, slow: Path) -> None:
    random = Random("kill")
    undisturbed: dict[str, Any] = {}
    resumed = 0
    with Server(tmp_path, slow, "--keep-free", "0") as server:
        async with aiohttp.ClientSession() as session:
            for format in FORMATS:
                task_id = await _start(session, server.url, format)
                _, content = await _finished(session, server.url, task_id)
                undisturbed[format] = _same(format, content)
        for _ in range(RUNS):
            async with aiohttp.ClientSession() as session:
                ids = {
                    await _start(session, server.url, format): format
                    for format in random.sample(FORMATS, 2)
                }
                await _until(session, server.url, random.randrange(1, 14))
                server.kill()
            known = {path.parent.name for path in server.exports.glob("*/*.part")}
            assert known <= set(ids)
            await asyncio.to_thread(server.start)
            async with aiohttp.ClientSession() as session:
                for task_id, format in ids.items():
                    task, content = await _finished(session, server.url, task_id)
                    assert _same(format, content) == undisturbed[format]
                    resumed += task["resumed_from_rows"] > 0
                    left = [path.name for path in (server.exports / task_id).iterdir()]
                    assert left == [task["file_name"]]
                    async with session.delete(f"{server.url}/api/export/tasks/{task_id}") as answer:
                        assert answer.status == 200
        assert len(list(server.exports.glob("*-*"))) == len(FORMATS)
    print(f"\nkilled {RUNS} times with two exports each: 0 violations, {resumed} tries resumed")
