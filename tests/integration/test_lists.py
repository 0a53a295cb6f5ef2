"""Lists in pages, and 304 where nothing has changed: one behaviour for all of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from yarl import URL

from exporter.model import IST
from server.app import create_app
from server.settings import Settings
from tests.conftest import AiohttpClient
from tests.integration.calls import NIFTY, SENSEX, Client, everything, finished, refused, start

LISTS = {
    "instruments": "/api/instruments",
    "expiries": "/api/expiries",
    "tasks": "/api/export/tasks",
    "templates": "/api/templates",
    "schedules": "/api/schedules",
    "runs": "/api/schedules/{id}/runs",
}


async def fill(client: Client, path: str) -> str:
    """Three of what the list holds; the list's address."""
    request = {"instruments": [SENSEX], "expiry_rule": {"last": 1}}
    if path == "/api/export/tasks":
        for _ in range(3):
            await finished(client, await start(client, await everything(client, SENSEX)))
    if path == "/api/templates":
        for name in ("One", "two", "Three"):
            answer = await client.post(path, json={"name": name, "request": request})
            assert answer.status == 201
    if path.startswith("/api/schedules"):
        for name in ("One", "two", "Three"):
            body = {"name": name, "cron": "0 9 * * 1", "request": request}
            answer = await client.post("/api/schedules", json=body)
            assert answer.status == 201
        path = path.replace("{id}", (await answer.json())["id"])
    if path.endswith("/runs"):
        for _ in range(3):
            answer = await client.post(path.removesuffix("s"))
            assert answer.status == 202
            await finished(client, (await answer.json())["task_id"])
    return path


async def walk(client: Client, path: str, name: str, limit: int) -> tuple[list[Any], int]:
    """All items by the Link header alone, and how many pages there were."""
    items: list[Any] = []
    pages, following = 0, f"{path}?limit={limit}"
    while following:
        answer = await client.get(following)
        page = await answer.json()
        assert answer.status == 200, page
        items += page[name]
        pages += 1
        link = answer.links.get("next")
        assert (link is None) == (page["next_cursor"] is None)
        following = str(URL(link["url"]).relative()) if link else ""
    return items, pages


@pytest.mark.parametrize(("name", "path"), LISTS.items(), ids=LISTS)
async def test_pages_together_are_the_whole(name: str, path: str, client: Client) -> None:
    path = await fill(client, path)
    whole = (await (await client.get(path)).json())[name]
    assert len(whole) >= 3
    for limit in (1, 2, len(whole), len(whole) + 1):
        items, pages = await walk(client, path, name, limit)
        assert items == whole
        assert pages == -(-len(whole) // limit)


@pytest.mark.parametrize(("name", "path"), LISTS.items(), ids=LISTS)
async def test_nothing_is_sent_twice(name: str, path: str, client: Client) -> None:
    path = await fill(client, path)
    answer = await client.get(path, params={"limit": 2})
    tag = answer.headers["ETag"]
    assert tag.startswith('"')
    assert answer.headers["Cache-Control"] == "private, no-cache"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await client.get(path, params={"limit": 2}, headers={"If-None-Match": known})
        assert (again.status, await again.read()) == (304, b"")
        assert again.headers["ETag"] == tag
    other = await client.get(path, params={"limit": 1}, headers={"If-None-Match": tag})
    assert other.status == 200
    assert other.headers["ETag"] != tag
    none = await client.get(path, params={"limit": 2}, headers={"If-None-Match": '"x"'})
    assert none.status == 200


@pytest.mark.parametrize(("name", "path"), LISTS.items(), ids=LISTS)
async def test_a_list_refuses_what_it_does_not_know(name: str, path: str, client: Client) -> None:
    path = await fill(client, path)
    for query in ("limit=0", "limit=1001", "limit=x", "limit=-1", "page=2", "cursor=%21"):
        await refused(await client.get(f"{path}?{query}"), 400, "bad_input")


async def test_every_change_of_a_task_changes_the_tag(client: Client) -> None:
    """Started, running, ended, written on, removed: no old page is taken for the new one."""
    seen: list[str] = []

    async def look() -> None:
        answer = await client.get("/api/export/tasks")
        assert answer.status == 200
        seen.append(answer.headers["ETag"])

    await look()
    task_id = await start(client, await everything(client, SENSEX))
    await look()
    await finished(client, task_id)
    await look()
    await client.patch(f"/api/export/tasks/{task_id}", json={"note": "seen"})
    await look()
    await client.delete(f"/api/export/tasks/{task_id}")
    await look()
    assert len(set(seen)) == len(seen)
    await look()
    assert seen[-1] == seen[-2]


async def test_expiries_of_one_instrument(client: Client) -> None:
    answer = await client.post("/api/export/available-expiries", json={"instruments": [NIFTY]})
    wanted = (await answer.json())[NIFTY]
    page = await (await client.get("/api/expiries", params={"instrument": NIFTY})).json()
    assert page["expiries"] == [{"instrument": NIFTY, "expiry": day} for day in wanted]
    answer = await client.get("/api/expiries", params={"instrument": "NSE|Nobody"})
    await refused(answer, 400, "bad_input")


async def test_the_next_slots_of_schedules_make_the_tag_old(
    aiohttp_client: AiohttpClient, settings: Settings
) -> None:
    """Nothing is written when a minute ends, but what runs next is another moment."""
    now = datetime(2025, 9, 15, 8, 59, 30, tzinfo=IST)
    client = await aiohttp_client(create_app(settings, clock=lambda: now))
    body = {"name": "One", "cron": "0 9 * * 1", "request": {"instruments": [SENSEX],
            "expiry_rule": {"last": 1}}, "paused": True}  # fmt: skip
    assert (await client.post("/api/schedules", json=body)).status == 201
    tag = (await client.get("/api/schedules")).headers["ETag"]
    known = {"If-None-Match": tag}
    assert (await client.get("/api/schedules", headers=known)).status == 304
    now += timedelta(minutes=1)
    assert (await client.get("/api/schedules", headers=known)).status == 200
