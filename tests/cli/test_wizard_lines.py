"""The command line that the wizard copies does what the wizard would have done."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, sync_playwright

from tests import makers
from tests.cli.conftest import Call
from tests.cli.test_export import check
from tests.servers import ROOT

STATIC = ROOT / "web" / "static"
ADDRESS = "http://wizard.invalid"


NIFTY_AND_BANK = {makers.NIFTY: ["2025-12-16"], makers.BANK: ["2025-12-30", "2026-01-27"]}
BODIES: list[tuple[dict[str, list[str]], str, dict[str, Any]]] = [
    ({makers.NIFTY: ["2025-12-16", "2025-12-23"]}, "csv", {}),
    (NIFTY_AND_BANK, "json", {"include_metadata": True, "include_openalgo": False}),
    (NIFTY_AND_BANK, "zip", {"symbol_style": "openalgo", "separate_files": True, "level": "fast"}),
    (NIFTY_AND_BANK, "zip", {"separate_files": False, "level": "small", "excel": True}),
    ({"NSE_EQ|INE101A01026": ["2025-12-30"], "NSE_EQ|INE205A01025": ["2025-12-30"]}, "csv",
     {"separate_files": True, "time_range": "7d"}),
    ({"BCD_FO|USDINR": ["2025-12-12"], "NCD_FO|USDINR": ["2025-12-12"]}, "csv",
     {"from_date": "2025-12-10", "to_date": "2025-12-11", "time_range": "all"}),
]  # fmt: skip


def body_of(expiries: dict[str, list[str]], format: str, options: dict[str, Any]) -> dict[str, Any]:
    """The body of a start request, as the wizard makes it."""
    return {
        "instruments": list(expiries),
        "expiries": expiries,
        "format": format,
        "options": options,
    }


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """What the wizard copies for each of BODIES; a real browser runs its module."""

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(ADDRESS).partition("?")[0]
        if path.startswith("/static/"):
            route.fulfill(path=STATIC / path.removeprefix("/static/"))
        else:
            route.fulfill(body="<!doctype html><title>t</title>", content_type="text/html")

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "no Chromium: install Debian's package with `apt-get install chromium`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.route("**/*", answer)
        page.goto(ADDRESS)
        copied: list[str] = page.evaluate(
            "bodies => import('/static/commands.js')"
            ".then((module) => bodies.map((body) => module.commandLine(body)))",
            [body_of(*body) for body in BODIES],
        )
        browser.close()
    return copied


@pytest.mark.parametrize("number", range(len(BODIES)))
def test_a_copied_line_gives_the_wizards_file(
    lines: list[str], sample: Path, call: Call, number: int
) -> None:
    expiries, format, options = BODIES[number]
    program, *words = shlex.split(lines[number])
    assert program == "expirytrack"
    ran = call(*words, "--db", sample, "--json", "-o", ".")
    check(sample, ran, expiries, format, **options)


def test_every_flag_that_the_wizard_writes_is_known(call: Call) -> None:
    flags = set(re.findall(r"'(--[a-z-]+)'", (STATIC / "commands.js").read_text("utf-8")))
    assert len(flags) > 10
    told = call("export", "--help").out.decode()
    assert [
        flag for flag in sorted(flags) if f"{flag} " not in told and f"{flag}\n" not in told
    ] == []
