"""Formats over HTTP: what is offered, what it is served as, and what is said where one lacks."""

from __future__ import annotations

import html
import sys
from typing import Any

import pytest

from exporter.formats.registry import FORMATS
from exporter.model import FileFormat
from tests.integration.calls import SENSEX, Client, everything, finished, refused, start


@pytest.mark.parametrize("kind", list(FileFormat))
async def test_each_is_served_as_what_it_is(kind: FileFormat, client: Client) -> None:
    task = await finished(
        client, await start(client, await everything(client, SENSEX, format=kind))
    )
    assert task["status"] == "completed"
    answer = await client.get(f"/api/export/download/{task['task_id']}")
    assert answer.content_type == FORMATS[kind].media_type
    assert await answer.read()


@pytest.mark.parametrize(("kind", "library"), [("parquet", "pyarrow"), ("xlsx", "xlsxwriter")])
async def test_what_is_not_installed_is_shown_with_the_command(
    kind: str, library: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    options: Any = await (await client.get("/api/options")).json()
    (shown,) = [one for one in options["formats"] if one["name"] == kind]
    assert not shown["installed"]
    page = html.unescape(await (await client.get("/export")).text())
    assert f"<code>{shown['install']}</code>" in page
    body = await everything(client, SENSEX, format=kind)
    answer = await client.post("/api/export/start", json=body)
    assert shown["install"] in (await refused(answer, 501, "not_installed"))["error"]
