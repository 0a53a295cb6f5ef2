"""The history page: live, filtered, paged, and everything that can be done from it."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Locator, expect

from tests.browser.visit import Visit, ask, everything, judge, status
from tests.makers import NIFTY, SENSEX
from tests.servers import Server


def row(visit: Visit, task_id: str) -> Locator:
    return visit.page.locator(f'#tasks tr[data-id="{task_id}"]')


def start(server: Server, *keys: str, format: str = "csv") -> str:
    body = everything(server, keys or (SENSEX,), format)
    return str(ask(server, "/api/export/start", body)["task_id"])


async def test_without_any_export(site: Server, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{site.url}/history")
    await expect(page.locator("#blank")).to_contain_text("No exports yet")
    await page.get_by_role("radio", name="Failed").check()
    await expect(page.locator("#blank")).to_contain_text("No export is failed")
    await page.locator("#blank").get_by_role("link", name="New export").click()
    await page.wait_for_url("**/export")
    await expect(page.locator("#instruments input").first).to_be_visible()


async def test_an_export_appears_by_itself_and_is_downloaded(
    site: Server, visit: Visit, sample: Path
) -> None:
    page = visit.page
    await page.goto(f"{site.url}/history")
    await expect(page.locator("#feed")).to_have_text("Live")
    task_id = start(site, NIFTY, format="json")
    line = row(visit, task_id)
    await expect(line.locator(".state")).to_have_text("Completed")
    await expect(line).to_contain_text("Nifty 50")
    task = status(site, task_id)
    await expect(line.locator(".history-rows")).to_have_text(f"{task['rows_done']:,}")
    await expect(line.locator("time")).to_have_text("just now")
    async with page.expect_download() as waiting:
        await line.get_by_role("link", name=re.compile("^Download")).click()
    got = await waiting.value
    assert got.suggested_filename == task["file_name"]
    judge(sample, task, Path(await got.path()).read_bytes())


async def test_a_running_export_moves_and_is_cancelled(slow_site: Server, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{slow_site.url}/history")
    first, second = start(slow_site, NIFTY), start(slow_site, NIFTY)
    await expect(row(visit, second).locator(".state")).to_have_text("Queued")
    await expect(row(visit, first).get_by_role("progressbar")).to_have_attribute(
        "aria-valuenow", re.compile(r"^[1-9]\d?$")
    )
    for task_id in (second, first):
        await row(visit, task_id).get_by_role("button", name=re.compile("^Cancel")).click()
        await page.locator("dialog").get_by_role("button", name="Cancel export").click()
        await expect(row(visit, task_id).locator(".state")).to_have_text("Cancelled")
    await row(visit, first).get_by_role("button", name=re.compile("^Retry")).click()
    await page.wait_for_url(lambda url: "task=" in url and first not in url)
    await expect(page.locator("#h-task")).to_have_text("Nifty 50 as CSV")


async def test_run_again_opens_the_wizard_with_the_same_choice(site: Server, visit: Visit) -> None:
    page = visit.page
    task_id = start(site, NIFTY, SENSEX, format="zip")
    await page.goto(f"{site.url}/history")
    await row(visit, task_id).get_by_role("link", name=re.compile("^Run again")).click()
    await expect(page.locator("#review")).to_contain_text("ZIP, one file per contract")
    await expect(page.locator("#review")).to_contain_text("Sensex")
    again = await visit.export()
    await visit.done()
    new, old = status(site, again)["spec"], status(site, task_id)["spec"]
    assert new["options"].pop("separate_files") is True
    assert old["options"].pop("separate_files") is None
    assert new == old


async def test_delete_asks_first(site: Server, visit: Visit) -> None:
    page = visit.page
    task_id = start(site)
    await page.goto(f"{site.url}/history")
    line = row(visit, task_id)
    await expect(line.locator(".state")).to_have_text("Completed")
    await line.get_by_role("button", name=re.compile("^Delete")).click()
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    await expect(line).to_be_visible()
    await line.get_by_role("button", name=re.compile("^Delete")).click()
    await page.locator("dialog").get_by_role("button", name="Delete").click()
    await expect(line).to_have_count(0)
    await expect(page.locator("#blank")).to_be_visible()
    assert ask(site, "/api/export/tasks")["tasks"] == []
    assert list(site.exports.glob("*/*")) == []


async def test_states_filter_and_older_ones_load(site: Server, visit: Visit) -> None:
    page = visit.page
    tasks = [start(site) for _ in range(53)]
    await page.goto(f"{site.url}/history")
    await expect(row(visit, tasks[-1]).locator(".state")).to_have_text("Completed")
    await page.get_by_role("radio", name="Failed").check()
    await expect(page.locator("#tasks tr")).to_have_count(0)
    await page.get_by_role("radio", name="Completed").check()
    await expect(page.locator("#tasks tr")).to_have_count(50)
    await page.locator("#more").click()
    await expect(page.locator("#tasks tr")).to_have_count(53)
    await expect(page.locator("#more")).to_be_hidden()
    shown = await page.locator("#tasks tr").evaluate_all("rows => rows.map(row => row.dataset.id)")
    assert shown == tasks[::-1]


async def test_removing_old_files_says_what_it_did(site: Server, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{site.url}/history")
    await page.locator("#purge").click()
    dialog = page.locator("dialog")
    await expect(dialog).to_contain_text("keeps finished files for ever")
    await dialog.get_by_role("button", name="Remove old files").click()
    await expect(page.locator("#notice")).to_contain_text("There was nothing to remove.")


async def test_a_lost_server_leaves_the_list_and_comes_back(site: Server, visit: Visit) -> None:
    visit.forgiven = ("ERR_CONNECTION_REFUSED", "WebSocket connection", "ERR_CONNECTION_RESET")
    page = visit.page
    task_id = start(site)
    await page.goto(f"{site.url}/history")
    await expect(row(visit, task_id).locator(".state")).to_have_text("Completed")
    site.kill()
    await expect(page.locator("#connection")).to_contain_text("The server does not answer")
    await expect(page.locator("#feed")).to_have_text("Reconnecting…")
    await expect(row(visit, task_id)).to_be_visible()
    site.start()
    await expect(page.locator("#connection")).to_be_empty()
    await expect(page.locator("#feed")).to_have_text("Live")
    later = start(site)
    await expect(row(visit, later).locator(".state")).to_have_text("Completed")


async def test_what_another_window_deleted(site: Server, visit: Visit) -> None:
    visit.forgiven = ("status of 404",)
    page = visit.page
    task_id = start(site)
    await page.goto(f"{site.url}/history")
    line = row(visit, task_id)
    await expect(line.locator(".state")).to_have_text("Completed")
    ask(site, f"/api/export/tasks/{task_id}", method="DELETE")
    await line.get_by_role("button", name=re.compile("^Delete")).click()
    await page.locator("dialog").get_by_role("button", name="Delete").click()
    await expect(line).to_have_count(0)
