"""A wall clock that is set while tasks run: what is ordered or measured does not go by it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from exporter.model import IST
from exporter.sources.fingerprint import fingerprint
from server.app import create_app
from server.context import CONTEXT
from server.settings import Settings
from tests import makers
from tests.conftest import AiohttpClient, make_settings
from tests.integration.calls import SENSEX, everything, finished, start, status

MIDNIGHT = datetime(2026, 3, 1, tzinfo=IST)


class Clock:
    """In place of `now_ist`; stands still until it is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
        self.now = now
        monkeypatch.setattr("server.runner.now_ist", lambda: self.now)


async def test_across_midnight_and_an_hour_back(
    aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, MIDNIGHT - timedelta(milliseconds=1))
    client = await aiohttp_client(create_app(make_settings(tmp_path, sample)))
    body = await everything(client, SENSEX)
    ids = [await start(client, body)]
    clock.now = MIDNIGHT
    first = await finished(client, ids[0])
    # A name and what stands in a file are of the moment of acceptance, whenever it ends.
    assert "_20260228_235959" in first["file_name"]
    assert first["created_at"] == "2026-02-28T23:59:59.999+05:30"
    clock.now -= timedelta(hours=1)
    ids.append(await start(client, body))
    second = await finished(client, ids[1])
    assert second["created_at"] < first["created_at"]
    assert second["seq"] > first["seq"]
    listed = await (await client.get("/api/export/tasks")).json()
    assert [task["task_id"] for task in listed["tasks"]] == ids[::-1]
    for task in (first, second):
        assert 0 < task["work_s"] < 60
        assert task["rate"] == pytest.approx(task["rows_done"] / task["work_s"], rel=0.01)
    await client.close()
    limited = make_settings(tmp_path, sample, keep_bytes=second["size"], keep_days=0)
    client = await aiohttp_client(create_app(limited))
    await client.post("/api/admin/purge")
    # The one that was accepted first is the older one, though it seems to have ended later.
    assert [(await status(client, one))["status"] for one in ids] == ["expired", "completed"]


async def test_changes_are_counted_on_after_a_restart(
    aiohttp_client: AiohttpClient, settings: Settings
) -> None:
    """No number comes twice, even if those that jobs told last were not kept."""
    app = create_app(settings)
    client = await aiohttp_client(app)
    task = await finished(client, await start(client, await everything(client, SENSEX)))
    told = [app[CONTEXT].store.next_seq() for _ in range(10_000)]
    assert task["seq"] < told[0]
    assert told == sorted(set(told))
    await client.close()
    app = create_app(settings)
    await aiohttp_client(app)
    assert app[CONTEXT].store.next_seq() > told[-1]


def test_a_database_from_the_future_is_at_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock was set back by an hour after its last write; that must not stop a resume."""
    path = makers.tiny_database(tmp_path / "market.db")
    written = path.stat().st_mtime_ns
    hour, instant = 3600 * 10**9, 10**6
    for since, settled in ((hour, True), (-hour, True), (instant, False), (-instant, False)):
        monkeypatch.setattr(time, "time_ns", partial(int, written + since))
        assert fingerprint(path).settled is settled
