"""The client against the real server, and against servers that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from server.client import ApiError, Client, Damaged, Unreachable, retry_after
from tests import makers, oracle
from tests.servers import Server

ASKED: dict[str, Any] = {
    "instruments": [makers.NIFTY],
    "expiries": {makers.NIFTY: ["2025-12-16", "2025-12-23"]},
    "format": "csv",
    "options": {},
}
TASK = "11111111-2222-4333-8444-555555555555"
CONTENT = bytes(range(256)) * 4096
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def test_the_whole_job(server: Server, sample: Path, room: Path) -> None:
    async with Client(server.url) as client:
        assert (await client.health())["status"] in {"ok", "degraded"}
        assert (await client.instruments())["instruments"][0]["name"] == "Nifty 50"
        days = await client.available_expiries([makers.NIFTY, "no such"])
        assert days == {makers.NIFTY: ["2025-12-23", "2025-12-16"], "no such": []}
        assert (await client.preview(ASKED))["contracts"] == 8
        task_id = await client.start(ASKED)
        seen = [status async for status in client.watch(task_id)]
        assert seen[-1]["status"] == "completed"
        assert [one["seq"] for one in seen] == sorted({one["seq"] for one in seen})
        assert await client.wait(task_id) == seen[-1]
        path = await client.download(task_id, room)
        assert path.name == seen[-1]["file_name"]
        accepted = {"accepted_at": oracle.EPOCH}
        assert path.read_bytes() == oracle.csv_bytes(sample, ASKED | accepted)
        again = await client.retry(task_id)
        assert again["retry_of"] == task_id
        await client.wait(again["task_id"])
        page = await client.tasks("completed", limit=1)
        assert [one["task_id"] for one in page["tasks"]] == [again["task_id"]]
        assert page["next_cursor"]
        with pytest.raises(ApiError) as refused:
            await client.cancel(task_id)
        assert (refused.value.status, refused.value.code) == (409, "conflict")
        assert (await client.delete(task_id))["task_id"] == task_id
        with pytest.raises(ApiError) as gone:
            await client.status(task_id)
        assert gone.value.status == 404
        assert set(await client.purge()) == {"removed", "bytes"}


async def test_a_degraded_server_still_says_how_it_is() -> None:
    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "degraded", "problems": ["no room"]}, status=503)

    async with serving({"/api/health": health}) as url, Client(url) as client:
        assert (await client.health())["problems"] == ["no room"]


async def test_bad_input_keeps_every_problem(server: Server) -> None:
    async with Client(server.url) as client:
        with pytest.raises(ApiError) as error:
            await client.start(ASKED | {"format": "pdf", "more": 1})
        assert error.value.code == "bad_input"
        assert len(error.value.problems) == 2


async def test_watching_an_unknown_task_ends_at_once(server: Server) -> None:
    async with Client(server.url) as client:
        with pytest.raises(ApiError, match="no such task"):
            await anext(client.watch(TASK))


async def test_nobody_there(unused_tcp_port: int) -> None:
    async with Client(f"http://127.0.0.1:{unused_tcp_port}", patience=0.2) as client:
        with pytest.raises(Unreachable, match="no server answers"):
            await client.health()
        with pytest.raises(Unreachable):
            await anext(client.watch(TASK))


@asynccontextmanager
async def serving(routes: Mapping[str, Handler]) -> AsyncIterator[str]:
    """A server of nothing but these paths."""
    app = web.Application()
    for path, handler in routes.items():
        app.router.add_route("*", path, handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def test_a_busy_server_is_asked_again_when_it_says(room: Path) -> None:
    calls: list[float] = []

    async def start(_: web.Request) -> web.Response:
        calls.append(asyncio.get_running_loop().time())
        if len(calls) < 3:
            body: dict[str, Any] = {"error": "full", "code": "busy", "problems": [], "id": None}
            return web.json_response(body, status=429, headers={"Retry-After": "0"})
        return web.json_response({"task_id": TASK}, status=202)

    async with serving({"/api/export/start": start}) as url, Client(url) as client:
        assert await client.start(ASKED) == TASK
    assert len(calls) == 3


async def test_a_wait_beyond_patience_is_refused() -> None:
    async def start(_: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "3600"}, text="<html>")

    async with serving({"/api/export/start": start}) as url, Client(url, patience=1) as client:
        with pytest.raises(ApiError, match="the server answered 503"):
            await client.start(ASKED)


async def test_the_feed_is_taken_up_again_after_a_loss() -> None:
    states = [
        {"task_id": TASK, "seq": 1, "status": "processing"},
        {"task_id": TASK, "seq": 2, "status": "processing"},
        {"task_id": TASK, "seq": 3, "status": "completed"},
    ]
    connections = 0

    async def feed(request: web.Request) -> web.StreamResponse:
        nonlocal connections
        connections += 1
        if connections == 2:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        # The second snapshot repeats what was told before.
        await socket.send_json({"type": "snapshot", "tasks": states[connections - 1 :][:1]})
        if connections == 1:
            await socket.send_json({"type": "update", "tasks": [states[1]]})
            assert request.transport is not None
            request.transport.close()
        return socket

    async def status(_: web.Request) -> web.Response:
        return web.json_response(states[1])

    routes = {"/api/export/ws/{id}": feed, "/api/export/status/{id}": status}
    async with serving(routes) as url, Client(url) as client:
        seen = [one["seq"] async for one in client.watch(TASK)]
    assert seen == [1, 2, 3]
    assert connections == 3


class Shaky:
    """Serves CONTENT, but cuts each answer after a while; notes what was asked of it."""

    def __init__(self, content: bytes = CONTENT, cut: int = 400_000) -> None:
        self.asked: list[tuple[str | None, str | None]] = []
        self._content = content
        self._cut = cut

    async def status(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "status": "completed",
                "file_name": "file.csv",
                "size": len(CONTENT),
                "sha256": sha256(CONTENT).hexdigest(),
            }
        )

    async def file(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Range")
        self.asked.append((asked, request.headers.get("If-Range")))
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        size = len(self._content)
        if start >= size:
            return web.Response(status=416)
        response = web.StreamResponse(status=206 if asked else 200)
        if asked:
            response.headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        response.content_length = size - start
        await response.prepare(request)
        await response.write(self._content[start : start + self._cut])
        if size - start > self._cut:
            assert request.transport is not None
            request.transport.close()
        return response

    @property
    def routes(self) -> dict[str, Handler]:
        return {"/api/export/status/{id}": self.status, "/api/export/download/{id}": self.file}


async def test_a_download_goes_on_where_it_was_cut(room: Path) -> None:
    shaky = Shaky()
    async with serving(shaky.routes) as url, Client(url) as client:
        path = await client.download(TASK, room)
    assert path == room / "file.csv"
    assert path.read_bytes() == CONTENT
    tag = f'"{sha256(CONTENT).hexdigest()}"'
    assert shaky.asked[0] == (None, None)
    # What had arrived and was not yet taken when a connection broke is asked for once more.
    starts = [int(asked[6:-1]) for asked, _ in shaky.asked if asked]
    assert starts
    assert starts == sorted(starts)
    assert {condition for asked, condition in shaky.asked if asked} == {tag}
    assert [one.name for one in room.iterdir()] == ["file.csv"]


@pytest.mark.parametrize("left", [b"", CONTENT[:1000], b"another file" * 10, CONTENT, CONTENT * 2])
async def test_what_an_earlier_try_left_is_used_or_thrown_away(room: Path, left: bytes) -> None:
    (room / "to.csv.part").write_bytes(left)
    shaky = Shaky(cut=len(CONTENT))
    async with serving(shaky.routes) as url, Client(url) as client:
        path = await client.download(TASK, room / "to.csv")
    assert path.read_bytes() == CONTENT
    if left == CONTENT[:1000]:
        assert [asked for asked, _ in shaky.asked] == ["bytes=1000-"]


async def test_damage_on_the_way_is_noticed(room: Path) -> None:
    shaky = Shaky(content=CONTENT[:-1] + b"?", cut=len(CONTENT))
    async with serving(shaky.routes) as url, Client(url) as client:
        with pytest.raises(Damaged, match="SHA-256"):
            await client.download(TASK, room / "to.csv")
    assert list(room.iterdir()) == []


async def test_a_file_that_is_not_there_yet(server: Server) -> None:
    async def status(_: web.Request) -> web.Response:
        return web.json_response({"status": "queued", "sha256": None})

    async with serving({"/api/export/status/{id}": status}) as url, Client(url) as client:
        with pytest.raises(ApiError, match="the export is queued"):
            await client.download(TASK, Path("x"))


def test_both_forms_of_retry_after() -> None:
    assert retry_after(None) is None
    assert retry_after("7") == 7
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    later = retry_after("Wed, 21 Oct 2099 07:28:00 GMT")
    assert later is not None
    assert later > 10**9
    assert retry_after("soon") is None
