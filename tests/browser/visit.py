"""A person at the browser: what they do in the wizard, in their words."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    expect,
)

from tests.conformance.judge import check_content, expected


class Site(Protocol):
    """Where the product answers."""

    url: str


Theme = Literal["light", "dark"]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# A long export on a busy machine; everything else answers in moments.
EXPORT_MS = 120_000


class Visit:
    """One browser window with its own storage, and every complaint of its pages."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context = context
        self.page = page
        self.complaints: list[str] = []
        self.forgiven: tuple[str, ...] = ()
        self._mind(page)

    @classmethod
    async def open(
        cls, browser: Browser, *, width: int = 1280, height: int = 900, theme: Theme = "light"
    ) -> Self:
        """A window of this size on a system of this theme, without animations."""
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            reduced_motion="reduce",
            accept_downloads=True,
        )
        context.set_default_timeout(20_000)
        return cls(context, await context.new_page())

    async def close(self) -> None:
        await self.context.close()

    async def leave(self) -> None:
        """Before a server goes that nobody should miss."""
        await self.page.goto("about:blank")

    async def second_tab(self, url: str) -> Page:
        """Another tab of the same window, minded as well."""
        page = await self.context.new_page()
        self._mind(page)
        await page.goto(url)
        return page

    def _mind(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        if not any(part in message.text for part in self.forgiven):
            self.complaints.append(message.text)

    def step(self, name: str) -> Locator:
        return self.page.locator(f"#step-{name}")

    async def start(self, server: Site) -> None:
        """Open the wizard and wait for the list of instruments."""
        await self.page.goto(f"{server.url}/export")
        await expect(self.page.locator("#instruments input").first).to_be_visible()

    async def choose(self, *names: str) -> None:
        for name in names:
            await self.page.locator("#instruments").get_by_text(name, exact=True).click()

    async def forward(self, to: str) -> None:
        """Continue, and arrive: the step's heading has the focus."""
        await self.page.locator("#next").click()
        await expect(self.page.locator(f"#h-{to}")).to_be_focused()

    async def to_review(self, server: Site, *names: str, format: str = "csv") -> None:
        """From the first page to the review, with every expiry of these instruments."""
        await self.start(server)
        await self.choose(*names)
        await self.forward("expiries")
        await self.page.locator("#expiries-all").click()
        await self.forward("options")
        await self.page.locator(f"#format-{format}").check()
        await self.forward("review")

    async def export(self) -> str:
        """Start, and give back the id that is in the address now."""
        await self.page.locator("#next").click()
        await self.page.wait_for_url("**/export?task=*")
        return self.page.url.rpartition("=")[2]

    async def done(self) -> None:
        await expect(self.page.locator("#step-task .state")).to_have_text(
            "Completed", timeout=EXPORT_MS
        )

    async def download(self) -> tuple[str, bytes]:
        """What the Download button gives: name and bytes."""
        async with self.page.expect_download() as waiting:
            await self.page.locator("#download").click()
        got = await waiting.value
        return got.suggested_filename, Path(await got.path()).read_bytes()

    async def violations(self) -> list[str]:
        """What axe-core has against the page as it stands."""
        result = await Axe().run(self.page, options={"runOnly": TAGS})
        return [
            f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:4]]}"
            for one in result.response["violations"]
        ]

    async def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        width: int = await self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width


def ask(server: Site, path: str, body: object = None, method: str | None = None) -> Any:
    """The server's JSON answer, asked without the browser."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        server.url + path, data, {"Content-Type": "application/json"}, method=method
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def status(server: Site, task_id: str) -> Any:
    return ask(server, f"/api/export/status/{task_id}")


def everything(
    server: Site, keys: Sequence[str], format: str = "csv", **options: Any
) -> dict[str, Any]:
    """A body that asks for every expiry of these instruments."""
    expiries = ask(server, "/api/export/available-expiries", {"instruments": list(keys)})
    return {"instruments": list(keys), "expiries": expiries, "format": format, "options": options}


def judge(database: Path, task: Mapping[str, Any], content: bytes) -> None:
    """Hold the downloaded bytes against the oracle."""
    request = {**task["spec"], "accepted_at": datetime.fromisoformat(task["created_at"])}
    check_content(expected(database, request), content)
