"""Debian's Chromium before the product as a process, and a page that minds every complaint."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.slow import slow_database
from tests.browser.visit import Visit
from tests.servers import Server

NAMES = ("chromium", "chromium-browser", "google-chrome")
# The longest pause between two tries of a page that has lost its server, and some.
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


def chromium() -> str:
    """The browser's path. Without one these tests fail; none is skipped."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    assert found, "no Chromium: install Debian's package with `apt-get install chromium`"
    return found


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield opened
        await opened.close()


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """A fresh window. The test fails if a page complained in the console."""
    opened = await Visit.open(browser)
    yield opened
    await opened.close()
    assert opened.complaints == []


@pytest.fixture
def site(tmp_path: Path, sample: Path) -> Iterator[Server]:
    """The product over the sample database, with nothing exported yet."""
    with Server(tmp_path / "site", sample) as server:
        yield server


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose export takes seconds, so that there is a middle to look at."""
    return slow_database(tmp_path_factory.mktemp("slow") / "slow.db")


@pytest.fixture
def slow_site(tmp_path: Path, slow: Path) -> Iterator[Server]:
    """The product over the slow database."""
    with Server(tmp_path / "slow", slow, "--max-exports", "1") as server:
        yield server
