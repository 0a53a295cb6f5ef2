"""Filters in the wizard: said where they are closed, checked before they are sent, and heeded."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from playwright.async_api import expect

from tests.browser.visit import Visit, ask, judge, status
from tests.servers import ROOT, Server

CLI = "import sys; from server.cli import main; sys.exit(main())"


async def to_options(visit: Visit, server: Server, *names: str) -> None:
    await visit.start(server)
    await visit.choose(*names)
    await visit.forward("expiries")
    await visit.page.locator("#expiries-all").click()
    await visit.forward("options")


async def test_contracts_and_candles_are_filtered(site: Server, visit: Visit, sample: Path) -> None:
    page = visit.page
    await to_options(visit, site, "Nifty 50", "Sensex")
    await expect(page.locator("#part-filters-now")).to_have_text("everything")
    await page.locator("#part-filters > summary").click()
    await page.locator("#type-PE").uncheck()
    await page.locator("#strikes_around").fill("1")
    await page.locator("#from_time").fill("09:30")
    await page.locator("#to_time").fill("11:00")
    await page.locator("#min_volume").fill("100")
    await page.locator("#only_with_candles").check()
    await page.get_by_role("radio", name="Days…").check()
    await page.locator("#days_before_expiry").fill("3")
    await page.locator("#part-filters > summary").click()
    said = (
        "calls and futures · 1 strike around the money · contracts with candles"
        " · time 09:30 to 11:00 · volume from 100"
    )
    await expect(page.locator("#part-filters-now")).to_have_text(said)
    await visit.forward("review")
    await expect(page.locator("#review")).to_contain_text(said)
    await expect(page.locator("#review")).to_contain_text("expiry and 3 days before")
    await expect(page.locator("#review")).to_contain_text("Worth knowing")
    task_id = await visit.export()
    await visit.done()
    task = status(site, task_id)
    wanted = {
        "option_types": ["CE", "FUT"], "strikes_around": 1, "from_time": "09:30",
        "to_time": "11:00", "min_volume": 100, "only_with_candles": True, "days_before_expiry": 3,
    }  # fmt: skip
    assert task["spec"]["options"].items() >= wanted.items()
    assert task["rows_done"] > 0
    judge(sample, task, (await visit.download())[1])
    await page.get_by_role("link", name="Change and run again").click()
    await expect(page.locator("#review")).to_contain_text(said)
    await page.get_by_role("button", name="Change file").click()
    await expect(page.get_by_role("radio", name="Days…")).to_be_checked()
    await page.locator("#part-filters > summary").click()
    await page.get_by_role("button", name="No filters").click()
    await expect(page.locator("#type-PE")).to_be_checked()
    await expect(page.locator("#min_volume")).to_have_value("")


async def test_wrong_filters_are_said_and_found(site: Server, visit: Visit) -> None:
    page = visit.page
    await to_options(visit, site, "Sensex")
    await page.locator("#part-filters > summary").click()
    for kind in ("CE", "PE", "FUT"):
        await page.locator(f"#type-{kind}").uncheck()
    await page.locator("#next").click()
    await expect(page.locator("#selection-line")).to_have_text("Choose calls, puts or futures.")
    await page.locator("#type-CE").check()
    await page.locator("#strike_from").fill("90000")
    await page.locator("#strike_to").fill("80000")
    await page.locator("#part-filters > summary").click()
    await page.locator("#next").click()
    await expect(page.locator("#selection-line")).to_contain_text("above the highest")
    await expect(page.locator("#strike_to")).to_be_focused()
    await expect(page.locator("#strike_to")).to_have_attribute("aria-invalid", "true")
    await page.locator("#strike_to").fill("")
    await page.keyboard.press("Tab")
    await visit.forward("review")
    await expect(page.locator("#review")).to_contain_text("calls · strikes from 90000")


async def test_the_copied_lines_carry_every_option(
    site: Server, visit: Visit, sample: Path, tmp_path: Path
) -> None:
    page = visit.page
    await to_options(visit, site, "Nifty 50")
    await page.locator("#part-filters > summary").click()
    await page.locator("#type-FUT").uncheck()
    await page.locator("#strike_from").fill("25000")
    await page.locator("#to_time").fill("12:00")
    await page.locator("#part-columns > summary").click()
    await page.locator("#column-timestamp").uncheck()
    await page.locator("#as-close").fill("Close, last")
    await page.locator("#decimals").select_option("1")
    await page.get_by_role("radio", name="Tab", exact=True).check()
    await visit.step("options").get_by_role("button", name="Move oi up").click()
    await visit.forward("review")
    await page.locator("details.commands summary").click()
    lines = page.locator("details.commands code")
    program, *arguments = shlex.split(await lines.nth(0).inner_text())
    assert program == "expirytrack"
    curl = shlex.split(await lines.nth(1).inner_text())
    body: dict[str, Any] = json.loads(curl[curl.index("-d") + 1])
    task_id = ask(site, "/api/export/start", body)["task_id"]
    await page.goto(f"{site.url}/export?task={task_id}")
    await visit.done()
    task = status(site, task_id)
    _, content = await visit.download()
    judge(sample, task, content)
    out = tmp_path / "out.csv"
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLI, *arguments, "--db", str(sample), "-o", str(out),
        cwd=ROOT, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await run.communicate()
    assert run.returncode == 0, said.decode()
    assert out.read_bytes() == content


async def test_a_rule_in_the_copied_lines(site: Server, visit: Visit) -> None:
    page = visit.page
    await visit.start(site)
    await visit.choose("Nifty 50", "Sensex")
    await visit.forward("expiries")
    await page.get_by_role("radio", name="By a rule").check()
    await page.locator("#rule-from").fill("2025-12-18")
    await visit.forward("options")
    await visit.forward("review")
    await page.locator("details.commands summary").click()
    line = page.locator("details.commands code").nth(0)
    await expect(line).to_contain_text("--expiry-from 2025-12-18 --format csv")
    for rule, flag in (("last", "--last 4"), ("days", "--expiry-days 30")):
        await page.get_by_role("button", name="Change instruments and expiries").click()
        await page.locator(f"#rule-{rule}-on").check()
        if rule == "days":
            await page.locator("#rule-days").fill("3650")
            flag = "--expiry-days 3650"
        await visit.forward("options")
        await visit.forward("review")
        await page.locator("details.commands summary").click()
        await expect(line).to_contain_text(flag)
