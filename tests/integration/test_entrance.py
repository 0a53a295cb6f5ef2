"""More connections than descriptors allow: told so, and served again when others have left."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack

import aiohttp
from aiohttp import web

from server.app import create_app
from server.entrance import Entrance
from server.settings import Settings


async def test_so_many_at_once_and_no_more(settings: Settings) -> None:
    runner = web.AppRunner(create_app(settings))
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        await Entrance(runner, listener, 3, backlog=16).start()
        async with AsyncExitStack() as feeds:
            for _ in range(3):
                session = await feeds.enter_async_context(aiohttp.ClientSession())
                socket_ = await feeds.enter_async_context(
                    session.ws_connect(f"{url}/api/export/ws")
                )
                assert (await socket_.receive_json())["type"] == "snapshot"
            for _ in range(20):
                async with aiohttp.ClientSession() as session, session.get(f"{url}/export") as told:
                    value = await told.json()
                assert (told.status, value["code"]) == (429, "busy")
                assert sorted(value) == ["code", "error", "id", "problems"]
                assert told.headers["Retry-After"] == "5"
        # As soon as the server has noticed that they left.
        async with asyncio.timeout(30), aiohttp.ClientSession() as session:
            status = 429
            while status == 429:
                async with session.get(f"{url}/export") as answer:
                    status = answer.status
        assert status == 200
    finally:
        await runner.cleanup()
