"""Templates: kept as they were written, checked at saving, and resolved when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.app import create_app
from server.context import CONTEXT
from tests.conftest import AiohttpClient, make_settings
from tests.integration.calls import NIFTY, SENSEX, Client, everything, finished, refused
from tests.makers import BANK, Maker, settle

RULE = {"instruments": [SENSEX], "expiry_rule": {"last": 2}, "format": "json"}


async def made(client: Client, name: str = "Two", request: Any = RULE, **how: Any) -> Any:
    answer = await client.post("/api/templates", json={"name": name, "request": request, **how})
    value = await answer.json()
    assert answer.status == 201, value
    return value


async def test_rules_stay_rules_and_are_resolved_when_they_run(client: Client) -> None:
    template = await made(client, note=" the newest two ")
    assert template["request"] == RULE
    assert (template["note"], template["problems"]) == ("the newest two", [])
    answer = await client.post(f"/api/templates/{template['id']}/run")
    assert answer.status == 202
    task = await finished(client, (await answer.json())["task_id"])
    newest = (await client.app[CONTEXT].database.catalogue()).expiries[SENSEX][:2]
    assert task["template_id"] == template["id"]
    assert sorted(task["spec"]["expiries"][SENSEX]) == sorted(day.isoformat() for day in newest)
    found = await (await client.get(f"/api/export/tasks?template={template['id']}")).json()
    assert [one["task_id"] for one in found["tasks"]] == [task["task_id"]]


async def test_list_change_and_delete(client: Client) -> None:
    for name in ("b", "A", "c"):
        await made(client, name)
    listed = await (await client.get("/api/templates")).json()
    assert [one["name"] for one in listed["templates"]] == ["A", "b", "c"]
    assert listed["next_cursor"] is None
    address = f"/api/templates/{listed['templates'][0]['id']}"
    changed = await client.put(address, json={"name": "z", "request": {**RULE, "format": "csv"}})
    value = await changed.json()
    assert (value["name"], value["request"]["format"]) == ("z", "csv")
    assert value["updated_at"] > value["created_at"]
    assert await (await client.get(address)).json() == value
    taken = {"name": "B", "request": RULE}
    await refused(await client.put(address, json=taken), 409, "conflict")
    await refused(await client.post("/api/templates", json=taken), 409, "conflict")
    assert await (await client.delete(address)).json() == value
    for call in (client.get, client.delete, client.post):
        path = f"{address}/run" if call == client.post else address
        await refused(await call(path), 404, "not_found")
    await refused(await client.get("/api/templates/..%2f"), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ([], 1),
        ({}, 2),
        ({"name": "x", "request": []}, 1),
        ({"name": "x\ny", "request": RULE}, 1),
        ({"name": "x" * 101, "request": RULE}, 1),
        ({"name": "x", "note": 5, "request": RULE}, 1),
        ({"name": "x", "request": RULE, "id": "mine"}, 1),
        ({"name": "x", "request": {**RULE, "instruments": ["NSE|Nothing"]}}, 1),
        ({"name": "x", "request": {**RULE, "format": "xml", "options": {"what": 1}}}, 2),
        ({"name": "x", "request": {"instruments": [SENSEX], "expiries": {}}}, 1),
    ],
)
async def test_what_cannot_be_kept(client: Client, body: Any, problems: int) -> None:
    value = await refused(await client.post("/api/templates", json=body), 400, "bad_input")
    assert len(value["problems"]) == problems
    assert (await (await client.get("/api/templates")).json())["templates"] == []


async def test_a_rule_that_nothing_meets_today_can_be_kept(client: Client) -> None:
    template = await made(client, request={**RULE, "expiry_rule": {"from": "2099-01-01"}})
    assert template["problems"] == []
    answer = await client.post(f"/api/templates/{template['id']}/run")
    await refused(answer, 400, "bad_input")


async def test_a_file_of_one_server_is_taken_by_another(
    client: Client, aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    template = await made(client, "Zwei für alle")
    answer = await client.get(f"/api/templates/{template['id']}/file")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''Zwei")
    document = await answer.json()
    assert document == {"expirytrack_template": 1, "name": "Zwei für alle", "request": RULE}
    await refused(await client.post("/api/templates/import", json=document), 409, "conflict")
    with Maker(tmp_path / "other.db") as maker:
        maker.instrument(BANK, "BANKNIFTY")
        maker.contract(instrument=BANK, trading_symbol="BANKNIFTY 50000 CE 16 SEP 25")
    other = await aiohttp_client(
        create_app(make_settings(tmp_path / "other", settle(tmp_path / "other.db")))
    )
    taken = await (await other.post("/api/templates/import", json=document)).json()
    assert taken["request"] == RULE
    assert taken["problems"] == [f"{SENSEX} has no contracts in this database"]
    # A name can change while the request does not fit.
    renamed = {"name": "Zwei", "request": RULE}
    assert (await other.put(f"/api/templates/{taken['id']}", json=renamed)).status == 200
    run = await other.post(f"/api/templates/{taken['id']}/run")
    await refused(run, 400, "bad_input")


@pytest.mark.parametrize(
    "document",
    [
        {"name": "x", "request": RULE},
        {"expirytrack_template": True, "name": "x", "request": RULE},
        {"expirytrack_template": 2, "name": "x", "request": RULE},
        {"expirytrack_template": 1, "name": "x", "request": {**RULE, "format": "xml"}},
        {"expirytrack_template": 1, "name": "x", "request": {**RULE, "expiry_rule": {"last": 0}}},
        {"expirytrack_template": 1, "name": "x"},
        {"expirytrack_template": 1, "name": "x", "request": {"instruments": "x", "expiries": 5}},
    ],
)
async def test_a_file_that_is_no_template(client: Client, document: Any) -> None:
    await refused(await client.post("/api/templates/import", json=document), 400, "bad_input")


async def test_dates_that_another_database_has_are_kept(client: Client) -> None:
    days = {NIFTY: ["2031-01-02"], "NSE|Elsewhere": []}
    request = {"instruments": [NIFTY, "NSE|Elsewhere"], "expiries": days, "format": "csv"}
    document = {"expirytrack_template": 1, "name": "Later", "request": request}
    taken = await (await client.post("/api/templates/import", json=document)).json()
    assert taken["problems"] == [
        "unknown instrument 'NSE|Elsewhere'", f"{NIFTY} has no expiry 2031-01-02",
    ]  # fmt: skip


async def test_templates_can_be_seen_without_the_database(client: Client, tmp_path: Path) -> None:
    body = await everything(client, SENSEX)
    template = await made(client, request=body)
    have = client.app[CONTEXT]
    await have.database.close()
    have.database.path = tmp_path / "gone.db"
    listed = await (await client.get("/api/templates")).json()
    assert [one["id"] for one in listed["templates"]] == [template["id"]]
