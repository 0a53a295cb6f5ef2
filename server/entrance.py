"""Where connections come in: so many at once that exports never lack descriptors.

A connection may hold two of them, its socket and the file that it downloads. Without a bound, many
clients would take those that exports and SQLite need, which would fail half-way.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys

import orjson
from aiohttp import web

from server.errors import error_response
from server.middleware import harden, http_response

log = logging.getLogger(__name__)

_PER_CONNECTION = 2
# For the databases, exports at once, the listener, pipes and the interpreter's own.
_OWN = 64
_LEAST = 8
_WANTED = 65_536
_RETRY_AFTER_S = 5
# A refusal is dropped if it has not been read by then, or if as many wait already.
_READ_WITHIN_S = 2.0
_MOST_REFUSALS = 8

_BODY = orjson.dumps(
    {
        "error": "the server has as many connections as it can serve; try again in a moment",
        "code": "busy",
        "problems": [],
        "id": None,
    }
)
_ANSWER = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Cache-Control: no-store\r\nConnection: close\r\nRetry-After: %d\r\nContent-Length: %d\r\n\r\n"
    % (_RETRY_AFTER_S, len(_BODY))
) + _BODY


def most_connections() -> int:
    """How many connections this process can serve, once it may open as many files as allowed."""
    if sys.platform == "win32":
        return _WANTED
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    files = _WANTED if soft == resource.RLIM_INFINITY else soft
    return max(_LEAST, (files - _OWN) // _PER_CONNECTION)


class Entrance(web.BaseSite):
    """Listens on a socket of the caller's; refuses with 429 what goes beyond `most` at once."""

    def __init__(
        self, runner: web.AppRunner, listener: socket.socket, most: int, *, backlog: int
    ) -> None:
        super().__init__(runner, backlog=backlog)
        self._listener = listener
        self._most = most
        self._refused: set[_Refusal] = set()

    @property
    def name(self) -> str:
        return str(self._listener.getsockname())

    async def start(self) -> None:
        await super().start()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._protocol, sock=self._listener, backlog=self._backlog
        )

    def _protocol(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        assert server is not None
        if len(server.connections) < self._most:
            loop = asyncio.get_running_loop()
            return _Handler(server, loop=loop, **server._kwargs)
        if not self._refused:
            log.warning("refusing connections: there are %d", self._most)
        return _Refusal(self._refused)


class _Handler(web.RequestHandler):
    """Answers what is not HTTP in the one error shape, and tells nothing of what runs here."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, UnicodeEncodeError):
            status = 400  # A header that is no text, which aiohttp wanted to say back.
        if status >= 500:
            # Nothing of ours gets here: the middleware answers for every route.
            super().handle_error(request, status, exc, message)
            answer = error_response("internal", "something unexpected went wrong", status=status)
        else:
            log.debug("not HTTP, from %s: %r", request.remote, message)
            if request.writer.output_size > 0:
                raise ConnectionResetError("an answer is on its way already")
            answer = error_response("bad_input", "this is not a request as HTTP has it",
                                    status=status)  # fmt: skip
        harden(answer)
        answer.force_close()
        return answer

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        # Only what was refused before the middleware: an expectation that nobody can meet.
        answer = http_response(resp) if isinstance(resp, web.HTTPException) else resp
        return await super().finish_response(request, answer, start_time)


class _Refusal(asyncio.Protocol):
    """Says why, and ends when the client has read it, or soon."""

    def __init__(self, others: set[_Refusal]) -> None:
        self._others = others
        self._ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if len(self._others) >= _MOST_REFUSALS:
            transport.abort()
            return
        self._others.add(self)
        # Closing at once would reset the connection, and take the answer back with it.
        transport.write(_ANSWER)
        transport.write_eof()
        loop = asyncio.get_running_loop()
        self._ending = loop.call_later(_READ_WITHIN_S, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._others.discard(self)
        if self._ending is not None:
            self._ending.cancel()
