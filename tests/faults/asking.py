"""What the rows of the fault suite ask of a server that runs as a process of its own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

_PATIENCE_S = 120.0


class Asking:
    """Calls of one server's API; every wait ends, since a server that hangs is a finding."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def get(self, path: str) -> Any:
        async with self.session.get(self.url + path) as answer:
            return await answer.json()

    async def begin(self, body: Any) -> tuple[str, str]:
        """The id of the accepted task, else an empty text and the code of the refusal."""
        async with self.session.post(f"{self.url}/api/export/start", json=body) as answer:
            value = await answer.json()
            if answer.status == 202:
                return str(value["task_id"]), ""
            assert sorted(value) == ["code", "error", "id", "problems"], value
            return "", str(value["code"])

    async def start(self, body: Any) -> str:
        task_id, code = await self.begin(body)
        assert not code, code
        return task_id

    async def follow(self, task_id: str) -> AsyncIterator[Any]:
        """Each state that the feed tells, the final one last."""
        async with (
            asyncio.timeout(_PATIENCE_S),
            self.session.ws_connect(f"{self.url}/api/export/ws/{task_id}") as socket,
        ):
            async for message in socket:
                for task in message.json()["tasks"]:
                    yield task

    async def finished(self, task_id: str) -> Any:
        """The final state of a task."""
        states = [task async for task in self.follow(task_id)]
        assert states[-1]["finished_at"] is not None, states[-1]
        return states[-1]

    async def content(self, task: Any) -> bytes:
        """The artefact of a completed task, held against the hash that was told."""
        async with self.session.get(self.url + task["download_url"]) as answer:
            assert answer.status == 200
            content = await answer.read()
        assert hashlib.sha256(content).hexdigest() == task["sha256"]
        assert len(content) == task["size"]
        return content

    async def forget(self, task_id: str) -> None:
        """Remove a finished task with its file."""
        async with self.session.delete(f"{self.url}/api/export/tasks/{task_id}") as answer:
            assert answer.status == 200


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[Asking]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield Asking(session, url)
