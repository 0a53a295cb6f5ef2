"""Columns of one's own in the wizard: chosen, moved, renamed, and the file as it was shown."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import expect

from tests.browser.visit import Visit, judge, status
from tests.servers import Server

USUAL = ["openalgo_symbol", "date", "time", "timestamp", "open", "high", "low", "close", "volume",
         "oi"]  # fmt: skip


async def to_columns(visit: Visit, server: Server) -> None:
    """The wizard's third step, with the part about columns open."""
    await visit.start(server)
    await visit.choose("Sensex")
    await visit.forward("expiries")
    await visit.page.locator("#expiries-all").click()
    await visit.forward("options")
    await visit.page.locator("#part-columns > summary").click()
    await expect(visit.page.locator("#columns li")).to_have_count(17)


async def ticked(visit: Visit) -> list[str]:
    names: list[str] = await visit.page.locator("#columns li").evaluate_all(
        "rows => rows.filter(row => row.querySelector('input').checked).map(r => r.dataset.name)"
    )
    return names


async def test_columns_are_chosen_renamed_and_moved(
    site: Server, visit: Visit, sample: Path
) -> None:
    page = visit.page
    await to_columns(visit, site)
    assert await ticked(visit) == USUAL
    for name in ("openalgo_symbol", "date", "time", "high", "low"):
        await page.locator(f"#column-{name}").uncheck()
    await page.locator("#column-epoch_ms").check()
    await page.locator("#as-close").fill("Last price")
    await page.locator("#decimals").select_option("2")
    await page.get_by_role("radio", name="Semicolon").check()
    await page.get_by_role("button", name="Move oi up").click()
    head = "timestamp;epoch_ms;open;Last price;oi;volume"
    await expect(page.locator("#example-text")).to_contain_text(head)
    await expect(page.locator("#side")).to_contain_text("semicolon · 2 decimals")
    await expect(page.locator("#include_metadata")).to_be_disabled()
    await visit.forward("review")
    await expect(page.locator("#review")).to_contain_text(head)
    task_id = await visit.export()
    await visit.done()
    _, content = await visit.download()
    assert content.decode().splitlines()[0] == head
    judge(sample, status(site, task_id), content)
    options = status(site, task_id)["spec"]["options"]
    assert options["columns"][3] == {"name": "close", "as": "Last price"}


async def test_the_order_changes_by_keyboard_and_by_pointer(site: Server, visit: Visit) -> None:
    page = visit.page
    await to_columns(visit, site)
    await page.locator("#column-oi").focus()
    for _ in range(2):
        await page.keyboard.press("Alt+ArrowUp")
    await expect(page.locator("#column-oi")).to_be_focused()
    await expect(page.locator("#live")).to_have_text("oi: 15 of 17")
    assert (await ticked(visit))[-3:] == ["oi", "close", "volume"]
    await page.get_by_role("button", name="Move openalgo_symbol up").press("Enter")
    assert (await ticked(visit))[0] == "openalgo_symbol"

    await page.locator("#columns li").nth(0).scroll_into_view_if_needed()
    grip = page.locator('#columns li[data-name="openalgo_symbol"] .column-grip')
    third = await page.locator("#columns li").nth(2).bounding_box()
    start = await grip.bounding_box()
    assert third is not None
    assert start is not None
    await page.mouse.move(start["x"] + 8, start["y"] + 8)
    await page.mouse.down()
    await page.mouse.move(start["x"] + 8, third["y"] + third["height"] - 4, steps=5)
    await page.mouse.up()
    assert (await ticked(visit))[:3] == ["date", "time", "openalgo_symbol"]
    await expect(page.locator("#example-text")).to_contain_text("date,time,openalgo_symbol,")

    await page.get_by_role("button", name="Usual columns").click()
    assert await ticked(visit) == USUAL
    await expect(page.locator("#part-columns-now")).to_have_text("the usual ones")


async def test_what_is_wrong_is_found_in_its_closed_part(site: Server, visit: Visit) -> None:
    page = visit.page
    await to_columns(visit, site)
    await page.locator("#as-close").fill("open")
    await page.locator("#part-columns > summary").click()
    await page.locator("#next").click()
    await expect(page.locator("#selection-line")).to_have_text("Two columns are headed “open”.")
    await expect(page.locator("#as-close")).to_be_focused()
    await expect(page.locator("#as-close")).to_have_attribute("aria-invalid", "true")
    await page.locator("#as-close").fill("")
    await visit.forward("review")


async def test_columns_survive_a_reload_and_a_second_export(site: Server, visit: Visit) -> None:
    page = visit.page
    await to_columns(visit, site)
    await page.locator("#column-volume").uncheck()
    await page.get_by_role("button", name="Move oi up").click()
    chosen = await ticked(visit)
    await page.reload()
    await page.locator("#part-columns > summary").click()
    await expect(page.locator("#columns-count")).to_have_text("9 columns of 17")
    assert await ticked(visit) == chosen
    await visit.forward("review")
    task_id = await visit.export()
    await visit.done()
    await page.get_by_role("link", name="Change and run again").click()
    await expect(page.locator("#review")).to_contain_text("9 columns")
    again = await visit.export()
    await visit.done()
    assert status(site, again)["spec"] == status(site, task_id)["spec"]
