"""Schedules: made, read back in words, run, paused, changed, deleted, and live."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Locator, expect

from tests.browser.visit import Visit, ask, status
from tests.makers import NIFTY, SENSEX
from tests.servers import Server

REQUEST: dict[str, Any] = {
    "instruments": [NIFTY], "expiry_rule": {"last": 1}, "format": "csv", "options": {},
}  # fmt: skip


def add(server: Server, name: str = "Evening", cron: str = "0 18 * * 1-5", **more: Any) -> Any:
    body = {"name": name, "cron": cron, "request": REQUEST} | more
    return ask(server, "/api/schedules", body)


def entry(visit: Visit, name: str) -> Locator:
    return visit.page.locator(".entry").filter(has=visit.page.get_by_role("heading", name=name))


async def test_a_schedule_from_the_wizard_runs_now(site: Server, visit: Visit) -> None:
    page = visit.page
    await visit.start(site)
    await visit.choose("Sensex")
    await visit.forward("expiries")
    await page.get_by_role("radio", name="By a rule").check()
    await visit.forward("options")
    await visit.forward("review")
    await page.get_by_role("button", name="Schedule…").click()
    await expect(page.locator("#form-title")).to_be_focused()
    await expect(page.locator("#what-hint")).to_contain_text("Sensex · the last 4 expiries")
    await page.locator("#name").fill("Sensex in the evening")
    await page.locator("#time").fill("19:30")
    await expect(page.locator("#reading-words")).to_contain_text("19:30")
    await expect(page.locator("#reading-next li")).to_have_count(5)
    await page.locator("#part-rules > summary").click()
    await page.locator("#only_new").check()
    await page.locator("#keep_runs").fill("5")
    await page.locator("#save").click()
    line = entry(visit, "Sensex in the evening")
    await expect(line.get_by_role("heading")).to_be_focused()
    await expect(line).to_contain_text("30 19 * * 1-5")
    await expect(line).to_contain_text("Only new expiries, files of the last 5 runs stay.")
    [made] = ask(site, "/api/schedules")["schedules"]
    assert made["request"] == {**made["request"], "instruments": [SENSEX],
                               "expiry_rule": {"last": 4}}  # fmt: skip
    assert (made["only_new"], made["keep_runs"], made["missed"]) == (True, 5, "run")

    await line.get_by_role("button", name="Run now").click()
    await expect(line.locator(".when .state")).to_have_text("Completed")
    await line.locator("summary", has_text=re.compile("^Runs$")).click()
    await line.locator(".runs tbody a").first.click()
    await visit.done()
    task = status(site, page.url.rpartition("=")[2])
    assert task["schedule_id"] == made["id"]


async def test_the_keyboard_alone_makes_a_schedule(site: Server, visit: Visit) -> None:
    page = visit.page
    ask(site, "/api/templates", {"name": "Newest", "request": REQUEST})
    await page.goto(f"{site.url}/schedules")
    await expect(page.locator("#blank")).to_be_visible()

    async def tab_to(target: Locator) -> None:
        for _ in range(30):
            await page.keyboard.press("Tab")
            if await target.evaluate("node => node === document.activeElement"):
                return
        raise AssertionError("Tab does not lead there")

    await tab_to(page.locator("#add"))
    await page.keyboard.press("Enter")
    await expect(page.locator("#form-title")).to_be_focused()
    await tab_to(page.locator("#name"))
    await page.keyboard.press("Control+A")
    await page.keyboard.type("By hand")
    await tab_to(page.get_by_role("radio", name="Trading days"))
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("radio", name="Every day")).to_be_checked()
    await expect(page.locator("#reading-words")).to_contain_text("every day")
    await tab_to(page.locator("#part-rules > summary"))
    await page.keyboard.press("Enter")
    await tab_to(page.locator("#only_new"))
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await expect(entry(visit, "By hand").get_by_role("heading")).to_be_focused()
    [made] = ask(site, "/api/schedules")["schedules"]
    assert (made["name"], made["cron"], made["only_new"]) == ("By hand", "0 18 * * *", True)
    await tab_to(entry(visit, "By hand").get_by_role("button", name="Pause"))
    await page.keyboard.press("Enter")
    await expect(entry(visit, "By hand")).to_contain_text("Paused")


async def test_every_choice_of_time_becomes_a_cron_expression(site: Server, visit: Visit) -> None:
    page = visit.page
    visit.forgiven = ("status of 400",)
    template = ask(site, "/api/templates", {"name": "Newest", "request": REQUEST})
    await page.goto(f"{site.url}/schedules?new={template['id']}")
    await expect(page.locator("#name")).to_have_value("Newest")

    async def choose(kind: str, words: str) -> None:
        await page.get_by_role("radio", name=kind).check()
        await expect(page.locator("#reading-words")).to_contain_text(words)

    await choose("Every day", "At 18:00 every day")
    await choose("Weekly", "At 18:00 on Friday")
    await page.locator("#weekday").select_option("Sunday")
    await expect(page.locator("#reading-words")).to_contain_text("on Sunday")
    await choose("Monthly", "At 18:00 on the first day of every month")
    await choose("Cron…", "At 18:00 on Monday through Friday")
    await page.locator("#cron").fill("61 * * * *")
    await expect(page.locator("#reading")).to_have_attribute("data-bad", "true")
    await expect(page.locator("#reading-next li")).to_have_count(0)
    await page.locator("#save").click()
    await expect(page.locator("#form-notice")).to_contain_text("Say when it shall run.")
    await expect(page.locator("#cron")).to_be_focused()
    await page.locator("#cron").fill("*/10 9-15 * * 1-5")
    await expect(page.locator("#reading")).to_have_attribute("data-bad", "false")
    await expect(page.locator("#reading-next li")).to_have_count(5)
    await page.locator("#save").click()
    await expect(entry(visit, "Newest")).to_contain_text("*/10 9-15 * * 1-5")
    assert ask(site, "/api/schedules")["schedules"][0]["template_id"] == template["id"]


async def test_a_schedule_is_changed_paused_and_resumed(site: Server, visit: Visit) -> None:
    page = visit.page
    add(site, cron="15 7 * * 0", missed="skip", keep_days=30)
    await page.goto(f"{site.url}/schedules")
    line = entry(visit, "Evening")
    await line.get_by_role("button", name="Edit").click()
    await expect(page.get_by_role("radio", name="Weekly")).to_be_checked()
    await expect(page.locator("#weekday")).to_have_value("6")
    await expect(page.locator("#time")).to_have_value("07:15")
    await expect(page.locator("#part-rules-now")).to_have_text(
        "missed runs left out · files for 30 days"
    )
    await page.locator("#name").fill("Sunday morning")
    await page.locator("#save").click()
    line = entry(visit, "Sunday morning")
    await expect(line).to_contain_text("07:15")
    await line.get_by_role("button", name="Pause").click()
    await expect(line).to_contain_text("Paused")
    await expect(line.get_by_role("button", name="Resume")).to_be_focused()
    await line.get_by_role("button", name="Resume").press("Enter")
    await expect(line).to_contain_text("Active")
    [kept] = ask(site, "/api/schedules")["schedules"]
    assert (kept["cron"], kept["missed"], kept["keep_days"]) == ("15 7 * * 0", "skip", 30)


async def test_its_configuration_is_changed_in_the_wizard(site: Server, visit: Visit) -> None:
    page = visit.page
    add(site, only_new=True)
    await page.goto(f"{site.url}/schedules")
    await entry(visit, "Evening").get_by_role("link", name="Configuration").click()
    await page.get_by_role("button", name="Change file").click()
    await page.locator("#format-json").check()
    await visit.forward("review")
    await page.get_by_role("button", name="Save changes to “Evening”").click()
    await expect(page.locator("#notice-review")).to_contain_text("“Evening” was changed.")
    [kept] = ask(site, "/api/schedules")["schedules"]
    assert (kept["request"]["format"], kept["only_new"]) == ("json", True)


async def test_news_of_its_runs_arrive_by_themselves(site: Server, visit: Visit) -> None:
    page = visit.page
    made = add(site)
    await page.goto(f"{site.url}/schedules")
    await expect(page.locator("#feed")).to_have_text("Live")
    await expect(entry(visit, "Evening")).to_contain_text("not yet")
    ask(site, f"/api/schedules/{made['id']}/run", {}, method="POST")
    await expect(entry(visit, "Evening").locator(".when .state")).to_have_text("Completed")
    await page.goto(f"{site.url}/history?schedule={made['id']}")
    await expect(page.locator("#tasks tr")).to_have_count(1)
    await page.get_by_role("button", name="Only exports of one schedule").click()
    await page.wait_for_url("**/history")


async def test_deleting_asks_first(site: Server, visit: Visit) -> None:
    page = visit.page
    add(site)
    await page.goto(f"{site.url}/schedules")
    await entry(visit, "Evening").get_by_role("button", name="Delete").click()
    await page.keyboard.press("Escape")
    await expect(entry(visit, "Evening")).to_be_visible()
    await entry(visit, "Evening").get_by_role("button", name="Delete").click()
    await page.locator("dialog").get_by_role("button", name="Delete").click()
    await expect(page.locator("#blank")).to_be_visible()
    assert ask(site, "/api/schedules")["schedules"] == []
    await page.locator("#add-first").click()
    await page.locator("#save").click()
    await expect(page.locator("#form-notice")).to_contain_text("Give the schedule a name.")
