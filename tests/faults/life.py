"""An export's life in a real server: started, followed to its end, fetched, held against another.

What must hold after any fault is said once, in `Figures` and `settled`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.conformance.judge import members
from tests.makers import EXPIRY, NIFTY, Maker, plain, settle
from tests.servers import Server

FORMATS = ("csv", "json", "zip")
CONTRACTS, ROWS = 5, 60
FINAL = ("completed", "failed", "cancelled", "expired")
# What a user can act on when it is the disk that fails.
STORAGE = ("storage_full", "storage_denied", "storage_failed")


def small_database(path: Path, contracts: int = CONTRACTS, rows: int = ROWS) -> Path:
    """So small that every call of an export's life can be tried in turn."""
    with Maker(path) as made:
        made.instrument(NIFTY, "NIFTY")
        for number in range(contracts):
            strike = 22000 + 50 * number
            made.contract(
                strike=strike,
                trading_symbol=f"NIFTY {strike} CE 16 SEP 25",
                candles=plain(rows, price=100.0 + number),
            )
    return settle(path)


def body(format: str, **options: Any) -> dict[str, Any]:
    return {
        "instruments": [NIFTY], "expiries": {NIFTY: [EXPIRY]}, "format": format,
        "options": options,
    }  # fmt: skip


async def begin(session: aiohttp.ClientSession, url: str, format: str) -> str:
    """The id of a task that was acknowledged."""
    async with session.post(f"{url}/api/export/start", json=body(format)) as answer:
        assert answer.status == 202, await answer.text()
        return str((await answer.json())["task_id"])


async def ended(session: aiohttp.ClientSession, url: str, task_id: str) -> Any:
    """A task's final state, waited for on its feed."""
    async with session.ws_connect(f"{url}/api/export/ws/{task_id}") as socket:
        frames = [message.json() async for message in socket]
    assert frames[-1]["type"] == "final", frames[-1]
    return frames[-1]["tasks"][0]


async def fetched(session: aiohttp.ClientSession, url: str, task: Any) -> bytes:
    """A completed task's file, whole."""
    assert task["status"] == "completed", task
    async with session.get(url + task["download_url"]) as answer:
        content = await answer.read()
    assert answer.status == 200
    assert hashlib.sha256(content).hexdigest() == task["sha256"]
    return content


def same(format: str, content: bytes) -> Any:
    """What two tries of one export must share; a name's moment and JSON's stand in the file."""
    if format == "zip":
        return [(name, data) for name, data in members(content).items() if name != "metadata.json"]
    if format == "json":
        head, _, rest = content.partition(b'"data"')
        assert b"exported_at" in head
        return rest
    return content


async def tasks_of(session: aiohttp.ClientSession, url: str) -> list[Any]:
    """The newest tasks of the table, at most 200."""
    async with session.get(f"{url}/api/export/tasks", params={"limit": "200"}) as answer:
        assert answer.status == 200, await answer.text()
        found: list[Any] = (await answer.json())["tasks"]
        return found


async def removed(session: aiohttp.ClientSession, url: str, task_id: str) -> None:
    async with session.delete(f"{url}/api/export/tasks/{task_id}") as answer:
        assert answer.status == 200, await answer.text()


@dataclass
class Figures:
    """What a row of the suite counts; all but the first three must stay 0."""

    tried: int = 0
    hit: int = 0
    resumed: int = 0
    stuck: int = 0
    lost: int = 0
    partial: int = 0
    leftovers: int = 0
    different: int = 0

    @property
    def violations(self) -> int:
        return self.stuck + self.lost + self.partial + self.leftovers + self.different


def left_over(server: Server, tasks: list[Any]) -> list[str]:
    """What stands in the exports folder and belongs to no completed task."""
    kept = {f"{task['task_id']}/{task['file_name']}" for task in tasks if task["file_path"]}
    folders = {name.partition("/")[0] for name in kept}
    found = {str(path.relative_to(server.exports)) for path in server.exports.rglob("*")}
    return sorted(one for one in found - kept - folders if not one.startswith(".lock"))


async def judge(
    session: aiohttp.ClientSession,
    server: Server,
    acknowledged: list[str],
    undisturbed: dict[str, Any],
    figures: Figures,
    *,
    may_fail: tuple[str, ...] = (),
) -> list[Any]:
    """Count what is wrong with the tasks of a server that has got over its fault, and remove them.

    `may_fail` are the codes with which a task may have failed.
    """
    known = {task["task_id"]: task for task in await tasks_of(session, server.url)}
    figures.lost += sum(one not in known for one in acknowledged)
    for task_id in known:
        # Asked before the end is known: what is not completed must not be handed out.
        async with session.get(f"{server.url}/api/export/download/{task_id}") as answer:
            content = await answer.read()
        task = known[task_id] = await ended(session, server.url, task_id)
        if answer.status == 200:
            figures.partial += hashlib.sha256(content).hexdigest() != task["sha256"]
        figures.resumed += task["resumed_from_rows"] > 0
        if task["status"] == "completed":
            format = task["spec"]["format"]
            whole = await fetched(session, server.url, task)
            figures.different += same(format, whole) != undisturbed[format]
        else:
            figures.stuck += task["status"] != "failed" or task["error_code"] not in may_fail
    figures.leftovers += len(left_over(server, list(known.values())))
    for task_id in known:
        await removed(session, server.url, task_id)
    figures.leftovers += len(left_over(server, []))
    return list(known.values())


async def undisturbed_by(server: Server, session: aiohttp.ClientSession) -> dict[str, Any]:
    """What each format must hold, made by a server that nothing disturbs."""
    found: dict[str, Any] = {}
    for format in FORMATS:
        task = await ended(session, server.url, await begin(session, server.url, format))
        found[format] = same(format, await fetched(session, server.url, task))
        await removed(session, server.url, task["task_id"])
    return found
