"""A task's life in one server: order, limits, cancel, failures, and the table's own guards."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from typing import Any

import apsw
import pytest

from exporter.errors import Code, ExportError
from server.app import create_app
from server.context import CONTEXT
from server.settings import Settings
from server.states import WAYS, State
from tests.conftest import AiohttpClient, make_settings
from tests.integration.calls import (
    SENSEX,
    Client,
    everything,
    finished,
    frames,
    refused,
    start,
    status,
)
from tests.integration.gates import Gate


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate.install(monkeypatch)


async def test_so_many_at_once_and_the_rest_in_order(gate: Gate, client: Client) -> None:
    body = await everything(client, SENSEX)
    ids = [await start(client, body) for _ in range(5)]
    running = [await gate.arrived.get(), await gate.arrived.get()]
    assert [call.task_id for call in running] == ids[:2]
    assert gate.arrived.empty()
    assert [(await status(client, one))["status"] for one in ids] == [
        "processing", "processing", "queued", "queued", "queued",
    ]  # fmt: skip
    for position in range(2, 5):
        running[0].finish()
        running = [running[1], await gate.arrived.get()]
        assert running[1].task_id == ids[position]
    for call in running:
        call.finish()
    assert {(await finished(client, one))["status"] for one in ids} == {"completed"}


async def test_a_full_queue_says_when_to_come_again(
    gate: Gate, aiohttp_client: AiohttpClient, settings: Settings, tmp_path: Any, sample: Any
) -> None:
    app = create_app(make_settings(tmp_path / "full", sample, max_exports=1, max_queue=2))
    client = await aiohttp_client(app)
    body = await everything(client, SENSEX)
    await start(client, body)
    await gate.arrived.get()
    waiting = [await start(client, body) for _ in range(2)]
    answer = await client.post("/api/export/start", json=body)
    await refused(answer, 429, "busy")
    assert int(answer.headers["Retry-After"]) > 0
    await client.post(f"/api/export/tasks/{waiting[0]}/cancel")
    await start(client, body)


async def test_cancel_of_a_queued_task(gate: Gate, client: Client) -> None:
    body = await everything(client, SENSEX)
    ids = [await start(client, body) for _ in range(3)]
    answer = await client.post(f"/api/export/tasks/{ids[2]}/cancel")
    task = await answer.json()
    assert (answer.status, task["status"]) == (200, "cancelled")
    assert task["finished_at"]
    again = await client.post(f"/api/export/tasks/{ids[2]}/cancel")
    assert (again.status, (await again.json())["status"]) == (200, "cancelled")


async def test_cancel_of_a_running_task(gate: Gate, client: Client) -> None:
    task_id = await start(client, await everything(client, SENSEX))
    call = await gate.arrived.get()
    answer = await client.post(f"/api/export/tasks/{task_id}/cancel")
    assert (await answer.json())["cancel_requested"] is True
    await call.cancelled.wait()
    assert (await finished(client, task_id))["status"] == "cancelled"


async def test_a_cancel_that_comes_too_late(gate: Gate, client: Client) -> None:
    task_id = await start(client, await everything(client, SENSEX))
    (await gate.arrived.get()).finish()
    await finished(client, task_id)
    answer = await client.post(f"/api/export/tasks/{task_id}/cancel")
    await refused(answer, 409, "conflict")
    assert (await status(client, task_id))["status"] == "completed"


async def test_retry_and_delete_need_an_end(gate: Gate, client: Client) -> None:
    task_id = await start(client, await everything(client, SENSEX))
    await gate.arrived.get()
    await refused(await client.post(f"/api/export/tasks/{task_id}/retry"), 409, "conflict")
    await refused(await client.delete(f"/api/export/tasks/{task_id}"), 409, "conflict")
    await refused(await client.get(f"/api/export/download/{task_id}"), 400, "not_ready")


async def test_a_failure_says_its_code_and_what_to_do(gate: Gate, client: Client) -> None:
    task_id = await start(client, await everything(client, SENSEX))
    (await gate.arrived.get()).fail(ExportError(Code.STORAGE_FULL, "the disk is full"))
    task = await finished(client, task_id)
    assert (task["status"], task["error_code"]) == ("failed", "storage_full")
    assert task["error"] == "the disk is full"
    assert task["file_path"] is None


async def test_a_defect_shows_an_id_and_no_traceback(
    gate: Gate, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    task_id = await start(client, await everything(client, SENSEX))
    (await gate.arrived.get()).fail(RuntimeError("the secret of the house"))
    task = await finished(client, task_id)
    assert (task["status"], task["error_code"]) == ("failed", "internal")
    assert "secret" not in task["error"]
    (record,) = [one for one in caplog.records if one.exc_info]
    assert record.getMessage().rsplit(" ", 1)[1] in task["error"]


async def test_progress_never_runs_backwards(gate: Gate, client: Client) -> None:
    task_id = await start(client, await everything(client, SENSEX))
    call = await gate.arrived.get()
    following = asyncio.create_task(frames(client, f"/api/export/ws/{task_id}"))
    job = client.app[CONTEXT].runner._jobs[task_id]
    for done, total in [(10, 100), (50, 100), (60, 1000), (700, 1000), (1200, 1200)]:
        job._told_at = 0.0
        call.tell(done, total)
    assert job.task.progress == 99.9
    call.finish()
    seen = [task for frame in await following for task in frame["tasks"]]
    assert [task["progress"] for task in seen] == sorted(task["progress"] for task in seen)
    assert [task["seq"] for task in seen] == sorted(task["seq"] for task in seen)
    assert seen[-1]["progress"] == 100


async def test_the_table_itself_holds_the_states(client: Client) -> None:
    """Every way that is not in the diagram is refused, whoever tries."""
    task_id = await start(client, await everything(client, SENSEX))
    await finished(client, task_id)
    connection = client.app[CONTEXT].store.tables.connection
    await connection.execute_fetchall("DROP TRIGGER tasks_states")
    whole = "file_name='x', size=1, sha256='x', error='x', error_code='x'"
    script = files("server").joinpath("migrations/001_tasks.sql").read_text("utf-8")
    body = script[script.index("CREATE TRIGGER") :]
    for old in State:
        for new in State:
            end = "NULL" if not old.final else "'then'"
            await connection.execute_fetchall(
                f"UPDATE tasks SET status=?1, finished_at={end}, {whole}", (old.value,)
            )
            await connection.executescript(body)
            end = "NULL" if not new.final else "'then'"
            change = f"UPDATE tasks SET status=?1, finished_at={end}, {whole}"
            if new in WAYS[old] or (old is new and not old.final):
                await connection.execute_fetchall(change, (new.value,))
            else:
                with pytest.raises(apsw.ConstraintError, match="cannot go from this state"):
                    await connection.execute_fetchall(change, (new.value,))
            await connection.execute_fetchall("DROP TRIGGER tasks_states")
