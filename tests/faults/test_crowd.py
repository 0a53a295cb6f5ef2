"""Many who follow, some of whom never read: everybody else hears the end of every export."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from server.app import create_app
from server.handlers import feed
from tests import makers
from tests.conftest import AiohttpClient, make_settings
from tests.faults.asking import Asking, asking
from tests.faults.sizes import cases, told
from tests.faults.test_damage import dense_database, request_of
from tests.integration.calls import Client, everything, finished, start
from tests.servers import Server

_PATIENCE_S = 300.0
_AT_ONCE = 50
# Beyond what it held before the crowd came: sockets, tasks and one slot for each task and client.
_MOST_MEMORY = 256 << 20


@contextlib.contextmanager
def _sockets_for(clients: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], clients + 500), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def never_reading(url: str, path: str) -> socket.socket:
    """A client that shakes hands for a feed, and then takes nothing and answers nothing."""
    parts = urlsplit(url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, (parts.hostname, parts.port))
    key = b64encode(os.urandom(16)).decode()
    head = (
        f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    await loop.sock_sendall(client, head.encode())
    return client


@cases(quick=60, many=1000, whole=1000)
async def test_every_live_client_hears_every_end(
    cases: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = makers.settle(dense_database(tmp_path / "market.db"))
    body = request_of(path)
    stalled, exports = cases // 20, cases // 5
    with (
        _sockets_for(cases),
        contextlib.ExitStack() as sockets,
        Server(tmp_path / "server", path, "--keep-free", "0") as server,
    ):
        async with asking(server.url) as ask, asyncio.timeout(_PATIENCE_S):
            await ask.finished(await ask.start(body))
            before = (await ask.get("/api/health"))["memory"]["rss"]
            for _ in range(stalled):
                sockets.enter_context(await never_reading(server.url, "/api/export/ws"))
            crowd = [Follower(ask) for _ in range(cases - stalled)]
            for first in range(0, len(crowd), _AT_ONCE):
                await asyncio.gather(*(one.come() for one in crowd[first : first + _AT_ONCE]))
            ids = [await ask.start(body) for _ in range(exports)]
            heard = await asyncio.gather(*(one.until(set(ids)) for one in crowd))
            report = await ask.get("/api/health")
            grown = report["memory"]["rss"] - before
    told(
        capsys, "5 crowd", clients=cases, never_reading=stalled, exports=exports,
        finals_missed=sum(len(ids) - one for one in heard),
        loop_lag_p99_ms=report["loop_lag_ms"], memory_grown_MiB=grown >> 20,
    )  # fmt: skip
    assert heard == [len(ids)] * len(crowd)
    assert grown < _MOST_MEMORY


class Follower:
    """A live client of the feed of all."""

    def __init__(self, ask: Asking) -> None:
        self._ask = ask
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._ended: set[str] = set()
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def come(self) -> None:
        url = f"{self._ask.url}/api/export/ws"
        self._socket = await self._ask.session.ws_connect(url, max_msg_size=0)
        await self._socket.receive()
        self._reading = asyncio.create_task(self._read(self._socket))

    async def _read(self, client: aiohttp.ClientWebSocketResponse) -> None:
        async for message in client:
            frame = message.json()
            if frame["type"] == "final":
                self._ended |= {task["task_id"] for task in frame["tasks"]}
                self._news.set()
        self._news.set()

    async def until(self, wanted: set[str]) -> int:
        """Until all of them have ended, or the server has; how many have."""
        assert self._socket is not None
        assert self._reading is not None
        while not wanted <= self._ended and not self._reading.done():
            self._news.clear()
            await self._news.wait()
        await self._socket.close()
        await self._reading
        return len(wanted & self._ended)


async def test_a_client_that_never_reads_is_dropped(
    aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers no heartbeat, so it is gone soon whether or not there is anything to tell."""
    monkeypatch.setattr(feed, "_HEARTBEAT_S", 0.2)
    client: Client = await aiohttp_client(create_app(make_settings(tmp_path, sample)))
    with await never_reading(str(client.make_url("/")), "/api/export/ws"):
        async with asyncio.timeout(60):
            while await _followers(client) == 0:
                continue
            task = await finished(client, await start(client, await everything(client)))
            assert task["status"] == "completed"
            while await _followers(client):
                continue


async def _followers(client: Client) -> Any:
    return (await (await client.get("/api/health")).json())["feed_clients"]
