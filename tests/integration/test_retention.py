"""Old exports: expired by age and by size, at the start, by request, and never others' files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from server.app import create_app
from tests.conftest import AiohttpClient, make_settings
from tests.integration.calls import SENSEX, everything, finished, refused, start, status


async def test_by_age_at_the_start(
    aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path
) -> None:
    settings = make_settings(tmp_path, sample, keep_days=1.5)
    client = await aiohttp_client(create_app(settings))
    body = await everything(client, SENSEX)
    old, new = [await finished(client, await start(client, body)) for _ in range(2)]
    await client.close()
    with closing(sqlite3.connect(settings.tasks)) as table, table:
        table.execute(
            "UPDATE tasks SET finished_at='2025-01-01T00:00:00.000+05:30' WHERE task_id=?",
            (old["task_id"],),
        )
    client = await aiohttp_client(create_app(settings))
    answer = await client.post("/api/admin/purge")
    assert answer.status == 200
    expired = await status(client, old["task_id"])
    assert (expired["status"], expired["file_path"]) == ("expired", None)
    assert expired["sha256"] == old["sha256"]
    assert not (settings.exports / old["task_id"]).exists()
    await refused(await client.get(f"/api/export/download/{old['task_id']}"), 410, "gone")
    assert (await client.get(new["download_url"])).status == 200


async def test_by_size_the_oldest_first(
    aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path
) -> None:
    client = await aiohttp_client(create_app(make_settings(tmp_path, sample)))
    body = await everything(client, SENSEX)
    tasks = [await finished(client, await start(client, body)) for _ in range(4)]
    assert await (await client.post("/api/admin/purge")).json() == {"removed": 0, "bytes": 0}
    await client.close()
    size = tasks[0]["size"]
    limited = make_settings(tmp_path, sample, keep_bytes=2 * size + 5)
    client = await aiohttp_client(create_app(limited))
    await client.post("/api/admin/purge")
    states = [(await status(client, task["task_id"]))["status"] for task in tasks]
    assert states == ["expired", "expired", "completed", "completed"]


async def test_an_open_download_finishes(
    aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path
) -> None:
    client = await aiohttp_client(create_app(make_settings(tmp_path, sample, keep_bytes=1)))
    task = await finished(client, await start(client, await everything(client)))
    answer = await client.get(task["download_url"])
    assert (await (await client.post("/api/admin/purge")).json())["removed"] == 1
    assert len(await answer.read()) == task["size"]
    await refused(await client.get(task["download_url"]), 410, "gone")
    again = await client.post(f"/api/export/tasks/{task['task_id']}/retry")
    assert (await again.json())["retry_of"] == task["task_id"]
