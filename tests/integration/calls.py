"""Short names for what integration tests do all the time."""

from __future__ import annotations

from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from server.handlers.api import DOCUMENT
from tests.documented import problems

Client = TestClient[Any, Any]

NIFTY = "NSE_INDEX|Nifty 50"
BANK = "NSE_INDEX|Nifty Bank"
SENSEX = "BSE_INDEX|SENSEX"


async def everything(client: Client, *keys: str, format: str = "csv", **options: Any) -> Any:
    """A body that asks for every expiry of these instruments."""
    wanted = list(keys or (NIFTY, BANK, SENSEX))
    answer = await client.post("/api/export/available-expiries", json={"instruments": wanted})
    return {
        "instruments": wanted,
        "expiries": await answer.json(),
        "format": format,
        "options": options,
    }


async def start(client: Client, body: Any) -> str:
    answer = await client.post("/api/export/start", json=body)
    value = await answer.json()
    assert answer.status == 202, value
    assert list(value) == ["task_id"]
    return str(value["task_id"])


async def status(client: Client, task_id: str) -> Any:
    answer = await client.get(f"/api/export/status/{task_id}")
    assert answer.status == 200
    return await answer.json()


async def frames(client: Client, path: str) -> list[Any]:
    """Every frame of a feed until the server closes it, each as the document says."""
    async with client.ws_connect(path) as socket:
        seen = [message.json() async for message in socket]
    assert client.app is not None
    document = client.app[DOCUMENT].body
    for frame in seen:
        assert list(problems(document, {"$ref": "#/components/schemas/Frame"}, frame)) == []
    return seen


async def finished(client: Client, task_id: str) -> Any:
    """The final state of a task, waited for on its feed."""
    seen = await frames(client, f"/api/export/ws/{task_id}")
    assert seen[-1]["type"] == "final"
    return seen[-1]["tasks"][0]


async def refused(answer: ClientResponse, status: int, code: str) -> Any:
    """Asserts the one error shape, and returns it."""
    value = await answer.json()
    assert answer.status == status, value
    assert sorted(value) == ["code", "error", "id", "problems"]
    assert value["code"] == code
    assert isinstance(value["error"], str)
    assert value["error"]
    assert all(isinstance(problem, str) for problem in value["problems"])
    assert "Traceback" not in value["error"]
    return value
