"""The wizard's four steps, from a click to the oracle's bytes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.visit import Visit, ask, judge, status
from tests.servers import ROOT, Server

CLI = "import sys; from server.cli import main; sys.exit(main())"


@pytest.mark.parametrize("format", ["csv", "json", "zip"])
async def test_from_the_first_page_to_the_bytes(
    format: str, site: Server, visit: Visit, sample: Path
) -> None:
    await visit.to_review(site, "Nifty 50", "Sensex", format=format)
    task_id = await visit.export()
    await visit.done()
    task = status(site, task_id)
    name, content = await visit.download()
    assert name == task["file_name"]
    assert task["spec"]["format"] == format
    judge(sample, task, content)
    await expect(visit.page.locator("#sha256")).to_have_text(hashlib.sha256(content).hexdigest())
    await expect(visit.page.locator("#task")).to_contain_text(f"{len(content):,} bytes")
    await expect(visit.page).to_have_title(f"Done: {name} · ExpiryTrack Export")


async def test_every_option_reaches_the_file(site: Server, visit: Visit, sample: Path) -> None:
    page = visit.page
    await visit.start(site)
    await visit.choose("Nifty 50")
    await visit.forward("expiries")
    await page.locator("#expiries-all").click()
    await visit.forward("options")
    example = page.locator("#example-text")
    await expect(example).to_contain_text("openalgo_symbol,date,time,timestamp")
    await page.locator("#symbol_style-openalgo").check()
    await page.locator("#include_metadata").check()
    await expect(example).to_contain_text("instrument,expiry,strike,option_type,trading_symbol")
    await page.locator("#excel").check()
    await page.locator("#separate_files-true").check()
    await page.get_by_role("radio", name="Small").check()
    await page.get_by_role("radio", name="30 days").check()
    await visit.forward("review")
    await expect(page.locator("#review")).to_contain_text("one file per contract")
    task_id = await visit.export()
    await visit.done()
    task = status(site, task_id)
    wanted = {
        "include_openalgo": True, "symbol_style": "openalgo", "include_metadata": True,
        "excel": True, "separate_files": True, "time_range": "30d", "level": "small",
    }  # fmt: skip
    assert task["spec"]["options"].items() >= wanted.items()
    judge(sample, task, (await visit.download())[1])


async def test_the_example_is_what_the_file_begins_with(site: Server, visit: Visit) -> None:
    page = visit.page
    await visit.to_review(site, "Sensex")
    shown = page.locator("#review figure.example code")
    await expect(shown).to_contain_text("SENSEX")
    example = await shown.inner_text()
    await visit.export()
    await visit.done()
    _, content = await visit.download()
    assert len(example.splitlines()) == 6
    assert content.decode().startswith(example)


async def test_dates_of_ones_own_are_checked_before_they_are_sent(
    site: Server, visit: Visit
) -> None:
    page = visit.page
    await visit.start(site)
    await visit.choose("Nifty 50")
    await visit.forward("expiries")
    await page.locator("#expiries-all").click()
    await visit.forward("options")
    await page.get_by_role("radio", name="Dates…").check()
    await page.locator("#next").click()
    await expect(page.locator("#selection-line")).to_contain_text("Enter a first or a last day")
    await page.locator("#from_date").fill("2025-09-10")
    await page.locator("#to_date").fill("2025-09-01")
    await page.locator("#next").click()
    await expect(page.locator("#selection-line")).to_contain_text("after the last day")
    await expect(page.locator("#to_date")).to_have_attribute("aria-invalid", "true")
    await page.locator("#to_date").fill("2025-09-12")
    await visit.forward("review")
    await expect(page.locator("#review")).to_contain_text("2025-09-10 to 2025-09-12")
    task_id = await visit.export()
    await visit.done()
    options = status(site, task_id)["spec"]["options"]
    assert (options["from_date"], options["to_date"]) == ("2025-09-10", "2025-09-12")


async def test_select_all_and_its_state(site: Server, visit: Visit) -> None:
    page = visit.page
    await visit.start(site)
    boxes = page.locator("#instruments input")
    every = await boxes.count()
    await page.locator("#select-all").check()
    usable = await page.locator("#instruments input:enabled").count()
    await expect(page.locator("#instruments input:checked")).to_have_count(usable)
    await expect(page.locator("#instrument-count")).to_have_text(f"{usable} of {every} selected")
    await page.locator("#instruments input:enabled").first.uncheck()
    assert await page.locator("#select-all").evaluate("box => box.indeterminate")
    await page.locator("#select-all").check()
    await page.locator("#select-all").uncheck()
    await expect(page.locator("#instruments input:checked")).to_have_count(0)
    await page.locator("#next").click()
    await expect(page.locator("#selection-line")).to_have_text("Choose at least one instrument.")
    await expect(page.locator("#step-instruments")).to_be_visible()


async def test_the_search_begins_at_the_base_symbol(site: Server, visit: Visit) -> None:
    page = visit.page
    await visit.start(site)
    listed = page.locator("#instruments li:visible .instrument-name")
    await page.locator("#search").fill("bank")
    await expect(listed).to_have_count(1)
    await expect(listed).to_contain_text("Bank Nifty")
    await page.locator("#search").fill("SENS")
    await expect(listed.first).to_contain_text("Sensex")
    await page.locator("#search").fill("ensex")
    await expect(page.locator("#no-match")).to_have_text(
        "No instrument has a word that begins with “ensex”."
    )
    await page.locator("#search").fill("")
    await expect(page.locator("#no-match")).to_be_hidden()


async def test_expiries_all_none_and_the_newest(site: Server, visit: Visit) -> None:
    page = visit.page
    catalogue = ask(site, "/api/instruments")["instruments"]
    keys = {one["name"]: one["key"] for one in catalogue}
    stored = ask(
        site,
        "/api/export/available-expiries",
        {"instruments": [keys["Nifty 50"], keys["Sensex"]]},
    )
    await visit.start(site)
    await visit.choose("Nifty 50", "Sensex")
    await visit.forward("expiries")
    group = page.get_by_role("region", name="Nifty 50", exact=True)
    await expect(group.locator("input")).to_have_count(len(stored[keys["Nifty 50"]]))
    shown = await group.locator("input").evaluate_all("boxes => boxes.map(box => box.value)")
    assert shown == stored[keys["Nifty 50"]] == sorted(shown, reverse=True)
    await page.locator("#next").click()
    await expect(page.locator("#selection-line")).to_have_text("Choose at least one expiry.")
    await page.locator("#expiries-n").fill("1")
    await page.locator("#expiries-last").click()
    picked = group.locator("input:checked")
    await expect(picked).to_have_count(1)
    await expect(picked).to_have_value(stored[keys["Nifty 50"]][0])
    await expect(page.locator("#expiry-count")).to_have_text("2 expiries selected")
    await page.get_by_role("button", name="Nifty 50: all").click()
    await expect(picked).to_have_count(len(shown))
    await page.locator("#expiries-none").click()
    await expect(page.locator("#expiries input:checked")).to_have_count(0)


async def test_a_choice_survives_a_reload(site: Server, visit: Visit) -> None:
    page = visit.page
    await visit.to_review(site, "Sensex", format="json")
    await page.reload()
    await expect(page.locator("#review .figures")).to_contain_text("Contracts")
    await expect(page.locator("#review")).to_contain_text("JSON, one file")
    await page.go_back()
    await expect(page.locator("#format-json")).to_be_checked()
    await page.go_back()
    await expect(page.locator("#step-expiries")).to_be_visible()


async def test_step_one_says_which_database_is_open(site: Server, visit: Visit) -> None:
    page = visit.page
    about = ask(site, "/api/instruments")["database"]
    await visit.start(site)
    await expect(page.locator("#db-path")).to_have_text(about["path"])
    await expect(page.locator("#db-newest")).to_have_text(
        about["newest_candle"][:16].replace("T", " ")
    )
    await expect(page.locator("#db-contracts")).to_have_text(f"{about['contracts']:,}")
    async with page.expect_response("**/api/instruments"):
        await page.locator("#db-refresh").click()
    await expect(page.locator("#instruments input").first).to_be_visible()


async def _copied(visit: Visit, name: str) -> str:
    """What a Copy button puts into the clipboard."""
    await visit.page.get_by_role("button", name=f"Copy as {name}").click()
    await expect(visit.page.locator("#live")).to_have_text("Copied")
    text: str = await visit.page.evaluate("() => navigator.clipboard.readText()")
    return text


async def test_the_copied_lines_do_the_same(
    site: Server, visit: Visit, sample: Path, tmp_path: Path
) -> None:
    await visit.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
    await visit.to_review(site, "Nifty 50", "Sensex")
    await visit.page.locator("details.commands summary").click()
    words = shlex.split(await _copied(visit, "curl"))
    body: dict[str, Any] = json.loads(words[words.index("-d") + 1])
    assert words[0] == "curl"
    assert words[-1] == f"{site.url}/api/export/start"
    task_id = ask(site, words[-1].removeprefix(site.url), body)["task_id"]
    await visit.page.goto(f"{site.url}/export?task={task_id}")
    await visit.done()
    judge(sample, status(site, task_id), (await visit.download())[1])

    await visit.page.locator("details.commands summary").click()
    program, *arguments = shlex.split(await _copied(visit, "command line"))
    assert program == "expirytrack"
    out = tmp_path / "out.csv"
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLI, *arguments, "--db", str(sample), "-o", str(out),
        cwd=ROOT, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await run.communicate()
    assert run.returncode == 0, said.decode()
    task = status(site, task_id)
    judge(sample, task, out.read_bytes())
