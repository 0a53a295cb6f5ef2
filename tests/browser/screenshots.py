"""Pictures of the real pages for the README: `python -m tests.browser.screenshots docs/images`."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, async_playwright, expect

from tests.browser.conftest import chromium
from tests.browser.slow import slow_database
from tests.browser.visit import Site, Theme, Visit, ask, everything
from tests.makers import BANK, NIFTY, SENSEX, sample_database
from tests.servers import ROOT

HEIGHT = 800
DATABASE = Path("data", "expirytrack.db")


@dataclass
class Address:
    """Where a server of this module answers."""

    url: str


@contextmanager
def home(folder: Path) -> Iterator[Site]:
    """The product as its users start it: in a folder of its own, every path the default."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("EXPIRYTRACK_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "--port", "0"],
        cwd=folder, env={**kept, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield Address(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.communicate()


async def wizard(browser: Browser, server: Site, out: Path, theme: Theme, end: str) -> None:
    """Steps 1 to 4 and the finished export, over the sample database."""
    visit = await Visit.open(browser, height=HEIGHT, theme=theme)
    page = visit.page
    await visit.start(server)
    await visit.choose("Nifty 50", "Sensex")
    # The pointer would leave a row looking as if it were chosen.
    await page.mouse.move(0, 0)
    await page.screenshot(path=out / f"1-instruments{end}.png")
    await visit.forward("expiries")
    await page.locator("#expiries-n").fill("3")
    await page.locator("#expiries-last").click()
    await expect(page.locator("#example-text")).to_contain_text("openalgo_symbol")
    await page.mouse.move(0, 0)
    await page.screenshot(path=out / f"2-expiries{end}.png")
    await visit.forward("options")
    await page.screenshot(path=out / f"3-options{end}.png")
    await own_columns(visit)
    await page.screenshot(path=out / f"10-columns{end}.png")
    await page.get_by_role("button", name="Usual columns").click()
    await page.locator("#part-filters > summary").click()
    await page.get_by_role("button", name="No filters").click()
    await visit.forward("review")
    await expect(page.locator("#review figure.example")).to_be_visible()
    await page.screenshot(path=out / f"4-review{end}.png")
    await visit.export()
    await visit.done()
    await page.mouse.move(0, 0)
    await page.screenshot(path=out / f"6-done{end}.png")
    await visit.close()


async def own_columns(visit: Visit) -> None:
    """Step 3 with a choice of columns, and the filters said in their closed part."""
    page = visit.page
    await page.locator("#part-filters > summary").click()
    await page.locator("#type-FUT").uncheck()
    await page.locator("#strikes_around").fill("5")
    await page.locator("#part-filters > summary").click()
    await page.locator("#part-columns > summary").click()
    for name in ("date", "time", "high", "low"):
        await page.locator(f"#column-{name}").uncheck()
    await page.locator("#column-epoch_s").check()
    await page.locator("#as-close").fill("Last price")
    await page.get_by_role("button", name="Move oi up").click()
    await expect(page.locator("#example-text")).to_contain_text("Last price")
    await page.locator("#part-columns").evaluate(
        "part => scrollTo(0, part.getBoundingClientRect().top + scrollY - 70)"
    )
    await page.mouse.move(0, 0)


async def kept(browser: Browser, server: Site, out: Path, theme: Theme, end: str) -> None:
    """A rule, templates, schedules, a comparison, and the API's page."""
    visit = await Visit.open(browser, height=HEIGHT, theme=theme)
    page = visit.page
    await visit.start(server)
    await visit.choose("Nifty 50", "Bank Nifty")
    await visit.forward("expiries")
    await page.get_by_role("radio", name="By a rule").check()
    await expect(page.locator("#rule-now-list")).to_contain_text("Bank Nifty")
    await expect(page.locator("#example-text")).to_contain_text("openalgo_symbol")
    await page.mouse.move(0, 0)
    await page.screenshot(path=out / f"11-rule{end}.png")
    await page.goto(f"{server.url}/templates")
    await expect(page.locator(".entry")).to_have_count(3)
    await page.screenshot(path=out / f"12-templates{end}.png")
    await page.goto(f"{server.url}/schedules")
    await expect(page.locator("#feed")).to_have_text("Live")
    evening = page.locator(".entry").filter(has_text="Every evening")
    await expect(evening.locator(".when .state")).to_have_text("Completed")
    await evening.locator("summary").last.click()
    await expect(evening.locator(".runs tbody tr")).not_to_have_count(0)
    await page.mouse.move(0, 0)
    await page.screenshot(path=out / f"13-schedules{end}.png")
    await page.locator("#add").click()
    await expect(page.locator("#reading-next li")).to_have_count(5)
    await page.mouse.move(0, 0)
    await page.screenshot(path=out / f"14-schedule{end}.png")
    first, second = (
        one["task_id"] for one in ask(server, "/api/export/tasks?format=zip&limit=2")["tasks"]
    )
    await page.goto(f"{server.url}/compare?a={second}&b={first}")
    await expect(page.locator("#comparison")).to_contain_text("Contracts")
    await page.screenshot(path=out / f"15-compare{end}.png")
    await page.goto(f"{server.url}/api")
    await expect(page.locator("main")).to_contain_text("/api/export/start")
    await page.screenshot(path=out / f"16-api{end}.png")
    await visit.close()


def keep(server: Site) -> None:
    """Templates, schedules, a run and two archives to compare."""
    backup = {"instruments": [NIFTY, SENSEX], "expiry_rule": {"last": 4}, "format": "zip"}
    for name, request, note in (
        ("Weekly backup", backup, "Both indices, for the archive"),
        (
            "Bank Nifty for Excel",
            {"instruments": [BANK], "expiry_rule": {"last": 1}, "options": {"excel": True}}, None,
        ),
        (
            "Calls near the money",
            {"instruments": [NIFTY], "expiry_rule": {"days": 365},
             "options": {"option_types": ["CE"], "strikes_around": 5, "from_time": "09:15",
                         "to_time": "10:15"}},
            "The first hour, as the notebook reads it",
        ),
    ):  # fmt: skip
        ask(server, "/api/templates", {"name": name, "request": request, "note": note})
    evening = {
        "name": "Every evening", "cron": "0 18 * * 1-5", "request": backup, "only_new": True,
        "keep_runs": 10,
    }  # fmt: skip
    made = ask(server, "/api/schedules", evening)
    ask(server, f"/api/schedules/{made['id']}/run", {})
    month = {"name": "Month’s archive", "cron": "30 6 1 * *", "request": backup, "missed": "skip"}
    made = ask(server, "/api/schedules", month)
    ask(server, f"/api/schedules/{made['id']}/pause", {})
    ask(server, "/api/export/start", everything(server, (NIFTY,), "zip"))
    ask(server, "/api/export/start", everything(server, (NIFTY, SENSEX), "zip"))


async def progress(browser: Browser, server: Site, out: Path, theme: Theme, end: str) -> None:
    """An export in the middle."""
    visit = await Visit.open(browser, height=HEIGHT, theme=theme)
    page = visit.page
    await visit.to_review(server, "Nifty 50")
    await visit.export()
    await expect(page.locator("#task").get_by_role("progressbar")).to_have_attribute(
        "aria-valuenow", re.compile(r"^[45]\d$")
    )
    await page.screenshot(path=out / f"5-progress{end}.png")
    await visit.done()
    await visit.close()


async def others(browser: Browser, server: Site, out: Path, theme: Theme, end: str) -> None:
    """History and status, after some exports."""
    visit = await Visit.open(browser, height=HEIGHT, theme=theme)
    page = visit.page
    await page.goto(f"{server.url}/history")
    await expect(page.locator("#feed")).to_have_text("Live")
    await expect(page.locator('#tasks .state[data-state="completed"]').nth(3)).to_be_visible()
    await page.screenshot(path=out / f"7-history{end}.png")
    await page.goto(f"{server.url}/status")
    await expect(page.locator(".card")).to_have_count(6)
    await page.screenshot(path=out / f"8-status{end}.png")
    await visit.close()


async def narrow(browser: Browser, server: Site, out: Path) -> None:
    """A telephone's width."""
    visit = await Visit.open(browser, width=360, height=HEIGHT)
    await visit.start(server)
    await visit.choose("Nifty 50")
    await visit.page.screenshot(path=out / "9-narrow.png")
    await visit.close()


async def take(out: Path, folder: Path) -> None:
    """Every picture, in both themes."""
    for name in ("sample", "slow"):
        (folder / name / "data").mkdir(parents=True)
    sample_database(folder).replace(folder / "sample" / DATABASE)
    slow_database(folder / "slow" / DATABASE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"]
        )
        themes: tuple[tuple[Theme, str], ...] = (("light", ""), ("dark", "-dark"))
        with home(folder / "sample") as server:
            for theme, end in themes:
                await wizard(browser, server, out, theme, end)
            for keys, format in (((NIFTY,), "zip"), ((BANK,), "json"), ((SENSEX,), "csv")):
                ask(server, "/api/export/start", everything(server, keys, format))
            for theme, end in themes:
                await others(browser, server, out, theme, end)
            keep(server)
            for theme, end in themes:
                await kept(browser, server, out, theme, end)
            await narrow(browser, server, out)
        with home(folder / "slow") as server:
            for theme, end in themes:
                await progress(browser, server, out, theme, end)
        await browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots")
    parser.add_argument("out", type=Path, help="the folder to put the pictures into")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(take(out, Path(folder)))


if __name__ == "__main__":
    main()
