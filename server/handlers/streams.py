"""A CSV straight to whoever asks for it, without a task and without a file on the way."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from exporter.errors import BadInput
from exporter.model import ExportSpec, FileFormat, now_ist
from exporter.naming import artefact_name
from exporter.optiontext import from_text
from exporter.sources.base import Catalogue
from exporter.spec import SEPARATOR, parse_request
from exporter.stream import stream_export
from server.context import Context, context
from server.described import MARKET, Answer, described
from server.handlers.downloads import disposition
from server.openapi_parts import STREAMED
from server.shapes_in import StreamQuery

log = logging.getLogger(__name__)

routes = web.RouteTableDef()

_LOOK_EVERY_S = 0.25
_OPTIONS = {option.name: option for option in STREAMED}
_RULES = ("last", "days", "all", "from", "to")
_KNOWN = {"instruments", "expiries", *_RULES, *_OPTIONS}


@routes.get("/api/export/stream", allow_head=True)
@described(
    "Take a CSV at once",
    group="Exports",
    query=StreamQuery,
    options_in_query=True,
    answers={
        200: Answer(
            "the CSV, in pieces as it is read; one that breaks off is not whole", "text",
            "text/csv", {"Content-Disposition": "the file's name"},
        ),
    },
    errors=(*MARKET, "bad_input", "busy", "unavailable", "too_many_rows"),
)  # fmt: skip
async def stream(request: web.Request) -> web.StreamResponse:
    """The same bytes as a task's CSV, as fast as they are taken. Expiries go by date or by a rule.
    What fails after its first byte is broken off, so that no part passes for the whole."""
    have = context(request)
    catalogue = await have.database.catalogue()
    spec = spec_of(request, catalogue)
    with have.runner.place():
        return await _Sending(request, have, spec, catalogue).to_the_end()


def spec_of(request: web.Request, catalogue: Catalogue) -> ExportSpec:
    """The export that an address asks for. Raises BadInput that names every problem."""
    asked: dict[str, list[str]] = defaultdict(list)
    for name, text in request.query.items():
        asked[name].append(text)
    problems = [f"unknown parameter {name!r:.80}" for name in asked if name not in _KNOWN]
    several = {"instruments", "expiries"}
    problems += [f"{name} is given more than once" for name, texts in asked.items()
                 if len(texts) > 1 and name in _KNOWN - several]  # fmt: skip
    options: dict[str, object] = {}
    for name in asked.keys() & _OPTIONS.keys():
        value = from_text(_OPTIONS[name], asked[name][0], problems)
        if value is not None:
            options[name] = value
    body: dict[str, Any] = {"format": FileFormat.CSV.value, "options": options}
    body["instruments"] = asked.get("instruments") or list(_named(asked["expiries"]))
    rule = {name: _plain(asked[name][0]) for name in _RULES if name in asked}
    if rule:
        body["expiry_rule"] = rule
    if asked["expiries"] or not rule:
        body["expiries"] = asked["expiries"]
    try:
        spec, _ = parse_request(body, catalogue)
    except BadInput as error:
        raise BadInput([*problems, *error.problems]) from None
    if problems:
        raise BadInput(problems)
    return spec


class _Sending:
    """One stream: nothing is sent before there is something to send, so that what is wrong from
    the start is answered as everywhere."""

    def __init__(
        self, request: web.Request, have: Context, spec: ExportSpec, catalogue: Catalogue
    ) -> None:
        self._request = request
        self._have = have
        self._spec = spec
        self._accepted_at = now_ist()
        names = {one.key: one.name for one in catalogue.instruments}
        name = artefact_name(
            [names.get(key, key) for key in spec.instruments],
            FileFormat.CSV.value,
            self._accepted_at,
            spec.options.include_openalgo,
        )
        headers = {"Content-Disposition": disposition(name), "Cache-Control": "no-store"}
        self._response = web.StreamResponse(headers=headers)
        self._response.content_type = "text/csv"

    async def to_the_end(self) -> web.StreamResponse:
        """Raises ExportError while nothing was sent; afterwards the connection is broken off."""
        if self._request.method == "HEAD":
            await self._response.prepare(self._request)
            return self._response
        sending = asyncio.create_task(self._send())
        leaving = asyncio.create_task(self._left())
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Whoever has left must not keep a query running until the next block is written.
            for task in (sending, leaving):
                task.cancel()
            await asyncio.wait({sending, leaving})
            whole = not sending.cancelled() and sending.exception() is None
            if self._response.prepared and not whole and self._request.transport is not None:
                # Without the last chunk of the encoding no client takes the file for whole.
                self._request.transport.abort()
        if sending.cancelled():
            raise ConnectionResetError("the client has left")
        error = sending.exception()
        if error is not None and self._response.prepared:
            log.warning("a stream was broken off: %s", error)
            raise ConnectionAbortedError("the stream was broken off") from error
        await sending
        return self._response

    async def _left(self) -> None:
        """Returns when the client has left; between two blocks nothing else would tell."""
        while (there := self._request.transport) is not None and not there.is_closing():
            await _pause()

    async def _send(self) -> None:
        await stream_export(
            self._have.database,
            self._spec,
            accepted_at=self._accepted_at,
            write=self._write,
            max_rows=self._have.settings.max_rows or None,
        )
        if not self._response.prepared:
            await self._response.prepare(self._request)
        await self._response.write_eof()

    async def _write(self, data: bytes) -> None:
        if not self._response.prepared:
            self._response.enable_chunked_encoding()
            await self._response.prepare(self._request)
        await self._response.write(data)


async def _pause() -> None:
    await asyncio.sleep(_LOOK_EVERY_S)


def _named(expiries: Iterable[str]) -> Iterable[str]:
    """The instruments that expiries name."""
    return dict.fromkeys(text.rpartition(SEPARATOR)[0] for text in expiries if SEPARATOR in text)


def _plain(text: str) -> object:
    """As a rule has it in JSON; what it may be is for the parser."""
    if text == "true":
        return True
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
