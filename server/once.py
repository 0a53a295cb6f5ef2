"""`Idempotency-Key`: the same request under the same key starts one task, and no second one."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from exporter.errors import BadInput
from server.context import context
from server.errors import Refused, json_response
from server.shapes_in import LONGEST_KEY
from server.tables import Taken
from server.tasks import Origin, Task

KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
# What the document says of the headers of such an answer.
STARTED = {REPLAYED: "true if the key had started this task before"}


async def started_once(
    request: web.Request,
    body: object,
    start: Callable[[Origin], Awaitable[Task | web.Response]],
) -> web.Response:
    """202 with the task that `start` makes of an origin, or that it made before.

    The table holds one task per key: of two requests at once the later finds the earlier one's.
    A key is kept as long as its task. Raises Refused(conflict) for a key that asked for something
    else, and what `start` raises.
    """
    key = key_of(request)
    if key is None:
        return _answer(await start(Origin()))
    digest = hashlib.sha256(
        request.path.encode() + b"\0" + orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    ).hexdigest()
    earlier = await _earlier(request, key, digest)
    if earlier is not None:
        return earlier
    try:
        return _answer(await start(Origin(key=key, digest=digest)))
    except Taken:
        earlier = await _earlier(request, key, digest)
        if earlier is None:
            raise Refused("conflict", "this was started and removed meanwhile; try again") from None
        return earlier


def key_of(request: web.Request) -> str | None:
    """The key of the request. Raises BadInput."""
    key = request.headers.get(KEY)
    if key is not None and not (
        0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()
    ):
        raise BadInput([f"{KEY} must be 1 to {LONGEST_KEY} printable ASCII characters"])
    return key


async def _earlier(request: web.Request, key: str, digest: str) -> web.Response | None:
    found = await context(request).store.by_key(key)
    if found is None:
        return None
    task, asked = found
    if asked != digest:
        raise Refused("conflict", f"this {KEY} was used for another request")
    return _answer(task, replayed=True)


def _answer(task: Task | web.Response, *, replayed: bool = False) -> web.Response:
    if isinstance(task, web.Response):
        return task  # Nothing was started, and nothing is kept of it.
    headers = {REPLAYED: "true"} if replayed else None
    return json_response({"task_id": task.task_id}, status=202, headers=headers)
