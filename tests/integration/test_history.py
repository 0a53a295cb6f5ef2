"""The history: search, filters, notes, and two exports held against each other."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from exporter.model import now_ist
from server.context import CONTEXT
from tests.integration.calls import (
    BANK,
    NIFTY,
    SENSEX,
    Client,
    everything,
    finished,
    refused,
    start,
)


async def exported(client: Client, *keys: str, **how: Any) -> Any:
    return await finished(client, await start(client, await everything(client, *keys, **how)))


async def found(client: Client, **query: str) -> list[str]:
    answer = await client.get("/api/export/tasks", params=query)
    value = await answer.json()
    assert answer.status == 200, value
    return [task["task_id"] for task in value["tasks"]]


async def test_search_and_filters(client: Client) -> None:
    sensex = (await exported(client, SENSEX))["task_id"]
    both = (await exported(client, NIFTY, BANK, format="zip"))["task_id"]
    address = f"/api/export/tasks/{both}"
    noted = await (await client.patch(address, json={"note": " 100%_sure "})).json()
    assert noted["note"] == "100%_sure"
    assert await found(client, q="SENSEX") == [sensex]
    assert await found(client, q="bank") == [both]
    # By its display name, which stands neither in the key nor in this file's name.
    assert await found(client, q="Bank Nifty") == [both]
    assert await found(client, q="OpenAlgo_ExpiryTrack_Sensex") == [sensex]
    assert await found(client, q=sensex[:13]) == [sensex]
    assert await found(client, q="sure") == [both]
    assert await found(client, q="%_") == [both]
    assert await found(client, q="_%") == []
    assert await found(client, q="sure sensex") == []
    assert await found(client, q="  ") == [both, sensex]
    assert await found(client, format="zip") == [both]
    assert await found(client, instrument=NIFTY) == [both]
    assert await found(client, instrument="Nifty") == []
    assert await found(client, state="completed", q="zip") == [both]
    today = now_ist().date()
    day = {"from": today.isoformat(), "to": today.isoformat()}
    assert await found(client, **day) in ([both, sensex], [])  # Midnight may have passed.
    assert await found(client, **{"from": (today + timedelta(days=2)).isoformat()}) == []
    assert await found(client, to=(today - timedelta(days=2)).isoformat()) == []
    first = await (await client.get("/api/export/tasks?q=expirytrack&limit=1")).json()
    assert [one["task_id"] for one in first["tasks"]] == [both]
    assert await found(client, q="expirytrack", cursor=first["next_cursor"]) == [sensex]
    await client.patch(address, json={"note": None})
    assert await found(client, q="sure") == []


@pytest.mark.parametrize(
    ("query", "problems"),
    [
        ("format=xml&from=yesterday&to=2025-9-1", 3),
        ("from=2025-02-02&to=2025-02-01", 1),
        (f"q={'x' * 201}", 1),
        ("state=done", 1),
        ("colour=red", 1),
    ],
)
async def test_filters_that_are_none(client: Client, query: str, problems: int) -> None:
    answer = await client.get(f"/api/export/tasks?{query}")
    assert len((await refused(answer, 400, "bad_input"))["problems"]) == problems


@pytest.mark.parametrize("body", [{}, [], {"note": 5}, {"note": "x" * 2001}, {"note": "", "x": 1}])
async def test_notes_that_are_none(client: Client, body: Any) -> None:
    path = f"/api/export/tasks/{uuid4()}"
    await refused(await client.patch(path, json=body), 400, "bad_input")
    await refused(await client.patch(path, json={"note": "x"}), 404, "not_found")


async def test_a_note_is_told_to_watchers(client: Client) -> None:
    task = await exported(client, SENSEX)
    async with client.ws_connect("/api/export/ws") as feed:
        await feed.receive_json()
        await client.patch(f"/api/export/tasks/{task['task_id']}", json={"note": "kept"})
        frame = await feed.receive_json()
    assert [one["note"] for one in frame["tasks"]] == ["kept"]


async def compared(client: Client, a: Any, b: Any) -> Any:
    answer = await client.get(f"/api/export/compare?a={a['task_id']}&b={b['task_id']}")
    value = await answer.json()
    assert answer.status == 200, value
    assert (value["a"]["task_id"], value["b"]["task_id"]) == (a["task_id"], b["task_id"])
    return value


async def test_two_exports_of_the_same(client: Client) -> None:
    a, b = await exported(client, SENSEX), await exported(client, SENSEX)
    value = await compared(client, a, b)
    assert value["same"] is True
    assert value["sha256"] == {"a": a["sha256"], "b": b["sha256"], "same": True}
    assert value["rows"] == {"a": a["rows_done"], "b": b["rows_done"], "difference": 0}
    assert (value["spec"], value["contracts"]) == ([], None)


async def test_two_exports_that_differ(client: Client) -> None:
    a = await exported(client, SENSEX)
    b = await exported(client, NIFTY, SENSEX, format="json", include_openalgo=False)
    value = await compared(client, a, b)
    assert value["same"] is False
    assert value["rows"]["difference"] == b["rows_done"] - a["rows_done"] > 0
    said = {one["what"]: (one["a"], one["b"]) for one in value["spec"]}
    assert said["format"] == ("csv", "json")
    assert said["instruments"] == ([SENSEX], [NIFTY, SENSEX])
    assert said["include_openalgo"] == (True, False)
    assert said[f"expiries of {NIFTY}"][0] is None
    assert f"expiries of {SENSEX}" not in said


async def test_archives_are_compared_by_contract(client: Client, tmp_path: Path) -> None:
    whole = await exported(client, NIFTY, format="zip")
    short = await exported(client, NIFTY, format="zip", to_date="2025-12-16")
    more = await exported(client, NIFTY, BANK, format="zip")
    same = await compared(client, whole, await exported(client, NIFTY, format="zip"))
    # Archives hold the moment of their making, so only their contracts tell.
    assert same["contracts"] == {"only_a": 0, "only_b": 0, "different": 0, "examples": []}
    contracts = (await compared(client, whole, short))["contracts"]
    assert contracts["different"] > 0 == contracts["only_a"]
    example = contracts["examples"][0]
    assert example["rows_a"] > example["rows_b"]
    contracts = (await compared(client, whole, more))["contracts"]
    assert contracts["only_b"] == more["contracts_done"] - whole["contracts_done"]
    assert (contracts["only_a"], contracts["different"]) == (0, 0)
    assert contracts["examples"][0]["rows_a"] is None
    together = await exported(client, NIFTY, format="zip", separate_files=False)
    assert (await compared(client, whole, together))["contracts"] is None
    path = client.app[CONTEXT].settings.exports / whole["file_path"]
    path.write_bytes(b"\0" * path.stat().st_size)
    assert (await compared(client, whole, short))["contracts"] is None
    path.unlink()
    assert (await compared(client, whole, short))["contracts"] is None


async def test_a_comparison_needs_two_tasks(client: Client) -> None:
    task = (await exported(client, SENSEX))["task_id"]
    for query in ("", f"a={task}", f"a={task}&b={task}&c=1"):
        await refused(await client.get(f"/api/export/compare?{query}"), 400, "bad_input")
    for other in (str(uuid4()), quote("../x")):
        answer = await client.get(f"/api/export/compare?a={task}&b={other}")
        await refused(answer, 404, "not_found")
