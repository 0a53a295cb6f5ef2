"""When something is wrong the page says what happened and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.visit import Visit, ask, everything
from tests.makers import NIFTY, Maker, plain, stamp
from tests.servers import Server

OFFLINE = ("ERR_CONNECTION_REFUSED", "WebSocket connection", "ERR_CONNECTION_RESET")
REFUSED = ("status of 4", "status of 5")


async def test_an_empty_database(visit: Visit, tmp_path: Path) -> None:
    with Maker(tmp_path / "empty.db"):
        pass
    with Server(tmp_path / "site", tmp_path / "empty.db") as server:
        page = visit.page
        await page.goto(f"{server.url}/export")
        notice = page.locator("#notice-instruments")
        await expect(notice).to_contain_text("This database has no contracts yet.")
        await expect(notice).to_contain_text("empty.db")
        await expect(page.locator("#instrument-picker")).to_be_hidden()
        assert await visit.violations() == []
        async with page.expect_response("**/api/instruments"):
            await notice.get_by_role("button", name="Refresh").click()
        await visit.leave()


async def test_a_missing_database(visit: Visit, tmp_path: Path, sample: Path) -> None:
    visit.forgiven = REFUSED
    path = tmp_path / "later.db"
    with Server(tmp_path / "site", path) as server:
        page = visit.page
        await page.goto(f"{server.url}/export")
        notice = page.locator("#notice-instruments")
        await expect(notice).to_contain_text("Opening the database failed.")
        await expect(notice).to_contain_text("later.db")
        assert await visit.violations() == []
        await page.goto(f"{server.url}/status")
        await expect(page.locator("#status-lede")).to_have_text("Something needs attention.")
        await expect(page.locator("#cards")).to_contain_text("Put the database back")
        assert await visit.violations() == []
        await page.goto(f"{server.url}/export")
        await expect(notice).to_be_visible()
        path.write_bytes(sample.read_bytes())
        await notice.get_by_role("button", name="Try again").click()
        await expect(page.locator("#instruments input").first).to_be_visible()
        await expect(notice).to_be_hidden()
        await visit.leave()


async def test_a_failed_export(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "bad.db"
    with Maker(path, loose=True) as made:
        made.instrument(NIFTY, "NIFTY")
        made.contract(candles=[*plain(3), (stamp(9), "abc", 1, 1, 1, 1, 1)])
    with Server(tmp_path / "site", path) as server:
        page = visit.page
        body = everything(server, [NIFTY])
        task_id = ask(server, "/api/export/start", body)["task_id"]
        await page.goto(f"{server.url}/export?task={task_id}")
        box = page.locator("#task .message.error")
        await expect(box).to_contain_text("abc")
        await expect(box).to_contain_text("Let the collector fetch that contract again")
        await expect(box).to_contain_text("bad_row")
        await expect(page).to_have_title("Failed · ExpiryTrack Export")
        assert await visit.violations() == []
        await page.goto(f"{server.url}/history")
        await expect(page.locator("#tasks tr")).to_contain_text("abc")
        await expect(page.get_by_role("button", name=re.compile("^Retry"))).to_be_visible()
        assert await visit.violations() == []
        await visit.leave()


async def test_an_export_that_does_not_exist(site: Server, visit: Visit) -> None:
    visit.forgiven = REFUSED
    page = visit.page
    for wrong in ("7f6f7a52-0f4e-4b33-9b2a-0a3f2f0c5d11", "..%2F..%2Fetc", "x"):
        await page.goto(f"{site.url}/export?task={wrong}")
        await expect(page.locator("#h-task")).to_have_text("No such export")
        await expect(page.get_by_role("link", name="New export")).to_be_visible()
    assert await visit.violations() == []
    await page.goto(f"{site.url}/export?from=7f6f7a52-0f4e-4b33-9b2a-0a3f2f0c5d11")
    await expect(page.locator("#notice-instruments")).to_contain_text(
        "Taking over the earlier export failed."
    )


async def test_a_lost_server_and_its_return(site: Server, visit: Visit) -> None:
    visit.forgiven = OFFLINE
    page = visit.page
    await visit.to_review(site, "Sensex")
    site.kill()
    await page.locator("#next").click()
    banner = page.locator("#connection")
    await expect(banner).to_contain_text("The server does not answer.")
    await expect(page.locator("#notice-review")).to_contain_text("instead of starting twice")
    assert await visit.violations() == []
    site.start()
    await expect(banner).to_be_empty()
    await visit.export()
    await visit.done()


async def test_a_page_opened_before_the_server_fails_comes_to_life(
    site: Server, visit: Visit
) -> None:
    """The list of instruments is asked for again when the server is back."""
    visit.forgiven = (*OFFLINE, "ERR_FAILED")
    page = visit.page
    await page.route("**/api/**", lambda route: route.abort())
    await page.goto(f"{site.url}/export")
    await expect(page.locator("#connection")).to_contain_text("The server does not answer.")
    await page.unroute("**/api/**")
    await page.get_by_role("button", name="Try now").click()
    await expect(page.locator("#instruments input").first).to_be_visible()
    await expect(page.locator("#connection")).to_be_empty()


async def test_a_refused_start_names_every_problem(site: Server, visit: Visit) -> None:
    visit.forgiven = REFUSED
    page = visit.page
    await visit.to_review(site, "Sensex")

    await page.route(
        "**/api/export/start",
        lambda route: route.continue_(post_data='{"instruments": ["NSE_INDEX|X"], "format": "x"}'),
    )
    await page.locator("#next").click()
    notice = page.locator("#notice-review")
    await expect(notice).to_contain_text("Starting the export failed.")
    assert await notice.locator("li").count() > 1
    await expect(page.locator("#step-review")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1280])
async def test_names_from_the_database_stay_text(
    width: int, tmp_path: Path, browser: Browser
) -> None:
    """Whatever an instrument is called, it is shown as it is and pushes nothing aside."""
    markup = '<img src=x onerror="document.title=1"><b>'
    endless = "A" * 200
    with Maker(tmp_path / "odd.db") as made:
        for number, symbol in enumerate((markup, endless, "M&M", "=1+1", "نفتی", "🐂")):
            key = f"NSE_EQ|{number}"
            made.instrument(key, symbol)
            made.contract(key, trading_symbol="M&M 22700 CE", candles=plain(2))
    with Server(tmp_path / "site", tmp_path / "odd.db") as server:
        visit = await Visit.open(browser, width=width)
        page = visit.page
        await visit.start(server)
        await expect(page.locator("#instruments")).to_contain_text(markup)
        assert await page.locator("main img, main b").count() == 0
        await page.locator("#select-all").check()
        assert await visit.overflow() == 0
        await visit.forward("expiries")
        await page.locator("#expiries-all").click()
        assert await visit.overflow() == 0
        await visit.forward("options")
        await visit.forward("review")
        await expect(page.locator("#review")).to_contain_text(markup)
        assert await visit.overflow() == 0
        await visit.export()
        await visit.done()
        assert await visit.overflow() == 0
        await page.goto(f"{server.url}/history")
        await expect(page.locator("#tasks tr")).to_contain_text(markup)
        assert await visit.overflow() == 0
        assert await page.locator("main img, main b").count() == 0
        await visit.close()
    assert visit.complaints == []
