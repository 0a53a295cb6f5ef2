"""Progress over WebSocket: a snapshot, merged updates, and the final state last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from random import random

import orjson
from aiohttp import WSCloseCode, web

from server.context import Context, context
from server.described import TABLE, Answer, described
from server.errors import Refused
from server.progress import Subscription
from server.schemas import task_id_of
from server.tasks import Task, status_of

routes = web.RouteTableDef()

_EVERY_S = 0.25
_HEARTBEAT_S = 20.0
# A client that has not taken a frame for so long is not following any more.
_STALLED_S = 20.0
_SNAPSHOT = 100
_OF_THE_HANDSHAKE = ("connection", "upgrade", "sec-websocket-")
_MOST_ENCODED = 512
# A frame costs about 0.1 ms; a few dozen clients can be told in one go.
_SPREAD_EACH_S = 0.0005
_SPREAD_FROM_S = 0.02
_LONGEST_SPREAD_S = 0.5
_LONGEST_MESSAGE = 4096
_FEED = Answer("a WebSocket; its text frames are of the schema Frame")


@routes.get("/api/export/ws")
@described(
    "Follow every task",
    group="Tasks",
    answers={101: _FEED},
    errors=(*TABLE, "bad_input"),
)
async def every_task(request: web.Request) -> web.WebSocketResponse:
    """All tasks; the snapshot holds the newest 100."""
    have = context(request)
    subscription = have.hub.subscribe()
    try:
        newest = have.runner.newest(await have.store.page(limit=_SNAPSHOT))
        return await _follow(request, have, subscription, newest)
    finally:
        have.hub.unsubscribe(subscription)


@routes.get("/api/export/ws/{task_id}")
@described(
    "Follow one task",
    group="Tasks",
    answers={101: _FEED},
    errors=(*TABLE, "bad_input", "not_found"),
)
async def one_task(request: web.Request) -> web.WebSocketResponse:
    """One task, until its final state has been sent."""
    have = context(request)
    task_id = task_id_of(request)
    subscription = have.hub.subscribe(task_id)
    try:
        task = await have.runner.get(task_id)
        return await _follow(request, have, subscription, [task])
    finally:
        have.hub.unsubscribe(subscription)


async def _follow(
    request: web.Request, have: Context, subscription: Subscription, snapshot: list[Task]
) -> web.WebSocketResponse:
    if not all(
        value.isascii()
        for name, value in request.headers.items()
        if name.lower().startswith(_OF_THE_HANDSHAKE)
    ):
        raise Refused("bad_input", "this is no handshake of a WebSocket")
    socket = web.WebSocketResponse(
        heartbeat=_HEARTBEAT_S, max_msg_size=_LONGEST_MESSAGE, compress=False
    )
    await socket.prepare(request)
    writing = asyncio.create_task(_write(socket, have, subscription, snapshot))
    try:
        # Nothing is expected from the client; reading is what notices that it has left.
        async for _ in socket:
            if writing.done():
                break
    finally:
        writing.cancel()
        await asyncio.wait({writing})
    return socket


async def _write(
    socket: web.WebSocketResponse, have: Context, subscription: Subscription, snapshot: list[Task]
) -> None:
    """The only writer of a socket. Ends with it, or closes it when there is no more to tell."""
    told = {task.task_id: task.seq for task in snapshot}
    try:
        await _send(socket, "snapshot", snapshot)
        over = _over(subscription, snapshot)
        if over:
            await _send(socket, "final", snapshot)
        while not over:
            await subscription.wait()
            await _in_turn(have)
            tasks = [task for task in subscription.take() if task.seq > told.get(task.task_id, 0)]
            if tasks:
                final = tasks[0].status.final
                await _send(socket, "final" if final else "update", tasks)
                over = _over(subscription, tasks)
                if not over and not subscription.ended:
                    await _pause(subscription)
            elif subscription.ended:
                await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server is stopping")
                return
        await socket.close(code=WSCloseCode.OK, message=b"the task is over")
    except TimeoutError:
        await _drop(socket)
    except ConnectionError:
        return


async def _in_turn(have: Context) -> None:
    """Spread what many are told at once over some time, so that the loop has room for others."""
    spread = min(_LONGEST_SPREAD_S, len(have.hub) * _SPREAD_EACH_S)
    if spread > _SPREAD_FROM_S:
        await asyncio.sleep(random() * spread)


async def _pause(subscription: Subscription) -> None:
    """Between two frames to one client; what happens meanwhile is merged, and an end not late."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_EVERY_S):
            await subscription.over()


async def _send(socket: web.WebSocketResponse, kind: str, tasks: Iterable[Task]) -> None:
    frame = b'{"type":"%s","tasks":[%s]}' % (kind.encode(), b",".join(map(_encoded, tasks)))
    async with asyncio.timeout(_STALLED_S):
        await socket.send_str(frame.decode())


@lru_cache(maxsize=_MOST_ENCODED)
def _encoded(task: Task) -> bytes:
    """A state is written down once, however many follow."""
    return orjson.dumps(status_of(task))


async def _drop(socket: web.WebSocketResponse) -> None:
    """A close frame would wait behind what the client does not read."""
    transport = socket.get_extra_info("transport")
    await socket.close(code=WSCloseCode.POLICY_VIOLATION, drain=False)
    if transport is not None:
        transport.abort()


def _over(subscription: Subscription, tasks: list[Task]) -> bool:
    return subscription.task_id is not None and all(task.status.final for task in tasks)
