"""A task table of the first version is brought along with everything in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path

from server.app import create_app
from tests.conftest import AiohttpClient, make_settings
from tests.integration.calls import SENSEX, everything, finished, start, status

ROWS = """
INSERT INTO tasks (task_id, seq, spec, created_at, finished_at, status, file_name, size, sha256,
                   error, error_code)
VALUES ('11111111-1111-4111-8111-111111111111', 1, ?1, '2025-09-20T10:00:00.000+05:30',
        '2025-09-20T10:00:01.000+05:30', 'expired', 'OpenAlgo_ExpiryTrack_Sensex.csv', 5,
        printf('%064d', 7),
        NULL, NULL),
       ('22222222-2222-4222-8222-222222222222', 2, ?1, '2025-09-21T10:00:00.000+05:30',
        '2025-09-21T10:00:01.000+05:30', 'failed', NULL, NULL, NULL, 'no room', 'storage_full');
"""
SPEC = (
    '{"instruments":["BSE_INDEX|SENSEX"],"expiries":{"BSE_INDEX|SENSEX":["2025-12-18"]},'
    '"format":"csv","options":{"include_openalgo":true,"time_range":"all","level":"balanced"}}'
)


async def test_a_table_of_version_1(
    tmp_path: Path, sample: Path, aiohttp_client: AiohttpClient
) -> None:
    settings = make_settings(tmp_path, sample)
    script = files("server").joinpath("migrations/001_tasks.sql").read_text("utf-8")
    with closing(sqlite3.connect(settings.tasks)) as table:
        table.executescript(script)
        table.execute(ROWS, (SPEC,))
        table.execute("PRAGMA user_version=1")
        table.commit()
    client = await aiohttp_client(create_app(settings))
    listed = (await (await client.get("/api/export/tasks?q=sensex")).json())["tasks"]
    assert [one["status"] for one in listed] == ["failed", "expired"]
    for one in listed:
        assert one["note"] is one["template_id"] is one["schedule_id"] is one["slot"] is None
    assert (await status(client, listed[1]["task_id"]))["file_name"].endswith("Sensex.csv")
    noted = await client.patch(f"/api/export/tasks/{listed[1]['task_id']}", json={"note": "old"})
    assert (await noted.json())["note"] == "old"
    again = await (await client.post(f"/api/export/tasks/{listed[0]['task_id']}/retry")).json()
    assert (await finished(client, again["task_id"]))["status"] == "completed"
    body = await everything(client, SENSEX)
    assert (await finished(client, await start(client, body)))["status"] == "completed"
    schedule = {"name": "S", "cron": "0 9 * * *", "request": body}
    assert (await client.post("/api/schedules", json=schedule)).status == 201
