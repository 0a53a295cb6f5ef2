"""The calls about exports, from the request to the bytes."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from server.settings import Settings
from tests import oracle
from tests.conformance.judge import check_content
from tests.integration.calls import (
    BANK,
    NIFTY,
    SENSEX,
    Client,
    everything,
    finished,
    refused,
    start,
    status,
)

FIELDS = {
    "task_id", "status", "progress", "status_message", "file_path", "error", "error_code",
    "warnings", "created_at", "started_at", "finished_at", "rows_done", "rows_total", "bytes_done",
    "rate", "eta_s", "contract", "attempt", "resumed_from_rows", "sha256", "size", "seq",
}  # fmt: skip
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+05:30")


@pytest.mark.parametrize("format", ["csv", "json", "zip"])
@pytest.mark.parametrize("options", [{}, {"include_metadata": True, "separate_files": True}])
async def test_an_export_from_start_to_its_bytes(
    format: str, options: dict[str, Any], client: Client, sample: Path, settings: Settings
) -> None:
    body = await everything(client, format=format, **options)
    task_id = await start(client, body)
    task = await finished(client, task_id)
    assert task["status"] == "completed"
    assert set(task) >= FIELDS
    assert task == await status(client, task_id)
    assert str(UUID(task_id)) == task_id
    assert UUID(task_id).version == 4
    for name in ("created_at", "started_at", "finished_at"):
        assert MOMENT.fullmatch(task[name])
    assert (task["progress"], task["error"], task["error_code"]) == (100, None, None)
    assert task["attempt"] == 1
    answer = await client.get(f"/api/export/download/{task_id}")
    content = await answer.read()
    assert answer.status == 200
    assert len(content) == task["size"] == task["bytes_done"]
    assert hashlib.sha256(content).hexdigest() == task["sha256"]
    assert answer.headers["ETag"] == f'"{task["sha256"]}"'
    folder, name = task["file_path"].split("/")
    assert folder == task_id
    assert [path.name for path in (settings.exports / folder).iterdir()] == [name]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    request = {**body, "accepted_at": datetime.fromisoformat(task["created_at"])}
    wanted = oracle.load(sample, request)
    assert name == oracle.artefact_name(wanted)
    assert task["rows_done"] == task["rows_total"] == wanted.rows
    check_content(wanted, content)


async def test_what_there_is(client: Client, sample: Path) -> None:
    answer = await (await client.get("/api/instruments")).json()
    assert [one["key"] for one in answer["instruments"]][:3] == [NIFTY, BANK, SENSEX]
    assert [one["name"] for one in answer["instruments"]][:3] == [
        "Nifty 50",
        "Bank Nifty",
        "Sensex",
    ]
    assert answer["database"]["path"] == str(sample)
    assert answer["database"]["contracts"] == sum(one["contracts"] for one in answer["instruments"])
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+05:30", answer["database"]["newest_candle"]
    )


async def test_expiries_are_newest_first_and_empty_for_an_unknown_key(client: Client) -> None:
    answer = await client.post(
        "/api/export/available-expiries", json={"instruments": [NIFTY, "NSE|Nobody"]}
    )
    found = await answer.json()
    assert found["NSE|Nobody"] == []
    assert found[NIFTY] == sorted(found[NIFTY], reverse=True)
    assert len(found[NIFTY]) == 2


async def test_a_preview_is_what_the_file_will_be(client: Client) -> None:
    body = await everything(client, include_metadata=True)
    shown = await (await client.post("/api/export/preview", json=body)).json()
    task = await finished(client, await start(client, body))
    content = await (await client.get(f"/api/export/download/{task['task_id']}")).text()
    assert content.startswith(shown["text"])
    assert shown["columns"] == content.split("\n", 1)[0].split(",")
    assert shown["rows"] == task["rows_done"]
    assert shown["exact"] is True
    assert abs(shown["sizes"]["csv"] / task["size"] - 1) < 0.1


async def test_the_list_pages_from_the_newest(client: Client) -> None:
    body = await everything(client, SENSEX)
    ids = [await start(client, body) for _ in range(5)]
    for task_id in ids:
        await finished(client, task_id)
    seen: list[str] = []
    cursor = ""
    while True:
        page = await (await client.get(f"/api/export/tasks?limit=2&cursor={cursor}")).json()
        seen += [task["task_id"] for task in page["tasks"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids[::-1]
    page = await (await client.get("/api/export/tasks?state=completed")).json()
    assert [task["task_id"] for task in page["tasks"]] == ids[::-1]
    page = await (await client.get("/api/export/tasks?state=failed")).json()
    assert page == {"tasks": [], "next_cursor": None}
    for query in ("state=lost", "limit=0", "limit=201", "limit=x", "cursor=-1", "page=2"):
        await refused(await client.get(f"/api/export/tasks?{query}"), 400, "bad_input")


async def test_retry_makes_a_new_task_and_delete_removes_row_and_file(
    client: Client, settings: Settings
) -> None:
    first = await finished(client, await start(client, await everything(client, SENSEX)))
    answer = await client.post(f"/api/export/tasks/{first['task_id']}/retry")
    second = await answer.json()
    assert answer.status == 202
    assert second["retry_of"] == first["task_id"]
    assert second["task_id"] != first["task_id"]
    assert second["spec"] == first["spec"]
    second = await finished(client, second["task_id"])
    assert second["status"] == "completed"
    for task in (first, second):
        answer = await client.delete(f"/api/export/tasks/{task['task_id']}")
        assert answer.status == 200
        assert (await answer.json())["task_id"] == task["task_id"]
        assert not (settings.exports / task["task_id"]).exists()
        for path in (
            f"/api/export/status/{task['task_id']}",
            f"/api/export/download/{task['task_id']}",
        ):
            await refused(await client.get(path), 404, "not_found")
        again = await client.delete(f"/api/export/tasks/{task['task_id']}")
        await refused(again, 404, "not_found")


async def test_two_exports_in_one_second_never_share_a_file(client: Client) -> None:
    body = await everything(client, SENSEX)
    tasks = [await start(client, body) for _ in range(4)]
    ended = [await finished(client, task_id) for task_id in tasks]
    assert len({task["file_path"] for task in ended}) == 4
    for task in ended:
        answer = await client.get(f"/api/export/download/{task['task_id']}")
        assert hashlib.sha256(await answer.read()).hexdigest() == task["sha256"]


async def test_a_selection_without_candles_gives_a_header_and_a_warning(client: Client) -> None:
    body = await everything(client, SENSEX, from_date="2040-01-01")
    task = await finished(client, await start(client, body))
    assert task["status"] == "completed"
    assert any("no candles" in warning for warning in task["warnings"])
    content = await (await client.get(f"/api/export/download/{task['task_id']}")).text()
    assert content == "openalgo_symbol,date,time,timestamp,open,high,low,close,volume,oi\n"


async def test_an_instrument_without_an_expiry_is_left_out_with_a_warning(client: Client) -> None:
    body = await everything(client, SENSEX)
    body["instruments"].append(NIFTY)
    task = await finished(client, await start(client, body))
    assert any(NIFTY in warning for warning in task["warnings"])
    body["expiries"] = {}
    await refused(await client.post("/api/export/start", json=body), 400, "bad_input")
