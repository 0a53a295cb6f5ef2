"""An asynchronous client of the server's API: start, follow and fetch exports from Python.

    async with Client("http://127.0.0.1:5000") as client:
        task_id = await client.start({"instruments": [...], "expiries": {...}, "format": "csv"})
        async for status in client.watch(task_id):
            print(status["progress"])
        path = await client.download(task_id, Path("."))

A server that is busy says when to come again, and is asked again then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from yarl import URL

from server.client_files import Damaged, Unfinished, fetch, keep
from server.client_kept import KeptCalls, key_header
from server.client_stream import stream_query

Status = dict[str, Any]

__all__ = ["FINAL", "ApiError", "Client", "Damaged", "Status", "Unreachable"]

FINAL = frozenset({"completed", "failed", "cancelled", "expired"})
_BUSY = {429, 503}
_HEARTBEAT_S = 20.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)


class ApiError(Exception):
    """An answer of the server that says no: its HTTP status, and what its body says."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        problems: Sequence[str] = (),
        id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.problems = tuple(problems)
        self.id = id


class Unreachable(Exception):
    """No server answers, or it stopped answering for longer than `patience`."""


class Client(KeptCalls):
    """Use it as an asynchronous context manager.

    `patience` is how many seconds a busy or absent server is waited for before giving up.
    """

    def __init__(self, url: str, *, token: str = "", patience: float = 60.0) -> None:
        self._url = url.rstrip("/")
        self._patience = patience
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._open: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._open = aiohttp.ClientSession(headers=self._headers, timeout=_TIMEOUT)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def health(self) -> dict[str, Any]:
        """How the server is; a degraded one answers too, and says what is wrong."""
        return await self._call("GET", "/api/health", also=503)

    async def instruments(self) -> dict[str, Any]:
        """The instruments, and which database is open."""
        return await self._call("GET", "/api/instruments")

    async def available_expiries(self, instruments: Sequence[str]) -> dict[str, list[str]]:
        body = {"instruments": list(instruments)}
        return await self._call("POST", "/api/export/available-expiries", body)

    async def preview(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What `start` with this request would make."""
        return await self._call("POST", "/api/export/preview", request)

    async def start(self, request: Mapping[str, Any], key: str | None = None) -> str:
        """The id of the task that was accepted; the same `key` starts no second one."""
        answer = await self._call("POST", "/api/export/start", request, headers=key_header(key))
        return str(answer["task_id"])

    async def status(self, task_id: str) -> Status:
        return await self._call("GET", f"/api/export/status/{task_id}")

    async def tasks(
        self,
        state: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
        **filters: str | None,
    ) -> dict[str, Any]:
        """One page, newest first: `tasks` and `next_cursor`.

        `filters` are the API's: q, format, instrument, from, to, schedule, template.
        """
        query = {"limit": str(limit), "state": state, "cursor": cursor, **filters}
        return await self._call(
            "GET", "/api/export/tasks", query={key: text for key, text in query.items() if text}
        )

    async def cancel(self, task_id: str) -> Status:
        return await self._call("POST", f"/api/export/tasks/{task_id}/cancel")

    async def retry(self, task_id: str) -> Status:
        """The new task, which asks for the same."""
        return await self._call("POST", f"/api/export/tasks/{task_id}/retry")

    async def delete(self, task_id: str) -> Status:
        """Remove the task and its file; the task as it was."""
        return await self._call("DELETE", f"/api/export/tasks/{task_id}")

    async def purge(self) -> dict[str, int]:
        """How many files went, and how many bytes."""
        return await self._call("POST", "/api/admin/purge")

    async def stream(self, request: Mapping[str, Any]) -> AsyncGenerator[bytes]:
        """The CSV that `request` asks for, piece by piece as the server reads it.

        Raises ApiError, and Unreachable where it breaks off: what came is not the whole then.
        """
        url = URL(f"{self._url}/api/export/stream").with_query(stream_query(request))
        try:
            async with self._session.get(url) as response:
                if response.status != 200:
                    raise await _api_error(response)
                async for data in response.content.iter_any():
                    yield data
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as trouble:
            raise Unreachable(f"the stream from {self._url} broke off ({trouble})") from trouble

    async def watch(self, task_id: str) -> AsyncIterator[Status]:
        """Every state that the server tells, up to the final one, across lost connections.

        Raises ApiError for an unknown task, Unreachable once patience has run out.
        """
        seq, heard, pause = 0, time.monotonic(), _FIRST_PAUSE_S
        while True:
            refused = False
            try:
                async with self._session.ws_connect(
                    f"{self._url}/api/export/ws/{task_id}", heartbeat=_HEARTBEAT_S
                ) as socket:
                    async for message in socket:
                        if message.type is not aiohttp.WSMsgType.TEXT:
                            continue
                        heard, pause = time.monotonic(), _FIRST_PAUSE_S
                        for status in orjson.loads(message.data)["tasks"]:
                            if status["seq"] > seq:
                                seq = status["seq"]
                                yield status
                            if status["status"] in FINAL:
                                return
            except aiohttp.WSServerHandshakeError:
                refused = True
            except (aiohttp.ClientError, TimeoutError, ConnectionError):
                pass  # The server may be restarting; the task goes on when it is back.
            if refused:
                await self.status(task_id)  # Says why, if the reason is a lasting one.
            if time.monotonic() - heard > self._patience:
                raise Unreachable(f"nothing was heard from {self._url} for {self._patience:.0f} s")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def wait(self, task_id: str) -> Status:
        """The final state."""
        last: Status = {}
        async for status in self.watch(task_id):
            last = status
        return last

    async def download(self, task_id: str, target: Path) -> Path:
        """Fetch the file to `target` (a folder: under its own name), whole and checked.

        What an earlier try left in `<target>.part` is used; a lost connection is taken up again.
        Raises ApiError, Unreachable, OSError, and Damaged if the SHA-256 is another one.
        """
        status = await self.status(task_id)
        if status["status"] != "completed":
            raise ApiError(400, "not_ready", f"the export is {status['status']}; it has no file")
        if target.is_dir():
            target = target / Path(status["file_name"]).name
        part = target.with_name(f"{target.name}.part")
        url = f"{self._url}/api/export/download/{task_id}"
        stale = part.exists()
        heard, pause = time.monotonic(), _FIRST_PAUSE_S
        while True:
            before = part.stat().st_size if part.exists() else 0
            try:
                async with self._session.get(
                    url, headers={"Accept-Encoding": "identity", **resume(before, status["sha256"])}
                ) as response:
                    if response.status not in {200, 206, 416}:
                        raise await _api_error(response)
                    await fetch(response, part, before)
                    if await keep(part, target, status["size"], status["sha256"]):
                        return target
            except (aiohttp.ClientError, TimeoutError, ConnectionError, Unfinished):
                pass
            except Damaged:
                # What an earlier try left may have been of another file; that is worth one more.
                if not stale:
                    raise
                stale = False
                continue
            if part.exists() and part.stat().st_size > before:
                heard, pause = time.monotonic(), _FIRST_PAUSE_S
            elif time.monotonic() - heard > self._patience:
                raise Unreachable(f"{url} does not give the rest of the file")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._open is None:
            raise RuntimeError("use the client with 'async with'")
        return self._open

    async def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        also: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        data = None if body is None else orjson.dumps(body)
        sent = dict(headers or {})
        if data is not None:
            sent["Content-Type"] = "application/json"
        deadline = time.monotonic() + self._patience
        while True:
            try:
                async with self._session.request(
                    method, self._url + path, data=data, headers=sent, params=query
                ) as response:
                    if response.status < 400 or response.status == also:
                        answer: dict[str, Any] = orjson.loads(await response.read())
                        return answer
                    error = await _api_error(response)
                    pause = retry_after(response.headers.get("Retry-After"))
            except (aiohttp.ClientError, TimeoutError, ConnectionError, ValueError) as trouble:
                raise Unreachable(f"no server answers at {self._url} ({trouble})") from trouble
            if error.status not in _BUSY or pause is None or time.monotonic() + pause > deadline:
                raise error
            await asyncio.sleep(pause)


def resume(size: int, sha256: str) -> dict[str, str]:
    """Headers that ask for the rest of this very file."""
    return {"Range": f"bytes={size}-", "If-Range": f'"{sha256}"'} if size else {}


def retry_after(text: str | None) -> float | None:
    """Seconds to wait, from either form of the header; None if it does not say."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    with suppress(ValueError):
        moment = parsedate_to_datetime(text)
        return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())
    return None


async def _api_error(response: aiohttp.ClientResponse) -> ApiError:
    """From the server's error shape, or from whatever stands between."""
    raw = await response.read()
    try:
        said = orjson.loads(raw)
        return ApiError(response.status, said["code"], said["error"], said["problems"], said["id"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ApiError(
            response.status, "unknown", f"the server answered {response.status} {response.reason}"
        )
