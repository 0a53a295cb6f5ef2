"""The page of the API: by mouse and by keyboard, at every width, in both themes."""

from __future__ import annotations

import json
import shlex

import pytest
from playwright.async_api import Browser, expect

from tests.browser.visit import Theme, Visit, ask
from tests.servers import Server


async def test_a_call_can_be_read_and_made(site: Server, visit: Visit) -> None:
    """Open a call, take its line for a shell, and make it: the server answers as it says."""
    page = visit.page
    await page.goto(f"{site.url}/api")
    await expect(page.get_by_role("heading", name="API", exact=True)).to_be_visible()
    call = page.locator("#exports_start")
    await expect(call.locator("pre").first).to_be_hidden()
    await call.locator("summary").click()
    await expect(call).to_contain_text("Idempotency-Key")
    await expect(call).to_contain_text("202")
    words = shlex.split((await call.locator("pre").last.inner_text()).replace("\\\n", " "))
    path = words[-1].removeprefix("http://127.0.0.1:5000")
    body = json.loads(words[words.index("-d") + 1])
    task_id = ask(site, path, body, words[words.index("-X") + 1])["task_id"]
    assert ask(site, f"/api/export/status/{task_id}")["task_id"] == task_id


async def test_every_call_and_every_link_leads_somewhere(site: Server, visit: Visit) -> None:
    page = visit.page
    document = ask(site, "/api/openapi.json")
    await page.goto(f"{site.url}/api")
    calls = sum(len(methods) for methods in document["paths"].values())
    await expect(page.locator("details.api-call")).to_have_count(calls)
    lost = await page.evaluate(
        """() => [...document.querySelectorAll('main a[href^="#"]')]
            .map((link) => link.getAttribute('href'))
            .filter((href) => !document.getElementById(href.slice(1)))"""
    )
    assert lost == []
    await expect(page.get_by_role("link", name="OpenAPI document")).to_have_attribute(
        "href", "/api/openapi.json"
    )


async def test_an_address_opens_its_call(site: Server, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{site.url}/api#exports_tasks")
    await expect(page.locator("#exports_tasks")).to_have_attribute("open", "")
    await expect(page.locator("#exports_tasks summary")).to_be_in_viewport()
    await page.locator("#exports_tasks").get_by_role("link", name="Tasks", exact=True).click()
    await expect(page.locator("#shape-Tasks")).to_be_in_viewport()


async def test_the_keyboard_alone_opens_a_call(site: Server, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{site.url}/api")
    first = page.locator("details.api-call").first
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await first.locator("summary").evaluate("node => node === document.activeElement"):
            break
    await page.keyboard.press("Enter")
    await expect(first).to_have_attribute("open", "")
    await page.keyboard.press("Enter")
    await expect(first).not_to_have_attribute("open", "")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_axe_finds_nothing_with_every_call_open(
    width: int, theme: Theme, site: Server, browser: Browser
) -> None:
    visit = await Visit.open(browser, width=width, theme=theme)
    await visit.page.goto(f"{site.url}/api")
    assert await visit.overflow() == 0
    await visit.page.evaluate(
        "() => document.querySelectorAll('details').forEach((one) => { one.open = true; })"
    )
    assert await visit.overflow() == 0
    assert await visit.violations() == []
    await visit.close()
    assert visit.complaints == []
