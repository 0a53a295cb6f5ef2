"""Artefacts over HTTP: whole, in part, resumed, and never one file's end after another's start.

Conditions and ranges follow RFC 9110; the entity tag is the file's SHA-256, so it is strong.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import quote

from aiohttp import web

from exporter.files import unbroken
from exporter.formats.registry import FORMATS
from server.artefacts import Artefacts
from server.conditional import matches
from server.context import context
from server.described import TABLE, Answer, described
from server.errors import Refused
from server.schemas import task_id_of
from server.shapes_in import DownloadHeaders
from server.states import State
from server.tasks import Task

routes = web.RouteTableDef()

_TYPES = {
    **{format.value: one.media_type for format, one in FORMATS.items()},
    # The file itself, not an encoding of the answer: nobody unpacks it on the way.
    "gz": "application/gzip",
    "zst": "application/zstd",
}
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_UNSAFE = re.compile(r'[^\x20-\x7e]|["\\]')
# Goes out through the response, and the headers with it; the rest is sent by the system.
_FIRST_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `start` to `end` of the file, `end` not included."""

    start: int
    end: int


_FILE = {
    "ETag": "the file's SHA-256",
    "Content-Disposition": "the file's name",
    "Accept-Ranges": "bytes",
}


@routes.get("/api/export/download/{task_id}", allow_head=True)
@described(
    "Fetch the file of a task",
    group="Tasks",
    headers=DownloadHeaders,
    answers={
        200: Answer("the file", "bytes", "*/*", _FILE),
        206: Answer("a part of it", "bytes", "*/*", {**_FILE, "Content-Range": "which part"}),
        304: Answer("the client has it"),
    },
    errors=(*TABLE, "not_ready", "not_found", "gone", "precondition", "range"),
)
async def download(request: web.Request) -> web.StreamResponse:
    """The artefact of a completed task; 400 before, 410 once it has been purged."""
    have = context(request)
    task = await have.runner.get(task_id_of(request))
    if task.status is State.EXPIRED:
        raise Refused("gone", "the file has been removed; run the export again to get a new one")
    if task.status is not State.COMPLETED:
        raise Refused("not_ready", f"the export is {task.status.value}, there is no file of it")
    with ExitStack() as stack:
        file = await unbroken(_opened(have.artefacts, task, stack))
        if file is None:
            raise Refused(
                "gone",
                "the file is no longer in the exports folder as it was written; run the export"
                " again",
            )
        return await _answer(request, task, file, task.size or 0, f'"{task.sha256}"')


async def _opened(artefacts: Artefacts, task: Task, stack: ExitStack) -> BinaryIO | None:
    """The file, which `stack` closes even if whoever asked for it has left meanwhile."""
    file = await asyncio.to_thread(artefacts.open, task)
    return None if file is None else stack.enter_context(closing(file))


async def _answer(
    request: web.Request, task: Task, file: BinaryIO, size: int, tag: str
) -> web.StreamResponse:
    headers = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition(task.file_name or ""),
    }
    if not matches(request.headers.getall("If-Match", []), tag, weak=False, absent=True):
        raise Refused("precondition", "the file is another one now", headers={"ETag": tag})
    if matches(request.headers.getall("If-None-Match", []), tag, weak=True, absent=False):
        return web.Response(status=304, headers=headers)
    part = wanted_part(request, size, tag)
    if part is None:
        raise Refused(
            "range", f"the file has {size} bytes", headers={"Content-Range": f"bytes */{size}"}
        )
    ranged = _ranged(request, tag)
    if ranged:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{size}"
    response = web.StreamResponse(status=206 if ranged else 200,
                                  headers=headers)  # fmt: skip
    extension = (task.file_name or "").rpartition(".")[2]
    response.content_type = _TYPES.get(extension, "application/octet-stream")
    response.content_length = part.end - part.start
    await response.prepare(request)
    if request.method != "HEAD":
        await _send(request, response, file, part)
    await response.write_eof()
    return response


async def _send(
    request: web.Request, response: web.StreamResponse, file: BinaryIO, part: Part
) -> None:
    """Let the system copy the bytes, so that neither Python nor the loop has to touch them."""
    first = min(_FIRST_BYTES, part.end - part.start)
    # To its end in any case: a file must not be closed while a thread reads it.
    await response.write(await unbroken(asyncio.to_thread(_read, file, part.start, first)))
    rest = part.end - part.start - first
    if rest:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has left")
        loop = asyncio.get_running_loop()
        if await loop.sendfile(transport, file, part.start + first, rest) < rest:
            # The client was told of more bytes, and must not wait for them.
            transport.abort()
            raise _shorter()


def wanted_part(request: web.Request, size: int, tag: str) -> Part | None:
    """What a Range header asks for; None if it cannot be satisfied.

    A malformed header, another unit, several ranges, and an If-Range that is not this very file
    all mean the whole file (RFC 9110, sections 13.1.5 and 14.2).
    """
    whole = Part(0, size)
    if not _ranged(request, tag):
        return whole
    match = _RANGE.fullmatch(request.headers["Range"].strip())
    assert match is not None
    start, end = match[1], match[2]
    if not start:
        length = min(int(end), size)
        return Part(size - length, size) if length else None
    if int(start) >= size:
        return None
    return Part(int(start), min(int(end) + 1, size) if end else size)


def _ranged(request: web.Request, tag: str) -> bool:
    headers = request.headers.getall("Range", [])
    match = _RANGE.fullmatch(headers[0].strip()) if len(headers) == 1 else None
    if match is None or not (match[1] or match[2]):
        return False
    if match[1] and match[2] and int(match[1]) > int(match[2]):
        return False
    condition = request.headers.getall("If-Range", [])
    return not condition or condition == [tag]


def disposition(name: str) -> str:
    """`attachment` with the name in both forms of RFC 6266, whatever it holds."""
    plain = _UNSAFE.sub("_", name)
    text = f'attachment; filename="{plain}"'
    return text if plain == name else f"{text}; filename*=UTF-8''{quote(name, safe='')}"


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    data = b""
    while len(data) < size:
        more = file.read(size - len(data))
        if not more:
            raise _shorter()
        data += more
    return data


def _shorter() -> ConnectionResetError:
    return ConnectionResetError("the file has become shorter")
