"""Templates: saved in the wizard, run, changed, renamed, deleted, and carried as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, expect

from tests.browser.visit import Visit, ask, status
from tests.makers import NIFTY, SENSEX
from tests.servers import Server

REQUEST: dict[str, Any] = {
    "instruments": [NIFTY, SENSEX], "expiry_rule": {"last": 1}, "format": "zip", "options": {},
}  # fmt: skip


def keep(server: Server, name: str = "Weekly backup", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = ask(
        server, "/api/templates", {"name": name, "request": REQUEST | more, "note": None}
    )
    return made


def entry(visit: Visit, name: str) -> Locator:
    return visit.page.locator(".entry").filter(has=visit.page.get_by_role("heading", name=name))


async def test_a_configuration_is_saved_in_the_wizard_and_run(site: Server, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{site.url}/templates")
    await page.locator("#blank").get_by_role("link", name="Open the wizard").click()
    await visit.choose("Nifty 50", "Sensex")
    await visit.forward("expiries")
    await page.get_by_role("radio", name="By a rule").check()
    await page.locator("#rule-last").fill("1")
    await expect(page.locator("#rule-now-title")).to_have_text("Today that is 2 expiries")
    await visit.forward("options")
    await page.locator("#format-zip").check()
    await visit.forward("review")
    await expect(page.locator("#review")).to_contain_text("The last expiry. Today:")
    await page.get_by_role("button", name="Save as a template").click()
    dialog = page.locator("dialog")
    await dialog.get_by_role("button", name="Save template").click()
    await expect(dialog.get_by_label("Name")).to_be_focused()
    await dialog.get_by_label("Name").fill("Newest of both")
    await dialog.get_by_label("Note").fill("for the archive")
    await page.keyboard.press("Tab")
    await dialog.get_by_role("button", name="Save template").click()
    await page.locator("#notice-review").get_by_role("link", name="Templates").click()
    line = entry(visit, "Newest of both")
    await expect(line).to_contain_text("Nifty 50, Sensex · the last expiry · ZIP")
    await expect(line).to_contain_text("for the archive")
    [kept] = ask(site, "/api/templates")["templates"]
    assert kept["request"]["expiry_rule"] == {"last": 1}
    await line.get_by_role("button", name="Run").click()
    await page.wait_for_url("**/export?task=*")
    await visit.done()
    task = status(site, page.url.rpartition("=")[2])
    assert task["template_id"] == kept["id"]
    assert [len(days) for days in task["spec"]["expiries"].values()] == [1, 1]


async def test_a_template_is_changed_in_the_wizard(site: Server, visit: Visit) -> None:
    page = visit.page
    made = keep(site)
    await page.goto(f"{site.url}/templates")
    await entry(visit, "Weekly backup").get_by_role("link", name="Edit").click()
    await expect(page.locator("#review")).to_contain_text("The last expiry. Today:")
    await page.get_by_role("button", name="Change instruments and expiries").click()
    await page.locator("#rule-days").fill("3650")
    await visit.forward("options")
    await visit.forward("review")
    await page.get_by_role("button", name="Save changes to “Weekly backup”").click()
    await expect(page.locator("#notice-review")).to_contain_text("“Weekly backup” was changed.")
    changed = ask(site, f"/api/templates/{made['id']}")
    assert changed["request"]["expiry_rule"] == {"days": 3650}
    assert changed["name"] == "Weekly backup"


async def test_a_name_that_is_taken_is_said_in_the_dialog(site: Server, visit: Visit) -> None:
    page = visit.page
    visit.forgiven = ("status of 409",)
    keep(site, "One")
    keep(site, "Two")
    await page.goto(f"{site.url}/templates")
    await entry(visit, "Two").get_by_role("button", name="Rename").click()
    dialog = page.locator("dialog")
    await dialog.get_by_label("Name").fill("One")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Saving failed.")
    await dialog.get_by_label("Name").fill("Three")
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    await expect(entry(visit, "Three").get_by_role("heading").get_by_role("link")).to_be_focused()
    assert [one["name"] for one in ask(site, "/api/templates")["templates"]] == ["One", "Three"]


async def test_deleting_asks_first_and_focus_goes_on(site: Server, visit: Visit) -> None:
    page = visit.page
    keep(site, "One")
    keep(site, "Two")
    await page.goto(f"{site.url}/templates")
    await entry(visit, "One").get_by_role("button", name="Delete").click()
    await page.keyboard.press("Escape")
    await expect(entry(visit, "One")).to_be_visible()
    await entry(visit, "One").get_by_role("button", name="Delete").click()
    await page.locator("dialog").get_by_role("button", name="Delete").click()
    await expect(page.locator(".entry")).to_have_count(1)
    await expect(entry(visit, "Two").get_by_role("heading").get_by_role("link")).to_be_focused()


async def test_a_file_leaves_and_comes_back(site: Server, visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    made = keep(site)
    await page.goto(f"{site.url}/templates")
    async with page.expect_download() as waiting:
        await entry(visit, "Weekly backup").get_by_role("link", name="File").click()
    got = await waiting.value
    assert got.suggested_filename.endswith(".json")
    document = json.loads(Path(await got.path()).read_text("utf-8"))
    assert document == {
        "expirytrack_template": 1, "name": "Weekly backup", "request": made["request"]
    }  # fmt: skip
    document["name"] = "From another machine"
    document["request"]["instruments"] = ["NSE_INDEX|Elsewhere"]
    file = tmp_path / "template.json"
    file.write_text(json.dumps(document), "utf-8")
    await page.locator("#import-file").set_input_files(file)
    await expect(page.locator("#notice")).to_contain_text("“From another machine” was imported.")
    line = entry(visit, "From another machine")
    await expect(line.get_by_role("note")).to_contain_text("Unknown instrument")


async def test_a_file_that_is_none_is_refused_with_its_problems(
    site: Server, visit: Visit, tmp_path: Path
) -> None:
    page = visit.page
    visit.forgiven = ("status of 400",)
    await page.goto(f"{site.url}/templates")
    await expect(page.locator("#blank")).to_be_visible()
    wrong = tmp_path / "wrong.json"
    wrong.write_text("not JSON", "utf-8")
    await page.locator("#import-file").set_input_files(wrong)
    await expect(page.locator("#notice")).to_contain_text("it does not hold JSON")
    wrong.write_text(json.dumps({"name": "", "request": {"format": "xlsx"}}), "utf-8")
    await page.locator("#import-file").set_input_files(wrong)
    await expect(page.locator("#notice")).to_contain_text("expirytrack_template must be 1")
    await expect(page.locator("#notice")).to_contain_text("Nothing was imported.")
    assert ask(site, "/api/templates")["templates"] == []
