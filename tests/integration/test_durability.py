"""Restarts: acknowledged tasks are kept, interrupted ones go on, older tables are brought along."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from contextlib import closing
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.web import AppRunner

from exporter.pipeline import run_export
from exporter.sources.sqlite import MarketDatabase
from exporter.spec import parse_request
from server.app import create_app
from server.locks import LockedError
from server.settings import Settings
from server.store import TaskStore
from server.tables import StoreError
from tests.conformance.judge import members, same_bytes
from tests.conftest import AiohttpClient, make_settings
from tests.integration.calls import SENSEX, everything, finished, start, status
from tests.integration.gates import Gate
from tests.makers import EXPIRY, NIFTY
from tests.servers import Server


async def test_finished_tasks_outlive_a_restart(
    aiohttp_client: AiohttpClient, settings: Settings
) -> None:
    client = await aiohttp_client(create_app(settings))
    task = await finished(client, await start(client, await everything(client, SENSEX)))
    await client.close()
    assert not list(settings.tasks.parent.rglob("*.pid"))
    client = await aiohttp_client(create_app(settings))
    assert await status(client, task["task_id"]) == task
    content = await (await client.get(task["download_url"])).read()
    assert hashlib.sha256(content).hexdigest() == task["sha256"]


async def test_a_quiet_stop_puts_running_tasks_back(
    aiohttp_client: AiohttpClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate.install(monkeypatch)
    client = await aiohttp_client(create_app(settings))
    body = await everything(client, SENSEX)
    ids = [await start(client, body) for _ in range(4)]
    await gate.arrived.get()
    await gate.arrived.get()
    await client.close()
    with closing(sqlite3.connect(settings.tasks)) as table:
        rows = table.execute("SELECT task_id, status, tries FROM tasks ORDER BY id").fetchall()
    assert rows == [(one, "queued", 0) for one in ids]
    monkeypatch.undo()
    client = await aiohttp_client(create_app(settings))
    ended = [await finished(client, one) for one in ids]
    assert {task["status"] for task in ended} == {"completed"}
    assert [task["attempt"] for task in ended] == [2, 2, 1, 1]


def _until_checkpoint(tasks: Path) -> None:
    """Until the table holds a checkpoint; reading it from outside changes nothing."""
    with closing(sqlite3.connect(f"file:{tasks}?mode=ro", uri=True)) as table:
        found: list[Any] = []
        while not found:
            found = table.execute(
                "SELECT status FROM tasks WHERE checkpoint IS NOT NULL OR finished_at IS NOT NULL"
            ).fetchall()
        assert found == [("processing",)]


async def _begin(server: Server, **body: Any) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/api/export/start", json=body) as answer,
    ):
        assert answer.status == 202, await answer.text()
        return str((await answer.json())["task_id"])


async def _end(server: Server, task_id: str) -> tuple[Any, bytes]:
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{server.url}/api/export/ws/{task_id}") as socket:
            frames = [message.json() async for message in socket]
        task = frames[-1]["tasks"][0]
        assert frames[-1]["type"] == "final"
        assert task["status"] == "completed", task
        async with session.get(f"{server.url}{task['download_url']}") as answer:
            return task, await answer.read()


async def _at_once(database: Path, body: Any, accepted_at: str, folder: Path) -> bytes:
    """The same export by the library, in one go."""
    opened = MarketDatabase(database, readers=2)
    try:
        spec, _ = parse_request(body, await opened.catalogue())
        moment = datetime.fromisoformat(accepted_at)
        artefact = await run_export(opened, spec, accepted_at=moment, folder=folder)
        return await asyncio.to_thread(Path(artefact.path).read_bytes)
    finally:
        await opened.close()


@pytest.mark.parametrize("ending", ["kill", "stop"])
@pytest.mark.parametrize("format", ["csv", "json", "zip"])
async def test_an_interrupted_export_goes_on_where_it_was(
    format: str, ending: str, tmp_path: Path, slow: Path
) -> None:
    body = {"instruments": [NIFTY], "expiries": {NIFTY: [EXPIRY]}, "format": format}
    with Server(tmp_path, slow, "--keep-free", "0") as server:
        task_id = await _begin(server, **body)
        await asyncio.to_thread(_until_checkpoint, server.tasks)
        if ending == "kill":
            server.kill()
        else:
            assert server.stop() == 0
        parts = [path.name for path in (server.exports / task_id).iterdir()]
        assert all(name.endswith((".part", ".notes")) for name in parts)
        server.start()
        task, content = await _end(server, task_id)
        assert task["resumed_from_rows"] > 0
        assert task["attempt"] == 2
        assert not task["warnings"]
        assert [path.name for path in (server.exports / task_id).iterdir()] == [task["file_name"]]
    assert hashlib.sha256(content).hexdigest() == task["sha256"]
    undisturbed = await _at_once(slow, body, task["created_at"], tmp_path / "undisturbed")
    if format == "zip":
        assert members(content) == members(undisturbed)
    else:
        same_bytes(content, undisturbed)


async def test_the_third_unclean_end_without_progress_fails_the_task(
    aiohttp_client: AiohttpClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await aiohttp_client(create_app(settings))
    task = await finished(client, await start(client, await everything(client, SENSEX)))
    await client.close()
    # As a killed server leaves them: processing, by an owner that is no more.
    with closing(sqlite3.connect(settings.tasks)) as table, table:
        table.execute("DROP TRIGGER tasks_states")
        for tries, cancel in [(0, 0), (1, 0), (2, 0), (0, 1)]:
            table.execute(
                "INSERT INTO tasks (task_id, status, seq, spec, created_at, owner, tries,"
                " cancel_requested) VALUES (?, 'processing', 1, ?, ?, 'gone', ?, ?)",
                (f"00000000-0000-4000-8000-00000000{tries}{cancel}00", json.dumps(task["spec"]),
                 task["created_at"], tries, cancel),
            )  # fmt: skip
    gate = Gate.install(monkeypatch)
    client = await aiohttp_client(create_app(settings))
    await gate.arrived.get()
    await gate.arrived.get()
    found = [
        await status(client, f"00000000-0000-4000-8000-00000000{name}00")
        for name in ("00", "10", "20", "01")
    ]
    assert [task["status"] for task in found] == ["processing", "processing", "failed", "cancelled"]
    assert found[2]["error_code"] == "too_many_tries"


async def test_leftovers_go_at_the_start_and_nothing_else(
    aiohttp_client: AiohttpClient, settings: Settings
) -> None:
    client = await aiohttp_client(create_app(settings))
    task = await finished(client, await start(client, await everything(client, SENSEX)))
    await client.close()
    orphan = settings.exports / "00000000-0000-4000-8000-000000000000"
    orphan.mkdir()
    (orphan / "x.csv.part").write_bytes(b"x")
    (orphan / "x.csv").write_bytes(b"x")
    done = settings.exports / task["task_id"]
    (done / "y.csv.part").write_bytes(b"y")
    mine = settings.exports / "my notes"
    mine.mkdir()
    (mine / "z.part").write_bytes(b"z")
    (settings.exports / "README.md").write_bytes(b"z")
    await aiohttp_client(create_app(settings))
    assert not orphan.exists()
    assert [path.name for path in done.iterdir()] == [task["file_name"]]
    assert (mine / "z.part").exists()
    assert (settings.exports / "README.md").exists()


async def test_one_server_for_each_folder(
    aiohttp_client: AiohttpClient, settings: Settings, tmp_path: Path
) -> None:
    await aiohttp_client(create_app(settings))
    for other in (
        make_settings(tmp_path / "b", settings.db, exports=settings.exports),
        make_settings(tmp_path / "c", settings.db, tasks=settings.tasks),
    ):
        with pytest.raises(LockedError, match=r"in use by another server \(process \d+\)"):
            await AppRunner(create_app(other)).setup()


async def test_a_table_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tasks.db"
    store = await TaskStore.open(path)
    await store.close()
    with closing(sqlite3.connect(path)) as table:
        ((known,),) = table.execute("PRAGMA user_version").fetchall()
        table.execute(f"PRAGMA user_version={known + 1}")
    with pytest.raises(StoreError, match=f"newer version \\(schema {known + 1}"):
        await TaskStore.open(path)


async def test_an_older_table_is_brought_along_step_by_step(
    tmp_path: Path, sample: Path, aiohttp_client: AiohttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(tmp_path, sample)
    client = await aiohttp_client(create_app(settings))
    task = await finished(client, await start(client, await everything(client, SENSEX)))
    await client.close()
    steps = tmp_path / "newer" / "migrations"
    steps.mkdir(parents=True)
    for step in files("server").joinpath("migrations").iterdir():
        (steps / step.name).write_text(step.read_text("utf-8"))
    number = len(list(steps.iterdir())) + 1
    (steps / f"{number:03}_extra.sql").write_text("ALTER TABLE tasks ADD COLUMN extra TEXT;")
    (steps / f"{number + 1:03}_more.sql").write_text("UPDATE tasks SET extra='kept';")
    monkeypatch.setattr("server.tables.files", lambda _: steps.parent)
    for _ in range(2):
        store = await TaskStore.open(settings.tasks)
        assert [one.task_id for one in await store.page()] == [task["task_id"]]
        await store.close()
    with closing(sqlite3.connect(settings.tasks)) as table:
        assert table.execute("PRAGMA user_version").fetchall() == [(number + 1,)]
        assert table.execute("SELECT extra FROM tasks").fetchall() == [("kept",)]


async def test_an_empty_file_becomes_a_table_and_a_foreign_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "tasks.db"
    path.touch()
    store = await TaskStore.open(path)
    assert await store.page() == []
    await store.close()
    path.write_bytes(b"this is not a database, but it is longer than its header " * 20)
    with pytest.raises(StoreError, match="cannot be used"):
        await TaskStore.open(path)
    assert path.read_bytes().startswith(b"this is not")


async def test_a_step_that_fails_leaves_the_older_table_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tasks.db"
    with closing(sqlite3.connect(path)) as table:
        table.execute("CREATE TABLE tasks_by_status (x)")
    with pytest.raises(StoreError):
        await TaskStore.open(path)
    with closing(sqlite3.connect(path)) as table:
        assert table.execute("PRAGMA user_version").fetchall() == [(0,)]
        names = [name for (name,) in table.execute("SELECT name FROM sqlite_schema")]
    assert names == ["tasks_by_status"]
