"""A compressed file from the wizard: offered as far as the server takes it, and what it says."""

from __future__ import annotations

import gzip

from playwright.async_api import expect

from tests.browser.visit import Visit, ask, status
from tests.makers import SENSEX
from tests.servers import Server


async def test_a_compressed_file_holds_the_same(site: Server, visit: Visit) -> None:
    page = visit.page
    named = {one["name"]: one for one in ask(site, "/api/options")["options"]}
    await visit.start(site)
    await visit.choose("Sensex")
    await visit.forward("expiries")
    await page.locator("#expiries-all").click()
    await visit.forward("options")
    await expect(page.locator("#columns li")).to_have_count(17)
    if "compression" not in named:
        await expect(page.locator("#compression-field")).to_be_hidden()
        return
    await page.get_by_role("radio", name="gzip").check()
    await page.get_by_role("radio", name="Small").check()
    await visit.forward("review")
    await expect(page.locator("#review")).to_contain_text("CSV, one file, gzip, small")
    task_id = await visit.export()
    await visit.done()
    name, content = await visit.download()
    assert name.endswith(".csv.gz")
    assert status(site, task_id)["spec"]["instruments"] == [SENSEX]
    assert gzip.decompress(content).startswith(b"openalgo_symbol,date,time,timestamp,")
