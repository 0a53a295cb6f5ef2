"""An export that would not fit is refused with the estimate, before there is a task of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.app import create_app
from server.artefacts import Artefacts
from tests.conftest import AiohttpClient, make_settings
from tests.integration.calls import SENSEX, Client, everything, finished, refused, start


@pytest.fixture
async def opened(aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path) -> Client:
    settings = make_settings(tmp_path, sample, keep_free=1_000_000)
    client: Client = await aiohttp_client(create_app(settings))
    return client


def _disk(monkeypatch: pytest.MonkeyPatch, *free: int) -> None:
    """A disk with so many free bytes each time it is looked at; the last figure stays."""
    left = list(free)
    monkeypatch.setattr(
        Artefacts, "usage", lambda self: (left.pop(0) if len(left) > 1 else left[0], 10**9)
    )


async def _tasks(client: Client) -> Any:
    return (await (await client.get("/api/export/tasks")).json())["tasks"]


@pytest.mark.parametrize("format", ["csv", "json", "zip"])
async def test_more_than_there_is_room_for(
    format: str, opened: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = await everything(opened, SENSEX, format=format)
    shown = await (await opened.post("/api/export/preview", json=body)).json()
    size = shown["sizes"][format]
    _disk(monkeypatch, 1_000_000 + size - 1)
    answer = await opened.post("/api/export/start", json=body)
    value = await refused(answer, 507, "storage_full")
    assert "the export would have about" in value["error"]
    assert "1.0 MB to keep free" in value["error"]
    assert await _tasks(opened) == []
    _disk(monkeypatch, 1_000_000 + size)
    task = await finished(opened, await start(opened, body))
    assert task["status"] == "completed"


async def test_a_disk_that_filled_up_while_the_export_waited(
    opened: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run itself looks again, and nothing is written."""
    body = await everything(opened, SENSEX)
    _disk(monkeypatch, 10**9, 0)
    task = await finished(opened, await start(opened, body))
    assert (task["status"], task["error_code"]) == ("failed", "storage_full")
    assert "the export would have about" in task["error"]
    assert task["bytes_done"] == 0
