"""Progress over WebSocket, followed by aiohttp's client and by one that is not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import websockets
from aiohttp import WSMsgType

from server.context import CONTEXT
from server.handlers import feed
from tests.integration.calls import SENSEX, Client, everything, finished, frames, start, status
from tests.integration.gates import Gate


async def test_snapshot_then_final_then_close(client: Client) -> None:
    task_id = await start(client, await everything(client))
    seen = await frames(client, f"/api/export/ws/{task_id}")
    assert seen[0]["type"] == "snapshot"
    assert [frame["type"] for frame in seen[1:-1]] == ["update"] * (len(seen) - 2)
    assert seen[-1]["type"] == "final"
    assert seen[-1]["tasks"] == [await status(client, task_id)]
    again = await frames(client, f"/api/export/ws/{task_id}")
    assert [frame["type"] for frame in again] == ["snapshot", "final"]


async def test_another_client_follows_too(client: Client) -> None:
    """`websockets` shares no code with the server."""
    task_id = await start(client, await everything(client))
    address = str(client.make_url(f"/api/export/ws/{task_id}")).replace("http", "ws", 1)
    async with websockets.connect(address) as socket:
        seen = [json.loads(text) async for text in socket]
        assert socket.close_code == 1000
    assert (seen[0]["type"], seen[-1]["type"]) == ("snapshot", "final")
    assert seen[-1]["tasks"][0]["status"] == "completed"


async def test_the_feed_of_all(client: Client) -> None:
    body = await everything(client, SENSEX)
    before = await start(client, body)
    await finished(client, before)
    async with client.ws_connect("/api/export/ws") as socket:
        snapshot = await socket.receive_json()
        assert snapshot["type"] == "snapshot"
        assert [task["task_id"] for task in snapshot["tasks"]] == [before]
        ids = {await start(client, body) for _ in range(3)}
        done: set[str] = set()
        while done != ids:
            frame = await socket.receive_json()
            final = {task["status"] == "completed" for task in frame["tasks"]}
            assert final == {frame["type"] == "final"}
            if frame["type"] == "final":
                done |= {task["task_id"] for task in frame["tasks"]}


async def test_the_snapshot_of_all_holds_the_newest_hundred(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate.install(monkeypatch)
    body = await everything(client, SENSEX)
    ids = [await start(client, body) for _ in range(103)]
    await gate.arrived.get()
    async with client.ws_connect("/api/export/ws") as socket:
        snapshot = await socket.receive_json()
    assert [task["task_id"] for task in snapshot["tasks"]] == ids[:2:-1]


async def test_the_newest_state_wins(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many changes there are, a client gets frames no faster than the pause allows."""
    gate = Gate.install(monkeypatch)
    let_go = asyncio.Event()
    monkeypatch.setattr(feed, "_pause", lambda _: let_go.wait())
    task_id = await start(client, await everything(client, SENSEX))
    call = await gate.arrived.get()
    job = client.app[CONTEXT].runner._jobs[task_id]
    async with client.ws_connect(f"/api/export/ws/{task_id}") as socket:
        assert (await socket.receive_json())["type"] == "snapshot"
        for done in range(1, 50):
            job._told_at = 0.0
            call.tell(done, 100)
        first = await socket.receive_json()
        for done in range(50, 80):
            job._told_at = 0.0
            call.tell(done, 100)
        let_go.set()
        second = await socket.receive_json()
        call.finish()
        last = await socket.receive_json()
    assert first["tasks"][0]["rows_done"] == 49
    assert second["tasks"][0]["rows_done"] == 79
    assert last["type"] == "final"


async def test_an_end_waits_for_no_pause(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause is made longer than any test may run: only the end can cut it short."""
    gate = Gate.install(monkeypatch)
    monkeypatch.setattr(feed, "_EVERY_S", 3600.0)
    task_id = await start(client, await everything(client, SENSEX))
    call = await gate.arrived.get()
    async with client.ws_connect(f"/api/export/ws/{task_id}") as socket:
        assert (await socket.receive_json())["type"] == "snapshot"
        call.tell(1, 100)
        assert (await socket.receive_json())["type"] == "update"
        call.finish()
        assert (await socket.receive_json())["type"] == "final"


async def test_a_client_that_never_reads_slows_nobody(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalled = asyncio.Event()
    sending = feed._send

    async def send(socket: Any, kind: str, tasks: Any) -> None:
        if not stalled.is_set():
            stalled.set()
            raise TimeoutError
        await sending(socket, kind, tasks)

    monkeypatch.setattr(feed, "_send", send)
    async with client.ws_connect("/api/export/ws") as slow:
        await stalled.wait()
        body = await everything(client, SENSEX)
        assert (await finished(client, await start(client, body)))["status"] == "completed"
        message = await slow.receive()
        assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
    await _nobody_follows(client)


async def test_leaving_clients_leave_nothing(client: Client) -> None:
    for _ in range(20):
        async with client.ws_connect("/api/export/ws") as socket:
            await socket.receive_json()
    body = await everything(client, SENSEX)
    await finished(client, await start(client, body))
    await _nobody_follows(client)


async def test_talking_clients_are_heard_and_not_obeyed(client: Client) -> None:
    async with client.ws_connect("/api/export/ws") as socket:
        assert (await socket.receive_json())["type"] == "snapshot"
        await socket.send_str('{"cancel": "everything"}')
        await start(client, await everything(client, SENSEX))
        assert (await socket.receive_json())["type"] in ("update", "final")
        await socket.send_str("x" * 5000)
        while (message := await socket.receive()).type is WSMsgType.TEXT:
            continue
        assert message.data == 1009


async def test_a_plain_request_to_the_feed_is_refused(client: Client) -> None:
    answer = await client.get("/api/export/ws")
    assert answer.status == 400
    assert (await answer.json())["code"] == "bad_input"


async def _nobody_follows(client: Client) -> None:
    """Asked of the server until it is so: a handler ends a moment after its client."""
    async with asyncio.timeout(10):
        while (await (await client.get("/api/health")).json())["feed_clients"]:
            continue
