"""`Idempotency-Key`: one task for a key, even of requests at once; another body is a conflict."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.calls import SENSEX, Client, everything, finished, refused
from tests.integration.gates import Gate


def keyed(key: str) -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": key}}


async def test_the_same_request_again_gives_the_first_task(client: Client) -> None:
    body = await everything(client, SENSEX)
    first = await client.post("/api/export/start", json=body, **keyed("a"))
    assert (first.status, "Idempotency-Replayed" in first.headers) == (202, False)
    task = await first.json()
    await finished(client, task["task_id"])
    # The order of an object's keys says nothing.
    again = dict(reversed(list(body.items())))
    second = await client.post("/api/export/start", json=again, **keyed("a"))
    assert (second.status, second.headers["Idempotency-Replayed"]) == (202, "true")
    assert await second.json() == task
    other = await client.post("/api/export/start", json=body, **keyed("b"))
    assert await other.json() != task
    value = await refused(
        await client.post("/api/export/start", json={**body, "format": "json"}, **keyed("a")),
        409,
        "conflict",
    )
    assert "another request" in value["error"]
    assert len((await (await client.get("/api/export/tasks")).json())["tasks"]) == 2


async def test_ten_at_once_start_one(gate: Gate, client: Client) -> None:
    body = await everything(client, SENSEX)
    answers = await asyncio.gather(
        *(client.post("/api/export/start", json=body, **keyed("k")) for _ in range(10))
    )
    assert {answer.status for answer in answers} == {202}
    assert len({(await answer.json())["task_id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 9
    call = await gate.arrived.get()
    assert gate.arrived.empty()
    call.finish()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate.install(monkeypatch)


async def test_a_refused_request_keeps_no_key(client: Client) -> None:
    body = await everything(client, SENSEX)
    wrong = {**body, "format": "xml"}
    await refused(
        await client.post("/api/export/start", json=wrong, **keyed("k")), 400, "bad_input"
    )
    assert (await client.post("/api/export/start", json=body, **keyed("k"))).status == 202


async def test_a_key_goes_with_its_task(client: Client) -> None:
    body = await everything(client, SENSEX)
    task = await (await client.post("/api/export/start", json=body, **keyed("k"))).json()
    await finished(client, task["task_id"])
    await client.delete(f"/api/export/tasks/{task['task_id']}")
    again = await client.post("/api/export/start", json=body, **keyed("k"))
    assert (await again.json()) != task


async def test_a_key_is_of_one_address(client: Client) -> None:
    body = await everything(client, SENSEX)
    answer = await client.post("/api/templates", json={"name": "T", "request": body})
    template = await answer.json()
    path = f"/api/templates/{template['id']}/run"
    first = await client.post(path, **keyed("k"))
    second = await client.post(path, json={}, **keyed("k"))
    assert await first.json() == await second.json()
    await refused(await client.post("/api/export/start", json=body, **keyed("k")), 409, "conflict")
    schedule = {"name": "S", "cron": "0 9 * * *", "template_id": template["id"]}
    made = await (await client.post("/api/schedules", json=schedule)).json()
    path = f"/api/schedules/{made['id']}/run"
    first = await client.post(path, **keyed("s"))
    second = await client.post(path, **keyed("s"))
    assert await first.json() == await second.json()
    runs = await (await client.get(f"/api/schedules/{made['id']}/runs")).json()
    assert len(runs["runs"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "caf\u00e9"])
async def test_a_key_that_is_none(client: Client, key: str) -> None:
    body = await everything(client, SENSEX)
    await refused(await client.post("/api/export/start", json=body, **keyed(key)), 400, "bad_input")


async def test_a_call_without_a_body_takes_none(client: Client) -> None:
    body = await everything(client, SENSEX)
    answer = await client.post("/api/templates", json={"name": "T", "request": body})
    path = f"/api/templates/{(await answer.json())['id']}/run"
    await refused(await client.post(path, json={"format": "zip"}), 400, "bad_input")
    await refused(await client.post(path, data=b"{"), 400, "bad_input")
