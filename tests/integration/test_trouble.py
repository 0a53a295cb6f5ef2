"""What a server says when its database, its disk or its folder is not as it should be."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.app import create_app
from tests import makers
from tests.conftest import AiohttpClient, make_settings
from tests.integration.calls import SENSEX, everything, finished, refused, start


def _missing(path: Path) -> None:
    return


def _empty(path: Path) -> None:
    path.touch()


def _foreign(path: Path) -> None:
    path.write_bytes(b"%PDF-1.7 not a database at all" * 100)


def _no_table(path: Path) -> None:
    makers.tiny_database(path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE historical_data")


def _no_column(path: Path) -> None:
    makers.tiny_database(path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("ALTER TABLE historical_data RENAME COLUMN volume TO amount")


def _damaged(path: Path) -> None:
    makers.tiny_database(path)
    content = bytearray(path.read_bytes())
    content[100:200] = b"\xff" * 100
    path.write_bytes(content)


def _folder(path: Path) -> None:
    path.mkdir()


TROUBLES = {
    "missing": (_missing, "database_missing"),
    "empty": (_empty, "database_schema"),
    "foreign": (_foreign, "database_unreadable"),
    "a table is missing": (_no_table, "database_schema"),
    "a column is missing": (_no_column, "database_schema"),
    "damaged": (_damaged, "database_unreadable"),
    "a folder": (_folder, "database_unreadable"),
}


@pytest.mark.parametrize(("spoil", "code"), TROUBLES.values(), ids=TROUBLES)
async def test_a_database_that_cannot_be_read(
    spoil: Any, code: str, aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    """The server runs, says what is wrong everywhere, and is right as soon as the file is."""
    path = tmp_path / "market.db"
    spoil(path)
    client = await aiohttp_client(create_app(make_settings(tmp_path, path)))
    body = {"instruments": [makers.NIFTY], "expiries": {makers.NIFTY: [makers.EXPIRY]}}
    for answer in (
        await client.get("/api/instruments"),
        await client.post("/api/export/start", json=body),
        await client.post("/api/export/preview", json=body),
        await client.post("/api/export/available-expiries", json={"instruments": [SENSEX]}),
    ):
        value = await refused(answer, 503, code)
        assert str(path) in value["error"]
    health = await client.get("/api/health")
    report = await health.json()
    assert (health.status, report["status"]) == (503, "degraded")
    assert report["database"]["code"] == code
    assert (await client.get("/export")).status == 200
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    good = makers.tiny_database(tmp_path / "good.db")
    os.replace(good, path)
    task = await finished(client, await start(client, body))
    assert task["status"] == "completed"
    assert (await client.get("/api/health")).status == 200


async def test_an_empty_market(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    with makers.Maker(path):
        pass
    client = await aiohttp_client(create_app(make_settings(tmp_path, path)))
    answer = await client.get("/api/instruments")
    found = await answer.json()
    assert answer.status == 200
    assert [one["expiries"] for one in found["instruments"]] == [0, 0, 0]
    assert found["database"]["newest_candle"] is None


@pytest.fixture
def exports(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "kept"
    folder.mkdir()
    yield folder
    folder.chmod(0o755)


async def test_an_exports_folder_that_is_a_file(
    aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path
) -> None:
    (tmp_path / "taken").touch()
    settings = make_settings(tmp_path, sample, exports=tmp_path / "taken")
    client = await aiohttp_client(create_app(settings))
    body = await everything(client, SENSEX)
    value = await refused(await client.post("/api/export/start", json=body), 503, "storage_denied")
    assert "taken" in value["error"]
    assert (await (await client.get("/api/export/tasks")).json())["tasks"] == []


async def test_a_disk_without_room_is_said_before_the_start(
    aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path
) -> None:
    room = shutil.disk_usage(tmp_path).total
    client = await aiohttp_client(create_app(make_settings(tmp_path, sample, keep_free=room)))
    body = await everything(client, SENSEX)
    await refused(await client.post("/api/export/start", json=body), 507, "storage_full")
    report = await (await client.get("/api/health")).json()
    assert (report["status"], report["disk"]["ok"]) == ("degraded", False)


async def test_more_rows_than_allowed(
    aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path
) -> None:
    client = await aiohttp_client(create_app(make_settings(tmp_path, sample, max_rows=10)))
    task = await finished(client, await start(client, await everything(client, SENSEX)))
    assert (task["status"], task["error_code"]) == ("failed", "too_many_rows")
    assert "10 at once" in task["error"]


async def test_health_and_metrics_tell_the_same(
    aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path
) -> None:
    settings = make_settings(tmp_path, sample, max_queue=77, memory_limit=1 << 40)
    client = await aiohttp_client(create_app(settings))
    await finished(client, await start(client, await everything(client, SENSEX)))
    report = await (await client.get("/api/health")).json()
    assert (report["status"], report["problems"]) == ("ok", [])
    assert report["tasks"]["completed"] == 1
    assert report["queue"] == {"queued": 0, "processing": 0, "max_exports": 2, "max_queue": 77}
    answer = await client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = (await answer.text()).splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    named = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert {name.split("{")[0] for name in values} == named
    assert values["expirytrack_up"] == "1"
    assert values['expirytrack_tasks{state="completed"}'] == "1"
    assert values["expirytrack_queue_limit"] == "77"
    assert float(values["process_resident_memory_bytes"]) > 1e6
