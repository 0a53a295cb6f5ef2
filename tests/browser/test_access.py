"""For everybody: axe-core, the keyboard alone, every width, both themes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.browser.visit import Theme, Visit, ask, everything
from tests.makers import NIFTY
from tests.servers import Server

Look = Callable[[str], Awaitable[None]]


async def tour(server: Server, visit: Visit, look: Look) -> None:
    """Every page in each of its states; `look` is called in each."""
    page = visit.page
    await visit.start(server)
    await look("instruments")
    await page.locator("#search").fill("nothing like it")
    await look("nothing found")
    await page.locator("#search").fill("")
    await page.locator("#next").click()
    await look("a problem")
    await page.locator("#select-all").check()
    await visit.forward("expiries")
    await page.locator("#expiries-all").click()
    await expect(page.locator("#example-text")).to_contain_text("openalgo_symbol")
    await look("expiries")
    await page.get_by_role("radio", name="By a rule").check()
    await look("expiries by a rule")
    await page.get_by_role("radio", name="By date").check()
    await visit.forward("options")
    await page.locator("#separate_files-true").check()
    await page.get_by_role("radio", name="Dates…").check()
    await look("options")
    await page.locator("#part-columns > summary").click()
    await page.locator("#part-filters > summary").click()
    await page.locator("#as-close").fill("open")
    await look("columns and filters")
    await page.locator("#as-close").fill("")
    await page.get_by_role("radio", name="Days…").check()
    await page.locator("#format-json").check()
    await page.get_by_role("radio", name="All data").check()
    await look("options of JSON")
    await page.locator("#format-csv").check()
    await visit.forward("review")
    await page.locator("details.commands summary").click()
    await look("review")
    await page.get_by_role("button", name="Save as a template").click()
    await look("a name is asked for")
    await page.locator("dialog").get_by_label("Name").fill("Everything")
    await page.keyboard.press("Enter")
    await expect(page.locator("#notice-review")).to_contain_text("Saved as")
    await look("a template is saved")
    await visit.export()
    await visit.done()
    await look("done")
    await page.get_by_role("button", name="Delete").click()
    await look("a question")
    await page.keyboard.press("Escape")
    await page.goto(f"{server.url}/history")
    await expect(page.locator("#tasks tr")).not_to_have_count(0)
    await look("history")
    await page.locator("#filters > summary").click()
    await page.locator("#tasks input").first.check()
    await page.get_by_role("button", name="Note").first.click()
    await look("history with its filters, a note and a choice")
    task_id = await page.locator("#tasks tr").first.get_attribute("data-id")
    await page.get_by_role("radio", name="Expired").check()
    await expect(page.locator("#blank")).to_be_visible()
    await look("no history")
    await page.goto(f"{server.url}/compare?a={task_id}&b={task_id}")
    await expect(page.locator("#comparison")).to_contain_text("Both asked for the same.")
    await look("a comparison")
    await kept(server, visit, look)
    await page.goto(f"{server.url}/status")
    await expect(page.locator(".card")).to_have_count(6)
    await look("status")


async def kept(server: Server, visit: Visit, look: Look) -> None:
    """The pages of templates and schedules."""
    page = visit.page
    unfit = {"instruments": ["NSE_INDEX|Elsewhere"], "expiry_rule": {"last": 1}}
    document = {"expirytrack_template": 1, "name": "Does not fit", "request": unfit}
    ask(server, "/api/templates/import", document)
    await page.goto(f"{server.url}/templates")
    await expect(page.locator(".entry")).to_have_count(2)
    await look("templates")
    await page.get_by_role("link", name="Schedule: Everything").click()
    await expect(page.locator("#reading-next li")).to_have_count(5)
    await page.locator("#part-rules > summary").click()
    await look("the form of a schedule")
    await page.locator("#save").click()
    await page.get_by_role("button", name="Run now").click()
    await expect(page.locator(".when .state")).to_have_text("Completed")
    for summary in await page.locator(".entry details > summary").all():
        await summary.click()
    await expect(page.locator(".runs tbody tr")).to_have_count(1)
    await look("schedules")
    await page.get_by_role("button", name="Pause").click()
    await expect(page.locator(".entry")).to_contain_text("Paused")
    await look("a paused schedule")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing(theme: Theme, site: Server, browser: Browser) -> None:
    # So high that no bar stands over half a button, which would count as too small a target.
    visit = await Visit.open(browser, theme=theme, height=3600)
    found: dict[str, list[str]] = {}

    async def look(state: str) -> None:
        if wrong := await visit.violations():
            found[state] = wrong

    await tour(site, visit, look)
    await visit.close()
    assert found == {}
    assert visit.complaints == []


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_while_exports_run(
    theme: Theme, slow_site: Server, browser: Browser
) -> None:
    visit = await Visit.open(browser, theme=theme)
    page = visit.page
    tasks = [
        ask(slow_site, "/api/export/start", everything(slow_site, [NIFTY]))["task_id"]
        for _ in range(2)
    ]
    await page.goto(f"{slow_site.url}/history")
    await expect(page.locator("#tasks tr")).to_have_count(2)
    assert await visit.violations() == []
    for task_id, state in zip(tasks, ("Running", "Waiting"), strict=True):
        await page.goto(f"{slow_site.url}/export?task={task_id}")
        await expect(page.locator("#task")).to_contain_text(state)
        assert await visit.violations() == []
    await page.get_by_role("button", name="Cancel export").click()
    await page.locator("dialog").get_by_role("button", name="Cancel export").click()
    await expect(page.locator("#task")).to_contain_text("This export was cancelled.")
    assert await visit.violations() == []
    await visit.close()
    assert visit.complaints == []


@pytest.mark.parametrize("width", [320, 360, 768, 920, 1280, 2560])
async def test_no_page_is_wider_than_its_window(width: int, site: Server, browser: Browser) -> None:
    visit = await Visit.open(browser, width=width)
    wider: dict[str, int] = {}

    async def look(state: str) -> None:
        if over := await visit.overflow():
            wider[state] = over

    await tour(site, visit, look)
    await visit.close()
    assert wider == {}
    assert visit.complaints == []


async def test_the_keyboard_alone(site: Server, visit: Visit) -> None:
    """Tab, Space, Enter and arrows lead from the first page to a finished export."""
    page = visit.page
    await visit.start(site)

    async def tab_to(target: Locator) -> None:
        for _ in range(60):
            await page.keyboard.press("Tab")
            if await target.evaluate("node => node === document.activeElement"):
                return
        raise AssertionError("Tab does not lead there")

    await tab_to(page.locator("a.skip"))
    await expect(page.locator("a.skip")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await tab_to(page.locator("#search"))
    await page.keyboard.type("sensex")
    await page.keyboard.press("Enter")
    await expect(page.locator("#step-instruments")).to_be_visible()
    await tab_to(page.locator("#instruments li:visible input").first)
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await expect(page.locator("#h-expiries")).to_be_focused()
    await tab_to(page.locator("#expiries-all"))
    await page.keyboard.press("Enter")
    await tab_to(page.locator("#next"))
    await page.keyboard.press("Enter")
    await expect(page.locator("#h-options")).to_be_focused()
    await tab_to(page.locator("#format-csv"))
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#format-json")).to_be_checked()
    await tab_to(page.locator("#next"))
    await page.keyboard.press("Enter")
    await expect(page.locator("#h-review")).to_be_focused()
    await tab_to(page.locator("#next"))
    await page.keyboard.press("Enter")
    await expect(page.locator("#h-task")).to_be_focused()
    await visit.done()
    await tab_to(page.locator("#download"))
    async with page.expect_download() as waiting:
        await page.keyboard.press("Enter")
    assert (await waiting.value).suggested_filename.endswith(".json")
    await tab_to(page.get_by_role("button", name="Delete"))
    await page.keyboard.press("Enter")
    dialog = page.locator("dialog")
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Delete")).to_be_focused()


async def test_the_menu_of_a_narrow_window(site: Server, browser: Browser) -> None:
    visit = await Visit.open(browser, width=360)
    page = visit.page
    await page.goto(f"{site.url}/status")
    menu = page.get_by_role("button", name="Menu")
    links = page.get_by_role("navigation", name="Pages").get_by_role("link")
    await expect(links).to_have_count(0)
    await menu.press("Enter")
    await expect(links).to_have_text(
        ["Export", "Templates", "Schedules", "History", "API", "Status"]
    )
    assert await visit.violations() == []
    assert await visit.overflow() == 0
    await page.keyboard.press("Escape")
    await expect(links).to_have_count(0)
    await expect(menu).to_be_focused()
    await menu.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/templates")
    await visit.close()
    assert visit.complaints == []


async def test_what_has_the_focus_can_be_seen(site: Server, visit: Visit) -> None:
    """The bars that stay in place never cover the focused control."""
    page = visit.page
    await page.set_viewport_size({"width": 360, "height": 640})
    await visit.start(site)
    await page.locator("#select-all").check()
    await visit.forward("expiries")
    hidden = """() => {
        const node = document.activeElement;
        const box = (node.closest('label') ?? node).getBoundingClientRect();
        const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        const bar = top?.closest('.actionbar, .topbar');
        return bar !== null && bar !== undefined && !bar.contains(node) ? node.outerHTML : null;
    }"""
    for _ in range(40):
        await page.keyboard.press("Tab")
        assert await page.evaluate(hidden) is None


async def test_the_theme_button_decides_and_is_remembered(site: Server, visit: Visit) -> None:
    page = visit.page
    await page.goto(f"{site.url}/status")
    button = page.locator("#theme")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(ground)
    await expect(button).to_have_attribute("aria-pressed", "false")
    await button.click()
    await expect(button).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate(ground) != light
    await page.goto(f"{site.url}/history")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await button.click()
    assert await page.evaluate(ground) == light


async def test_the_token_page(tmp_path: Path, sample: Path, browser: Browser) -> None:
    with Server(tmp_path / "locked", sample, "--token", "a-token-for-the-test") as server:
        visit = await Visit.open(browser)
        visit.forgiven = ("status of 401",)
        page = visit.page
        await page.goto(f"{server.url}/login")
        assert await visit.violations() == []
        await page.get_by_label("Token").fill("wrong")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.locator("#wrong")).to_contain_text("That is not the token.")
        assert await visit.violations() == []
        await page.get_by_label("Token").fill("a-token-for-the-test")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.locator("#instruments input").first).to_be_visible()
        await visit.close()
        assert visit.complaints == []
