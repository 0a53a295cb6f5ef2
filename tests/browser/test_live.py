"""An export under way: the bar, reloads, other tabs, a killed server, cancel and retry."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from playwright.async_api import Locator, Page, WebSocket, expect

from tests.browser.visit import EXPORT_MS, Visit, ask, judge, status
from tests.servers import Server

RUNNING = re.compile(r"^\d+ % · ExpiryTrack Export$")
OFFLINE = ("ERR_CONNECTION_REFUSED", "WebSocket connection", "ERR_CONNECTION_RESET")


def bar(page: Page) -> Locator:
    return page.locator("#task").get_by_role("progressbar")


async def moving(page: Page) -> None:
    """Until some rows are written, and not all."""
    await expect(bar(page)).to_have_attribute(
        "aria-valuenow", re.compile(r"^([5-9]|[1-8]\d)$"), timeout=EXPORT_MS
    )


async def test_the_bar_moves_through_the_websocket(
    slow_site: Server, visit: Visit, slow: Path
) -> None:
    page = visit.page
    frames: list[str] = []
    sockets: list[str] = []

    def follow(socket: WebSocket) -> None:
        sockets.append(socket.url)
        socket.on("framereceived", lambda frame: frames.append(str(frame)))

    page.on("websocket", follow)
    polled: list[str] = []
    page.on("request", lambda request: polled.append(request.url))
    await visit.to_review(slow_site, "Nifty 50")
    task_id = await visit.export()
    await moving(page)
    await expect(page).to_have_title(RUNNING)
    figures = page.locator("#task .figures")
    await expect(figures).to_contain_text("rows/s")
    await expect(page.locator(".task-rows")).to_have_text(re.compile(r"^[\d,]+ of 400,000 rows$"))
    await expect(page.locator(".task-now")).to_contain_text("NIFTY16SEP25C")
    await expect(page.locator(".feed-state")).to_have_text("Live")
    await visit.done()
    await expect(page.locator("#live")).to_contain_text("Export finished: 400,000 rows")
    await expect(page).to_have_title(re.compile(r"^Done: OpenAlgo_ExpiryTrack_Nifty_50_"))
    _, content = await visit.download()
    judge(slow, status(slow_site, task_id), content)
    assert sockets == [f"{slow_site.url.replace('http', 'ws')}/api/export/ws/{task_id}"]
    assert len(frames) > 5
    assert len([url for url in polled if "/status/" in url]) == 1


async def test_a_reload_and_a_second_tab_show_the_same_export(
    slow_site: Server, visit: Visit
) -> None:
    page = visit.page
    await visit.to_review(slow_site, "Nifty 50")
    task_id = await visit.export()
    await moving(page)
    before = int(await bar(page).get_attribute("aria-valuenow") or 0)
    await page.reload()
    assert page.url.endswith(f"?task={task_id}")
    await expect(bar(page)).to_have_attribute("aria-valuenow", re.compile(r"^[1-9]\d?$"))
    assert int(await bar(page).get_attribute("aria-valuenow") or 0) >= before
    other = await visit.second_tab(page.url)
    await expect(bar(other)).to_have_attribute("aria-valuenow", re.compile(r"^[1-9]\d?$"))
    for tab in (page, other):
        await expect(tab.locator("#sha256")).to_be_visible(timeout=EXPORT_MS)
    assert await page.locator("#sha256").inner_text() == await other.locator("#sha256").inner_text()
    await expect(page.locator("#h-task")).to_have_text("Nifty 50 as CSV")
    assert [task["task_id"] for task in ask(slow_site, "/api/export/tasks")["tasks"]] == [task_id]


async def test_a_killed_server_comes_back_and_the_export_ends(
    slow_site: Server, visit: Visit, slow: Path
) -> None:
    page = visit.page
    visit.forgiven = OFFLINE
    await visit.to_review(slow_site, "Nifty 50")
    task_id = await visit.export()
    await moving(page)
    await expect(bar(page)).to_have_attribute(
        "aria-valuenow", re.compile(r"^[2-9]\d$"), timeout=EXPORT_MS
    )
    slow_site.kill()
    await expect(page.locator("#connection")).to_contain_text("The server does not answer")
    slow_site.start()
    await expect(page.locator("#connection")).to_be_empty()
    await visit.done()
    await expect(page.locator("#task")).to_contain_text("Attempt 2")
    task = status(slow_site, task_id)
    assert task["attempt"] == 2
    _, content = await visit.download()
    judge(slow, task, content)
    assert hashlib.sha256(content).hexdigest() == task["sha256"]


async def test_cancel_asks_first_and_retry_runs_it_again(slow_site: Server, visit: Visit) -> None:
    page = visit.page
    await visit.to_review(slow_site, "Nifty 50")
    task_id = await visit.export()
    await moving(page)
    await page.get_by_role("button", name="Cancel export").click()
    await page.get_by_role("button", name="Keep running").click()
    await expect(page.locator("dialog")).to_have_count(0)
    assert status(slow_site, task_id)["cancel_requested"] is False
    await page.get_by_role("button", name="Cancel export").click()
    await page.locator("dialog").get_by_role("button", name="Cancel export").click()
    await expect(page.locator("#step-task .state")).to_have_text("Cancelled")
    await expect(page.locator("#task")).to_contain_text("This export was cancelled.")
    assert list(slow_site.exports.glob("*/*")) == []
    await page.get_by_role("button", name="Retry").click()
    await page.wait_for_url(lambda url: "task=" in url and task_id not in url)
    await visit.done()
    await page.go_back()
    await expect(page.locator("#step-task .state")).to_have_text("Cancelled")


async def test_a_lost_feed_is_replaced_by_asking(slow_site: Server, visit: Visit) -> None:
    """A proxy that lets no WebSocket through costs smoothness and nothing else."""
    page = visit.page
    await page.route_web_socket(re.compile("/api/export/ws"), lambda socket: socket.close())
    await visit.to_review(slow_site, "Nifty 50")
    await visit.export()
    await moving(page)
    await expect(page.locator(".feed-state")).to_have_text("Asking every second")
    await visit.done()


async def test_a_finished_export_is_announced_outside_the_window(
    slow_site: Server, visit: Visit
) -> None:
    """A notification where it is allowed, and only while nobody is looking."""
    page = visit.page
    await page.add_init_script(
        """
        window.shown = [];
        window.Notification = class extends EventTarget {
          static permission = 'default';
          static async requestPermission() { return (this.permission = 'granted'); }
          constructor(heading, { body }) { super(); window.shown.push(`${heading}: ${body}`); }
        };
        Object.defineProperty(document, 'hidden', { get: () => true });
        """
    )
    await visit.to_review(slow_site, "Nifty 50")
    await visit.export()
    await page.get_by_role("button", name="Notify me when it is done").click()
    await expect(page.get_by_role("button", name="Notify me")).to_have_count(0)
    await visit.done()
    shown = await page.evaluate("() => window.shown")
    assert len(shown) == 1
    assert re.fullmatch(r"Export done: OpenAlgo_\S+\.csv\n400,000 rows", shown[0])


async def test_the_live_region_says_little(slow_site: Server, visit: Visit) -> None:
    """Quarters and the end; a screen reader must not be talked over four times a second."""
    page = visit.page
    await visit.to_review(slow_site, "Nifty 50")
    await page.evaluate(
        """() => {
          window.said = [];
          const live = document.getElementById('live');
          new MutationObserver(() => window.said.push(live.textContent))
            .observe(live, { childList: true, characterData: true, subtree: true });
        }"""
    )
    await visit.export()
    await visit.done()
    said = await page.evaluate("() => window.said.filter(Boolean)")
    assert said[-1].startswith("Export finished")
    assert len(said) <= 4
