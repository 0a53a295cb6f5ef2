"""What bad input gets: every problem named, one shape, nothing started."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.integration.calls import NIFTY, SENSEX, Client, everything, refused, start

DAY = "2025-09-16"
BODIES: dict[str, tuple[Any, list[str]]] = {
    "not an object": ([], ["JSON object"]),
    "nothing": ({}, ["instruments", "expiries"]),
    "unknown key": ({"colour": 1}, ["unknown key 'colour'"]),
    "unknown instrument": ({"instruments": ["NSE|X"], "expiries": {"NSE|X": [DAY]}}, ["NSE|X"]),
    "unknown expiry": ({"expiries": {SENSEX: ["1999-01-01"]}}, ["1999-01-01"]),
    "expiry of another": ({"expiries": {NIFTY: [DAY]}}, ["not asked for"]),
    "not a date": ({"expiries": {SENSEX: ["yesterday"]}}, ["yesterday"]),
    "dates in text": ({"expiries": {SENSEX: DAY}}, ["list of dates"]),
    "no separator": ({"expiries": ["2025"]}, ["~~~"]),
    "unknown format": ({"format": "xls"}, ["xls", "csv, json, zip"]),
    "format of a wrong type": ({"format": 3}, ["3"]),
    "unknown option": ({"options": {"rows": 5}}, ["unknown option 'rows'"]),
    "options in a list": ({"options": []}, ["options"]),
    "flag as text": ({"options": {"excel": "yes"}}, ["excel"]),
    "unknown style": ({"options": {"symbol_style": "mine"}}, ["mine"]),
    "unknown range": ({"options": {"time_range": "2d"}}, ["2d"]),
    "range and dates": ({"options": {"time_range": "7d", "from_date": DAY}}, ["time_range all"]),
    "dates backwards": (
        {"options": {"from_date": "2025-09-17", "to_date": DAY}},
        ["from_date is after to_date"],
    ),
    "several": (
        {"format": "xls", "options": {"excel": 1, "rows": 2}, "colour": 3},
        ["xls", "excel", "rows", "colour"],
    ),
}


@pytest.mark.parametrize(("change", "named"), BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("call", ["start", "preview"])
async def test_every_problem_is_named_and_nothing_started(
    change: Any, named: list[str], call: str, client: Client
) -> None:
    body = change
    if change:
        body = {**await everything(client, SENSEX), **change}
    answer = await client.post(f"/api/export/{call}", json=body)
    value = await refused(answer, 400, "bad_input")
    for text in named:
        assert any(text in problem for problem in value["problems"]), value
    assert (await (await client.get("/api/export/tasks")).json())["tasks"] == []


@pytest.mark.parametrize(
    "path",
    ["/api/export/available-expiries", "/api/export/start", "/api/export/preview"],
)
@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff\xfe", b"nan", b'{"a":1}x', b"[" * 5000, b'"\\ud800"', b"null"]
)
async def test_what_is_not_json_is_bad_input(path: str, raw: bytes, client: Client) -> None:
    await refused(await client.post(path, data=raw), 400, "bad_input")


async def test_expiries_ask_for_a_list_of_keys(client: Client) -> None:
    for body in ({}, {"instruments": NIFTY}, {"instruments": [1]}, {"instruments": [], "x": 1}):
        answer = await client.post("/api/export/available-expiries", json=body)
        await refused(answer, 400, "bad_input")


async def test_a_body_over_a_mebibyte_is_refused(client: Client) -> None:
    for path in ("/api/export/start", "/api/export/available-expiries", "/api/export/preview"):
        answer = await client.post(path, data=io.BytesIO(b" " * (1024 * 1024 + 1)))
        await refused(answer, 413, "too_large")


@pytest.mark.parametrize(
    "task_id", ["5f0c6d1e-8d3a-4a52-9d5b-0c7c2a4f9e11", "x", "..", "%2e%2e%2fetc", "A" * 200, "%00"]
)
async def test_unknown_tasks(task_id: str, client: Client) -> None:
    for method, path in [
        ("GET", "status/{}"), ("GET", "download/{}"), ("HEAD", "download/{}"), ("GET", "ws/{}"),
        ("POST", "tasks/{}/cancel"), ("POST", "tasks/{}/retry"), ("DELETE", "tasks/{}"),
    ]:  # fmt: skip
        answer = await client.request(method, f"/api/export/{path.format(task_id)}")
        assert answer.status in (404, 405), (method, path)
        if method != "HEAD":
            await refused(answer, answer.status, "not_found" if answer.status == 404 else "method")


async def test_no_such_address_and_no_such_method(client: Client) -> None:
    await refused(await client.get("/api/nothing"), 404, "not_found")
    answer = await client.get("/api/export/start")
    await refused(answer, 405, "method")
    assert answer.headers["Allow"] == "POST"
    await refused(await client.put("/export"), 405, "method")


async def test_a_task_that_is_not_completed_has_no_file(client: Client) -> None:
    body = await everything(client)
    task_id = await start(client, body)
    await client.post(f"/api/export/tasks/{task_id}/cancel")
    answer = await client.get(f"/api/export/download/{task_id}")
    assert answer.status in (200, 400)
    if answer.status == 400:
        await refused(answer, 400, "not_ready")
