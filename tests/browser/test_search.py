"""The history searched, filtered by its address, with notes, and two exports compared."""

from __future__ import annotations

import re

from playwright.async_api import Locator, expect

from tests.browser.visit import Visit, ask, everything, status
from tests.makers import NIFTY, SENSEX
from tests.servers import Server


def row(visit: Visit, task_id: str) -> Locator:
    return visit.page.locator(f'#tasks tr[data-id="{task_id}"]')


async def start(server: Server, visit: Visit, *keys: str, format: str = "csv") -> str:
    """An export that has ended."""
    task_id = str(ask(server, "/api/export/start", everything(server, keys, format))["task_id"])
    await visit.page.goto(f"{server.url}/export?task={task_id}")
    await visit.done()
    return task_id


async def test_a_search_stands_in_the_address(site: Server, visit: Visit) -> None:
    page = visit.page
    nifty = await start(site, visit, NIFTY)
    sensex = await start(site, visit, SENSEX, format="json")
    await page.goto(f"{site.url}/history")
    await expect(page.locator("#tasks tr")).to_have_count(2)
    await page.locator("#filter-q").fill("sensex")
    await expect(row(visit, nifty)).to_have_count(0)
    await expect(row(visit, sensex)).to_be_visible()
    assert page.url.endswith("/history?q=sensex")
    await page.reload()
    await expect(page.locator("#filter-q")).to_have_value("sensex")
    await expect(page.locator("#tasks tr")).to_have_count(1)
    await page.locator("#filter-q").fill("nothing like it")
    await expect(page.locator("#blank")).to_contain_text("Nothing is found")
    await page.get_by_role("button", name="Show everything").click()
    await expect(page.locator("#tasks tr")).to_have_count(2)
    assert page.url.endswith("/history")


async def test_filters_go_together_and_are_shared(site: Server, visit: Visit) -> None:
    page = visit.page
    nifty = await start(site, visit, NIFTY)
    await start(site, visit, SENSEX)
    await start(site, visit, NIFTY, format="json")
    await page.goto(f"{site.url}/history")
    await page.locator("#filters > summary").click()
    await page.locator("#filter-format").select_option("CSV")
    await page.locator("#filter-instrument").select_option("Nifty 50")
    await expect(page.locator("#tasks tr")).to_have_count(1)
    await expect(row(visit, nifty)).to_be_visible()
    await expect(page.locator("#filters-now")).to_have_text("2 filters")
    other = await visit.second_tab(page.url)
    await expect(other.locator("#tasks tr")).to_have_count(1)
    await expect(other.locator("#filter-instrument")).to_have_value(NIFTY)
    await page.locator("#filter-to").fill("2020-01-01")
    await expect(page.locator("#blank")).to_contain_text("Nothing is found")


async def test_a_new_export_is_judged_by_the_search(site: Server, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{site.url}/history?q=sensex")
    await expect(page.locator("#feed")).to_have_text("Live")
    ask(site, "/api/export/start", everything(site, [NIFTY]))
    sensex = ask(site, "/api/export/start", everything(site, [SENSEX]))["task_id"]
    await expect(row(visit, sensex).locator(".state")).to_have_text("Completed")
    await expect(page.locator("#tasks tr")).to_have_count(1)


async def test_a_note_is_written_in_place(site: Server, visit: Visit) -> None:
    page = visit.page
    task_id = await start(site, visit, SENSEX)
    await page.goto(f"{site.url}/history")
    line = row(visit, task_id)
    await line.get_by_role("button", name=re.compile("^Note")).press("Enter")
    await expect(line.locator("textarea")).to_be_focused()
    await page.keyboard.type("for the tax office")
    await page.keyboard.press("Enter")
    await expect(line.locator(".note-text")).to_have_text("for the tax office")
    await expect(line.get_by_role("button", name=re.compile("^Edit note"))).to_be_focused()
    assert status(site, task_id)["note"] == "for the tax office"
    await page.keyboard.press("Enter")
    await page.keyboard.type("never mind")
    await page.keyboard.press("Escape")
    await expect(line.locator(".note-text")).to_have_text("for the tax office")
    await page.locator("#filter-q").fill("tax")
    await expect(page.locator("#tasks tr")).to_have_count(1)
    await line.get_by_role("button", name=re.compile("^Edit note")).click()
    await line.locator("textarea").fill("")
    await line.get_by_role("button", name="Save").click()
    await expect(line.locator(".note-text")).to_be_hidden()
    assert status(site, task_id)["note"] is None


async def test_two_exports_are_compared(site: Server, visit: Visit) -> None:
    page = visit.page
    first = await start(site, visit, NIFTY, format="zip")
    second = await start(site, visit, NIFTY, SENSEX, format="zip")
    await page.goto(f"{site.url}/history")
    await row(visit, second).get_by_role("checkbox").check()
    await expect(page.locator("#chosen")).to_contain_text("Choose a second export")
    await row(visit, first).get_by_role("checkbox").press("Space")
    await page.get_by_role("link", name="Compare", exact=True).click()
    await page.wait_for_url(f"**/compare?a={first}&b={second}")
    await expect(page.locator("#verdict")).to_contain_text("more in the second")
    more = status(site, second)["rows_done"] - status(site, first)["rows_done"]
    await expect(page.locator("#comparison")).to_contain_text(f"(+{more:,})")
    await expect(page.get_by_role("row", name="Expiries of Sensex")).to_be_visible()
    await expect(page.locator("#comparison")).to_contain_text("Only in the second")
    await page.goto(f"{site.url}/compare?a={first}&b={first}")
    await expect(page.locator("#verdict")).to_have_text("The same file, byte for byte.")


async def test_a_comparison_with_what_is_gone(site: Server, visit: Visit) -> None:
    visit.forgiven = ("status of 404",)
    unknown = "00000000-0000-4000-8000-000000000000"
    await visit.page.goto(f"{site.url}/compare?a={unknown}&b={unknown}")
    await expect(visit.page.locator("#notice")).to_contain_text("Comparing failed.")
    await visit.page.goto(f"{site.url}/compare")
    await expect(visit.page.locator("#verdict")).to_have_text("Choose two exports in the history.")
