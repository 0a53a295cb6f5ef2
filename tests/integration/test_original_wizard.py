"""ExpiryTrack's original wizard, as its browser code talks: four calls, and polling.

It sends checkbox values `instrument~~~expiry`, knows nothing of the newer fields, shows
`status_message` and `progress`, and follows `error` where a call fails.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.integration.calls import BANK, NIFTY, SENSEX, Client


async def poll(client: Client, task_id: str) -> Any:
    """Ask until the export is over; the original does it once a second."""
    async with asyncio.timeout(60):
        while True:
            answer = await client.get(f"/api/export/status/{task_id}")
            data = await answer.json()
            assert 0 <= data["progress"] <= 100
            assert data["status_message"]
            if data["status"] in ("completed", "failed"):
                return data


@pytest.mark.parametrize(
    ("format", "separate_files", "suffix"),
    [("csv", False, "csv"), ("json", False, "json"), ("zip", True, "zip"), ("zip", False, "zip")],
)
async def test_the_four_calls(
    format: str, separate_files: bool, suffix: str, client: Client
) -> None:
    answer = await client.post(
        "/api/export/available-expiries", json={"instruments": [NIFTY, BANK, SENSEX]}
    )
    available = await answer.json()
    ticked = [f"{key}~~~{day}" for key, days in available.items() for day in days[:1]]
    answer = await client.post(
        "/api/export/start",
        json={
            "instruments": [NIFTY, BANK, SENSEX],
            "expiries": ticked,
            "format": format,
            "options": {
                "include_openalgo": True,
                "include_metadata": False,
                "time_range": "all",
                "separate_files": separate_files,
            },
        },
    )
    task_id = (await answer.json())["task_id"]
    data = await poll(client, task_id)
    assert (data["status"], data["progress"], data["error"]) == ("completed", 100, None)
    assert data["file_path"]
    answer = await client.get(f"/api/export/download/{task_id}")
    assert answer.status == 200
    name = re.fullmatch(r'attachment; filename="(.+)"', answer.headers["Content-Disposition"])
    assert name
    assert re.fullmatch(rf"OpenAlgo_ExpiryTrack_All_\d{{8}}_\d{{6}}\.{suffix}", name[1])
    assert len(await answer.read()) == data["size"]


async def test_it_sends_instruments_of_which_nothing_is_ticked(client: Client) -> None:
    answer = await client.post("/api/export/available-expiries", json={"instruments": [NIFTY]})
    day = (await answer.json())[NIFTY][0]
    body = {"instruments": [NIFTY, BANK], "expiries": {NIFTY: [day], BANK: []}, "format": "csv",
            "options": {}}  # fmt: skip
    answer = await client.post("/api/export/start", json=body)
    data = await poll(client, (await answer.json())["task_id"])
    assert data["status"] == "completed"
    assert any(BANK in warning for warning in data["warnings"])


async def test_it_shows_the_text_of_an_error(client: Client) -> None:
    answer = await client.post("/api/export/start", json={"instruments": [], "expiries": {}})
    assert not answer.ok
    assert isinstance((await answer.json())["error"], str)
    missing = await client.get("/api/export/download/00000000-0000-4000-8000-000000000000")
    assert missing.status == 404
