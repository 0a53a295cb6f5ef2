"""What only workbooks have: sheets that fill up, their names, and files of the library's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from exporter.control import Control
from exporter.errors import BadInput, Code, ExportError, Suspended
from exporter.formats import excel, sheets
from exporter.model import Progress
from exporter.sources.sqlite import MarketDatabase
from tests import makers
from tests.conformance.judge import everything, judged, produce

Opener = Callable[[Path], MarketDatabase]


class _Reached:
    """Says when so many contracts are written."""

    def __init__(self, contracts: int) -> None:
        self.event = asyncio.Event()
        self._contracts = contracts

    def observe(self, progress: Progress) -> None:
        if progress.contracts_done >= self._contracts:
            self.event.set()


def filled(path: Path) -> Path:
    """Two contracts of one expiry with 30 candles each."""
    with makers.Maker(path) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        for strike in (22700, 22800):
            key = made.contract(strike=strike, trading_symbol="NIFTY CE")
            made.candles(key, makers.plain(30, "2025-09-05"))
    return makers.settle(path)


@pytest.mark.parametrize("filter", [{}, {"min_volume": 1}])
async def test_more_rows_than_a_sheet_holds_are_refused(
    filter: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opener
) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 59)
    monkeypatch.setattr(excel, "MOST_ROWS", 59)
    path = filled(tmp_path / "some.db")
    with pytest.raises(ExportError, match="excel_split") as failed:
        await produce(opened(path), everything(path, "xlsx", **filter), tmp_path / "out")
    assert failed.value.code is Code.TOO_MANY_ROWS
    assert ("60 candles" in failed.value.message) == (not filter)
    assert not (tmp_path / "out").exists()


async def test_or_split_into_numbered_sheets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opener
) -> None:
    monkeypatch.setattr(excel, "MOST_ROWS", 25)
    path = filled(tmp_path / "some.db")
    request = everything(path, "xlsx", excel_split=True)
    artefact = await produce(opened(path), request, tmp_path / "out")
    book = openpyxl.load_workbook(artefact.path, read_only=True)
    assert [(one.title, one.max_row) for one in book.worksheets] == [
        ("Contracts", 3), ("Nifty_50 2025-09-16", 26), ("Nifty_50 2025-09-16 (2)", 26),
        ("Nifty_50 2025-09-16 (3)", 11),
    ]  # fmt: skip
    titles = {tuple(next(one.iter_rows(values_only=True))) for one in book.worksheets[1:]}
    assert len(titles) == 1


async def test_too_many_expiries_are_refused(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opener
) -> None:
    monkeypatch.setattr(sheets, "MOST_SHEETS", 2)
    with pytest.raises(ExportError, match="2 sheets"):
        await produce(opened(sample), everything(sample, "xlsx"), tmp_path / "out")


async def test_long_names_and_what_names_cannot_hold(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "names.db"
    long = "A very long name of an instrument"
    with makers.Maker(path) as made:
        for number, name in enumerate((f"{long} one", f"{long} two", "a[b]:c*d?e/f\\'")):
            key = f"NSE_INDEX|{number}"
            made.instrument(key, name)
            made.contract(
                instrument=key, trading_symbol=f"S{number} 22700 CE",
                candles=[("2025-09-05T15:17:00+05:30", 1, 1, 1, 1, 1, 1)],
            )  # fmt: skip
    await judged(opened(path), everything(path, "xlsx"), tmp_path / "out")


async def test_formulas_stay_text(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "formulas.db"
    with makers.Maker(path) as made:
        for number, name in enumerate(("=1+1", "https://example.org", "{=A1}", "@x", "-2", "1e3")):
            made.contract(
                strike=100 + number, trading_symbol=name,
                candles=[("2025-09-05T15:17:00+05:30", 1, 1, 1, 1, 1, 1)],
            )  # fmt: skip
    request = everything(path, "xlsx", columns=["trading_symbol", {"name": "close", "as": "=A1"}])
    artefact = await produce(opened(path), request, tmp_path / "out")
    book = openpyxl.load_workbook(artefact.path)
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s", "n"}
    assert not [cell for cell in cells if cell.hyperlink]


async def test_nothing_of_it_is_left_wherever_it_is_cancelled(
    sample: Path, tmp_path: Path, opened: Opener
) -> None:
    database, request = opened(sample), everything(sample, "xlsx")
    folder = tmp_path / "out"
    for after in (0, 1, 7, 40, 94):
        reached = _Reached(after)
        export = asyncio.create_task(produce(database, request, folder, observe=reached.observe))
        await reached.event.wait()
        export.cancel()
        with pytest.raises(asyncio.CancelledError):
            await export
        assert not folder.exists()


async def test_an_interrupted_one_starts_over(sample: Path, tmp_path: Path, opened: Opener) -> None:
    control, folder = Control(), tmp_path / "out"
    request = everything(sample, "xlsx")

    def observe(progress: Progress) -> None:
        if progress.contracts_done > 5:
            control.suspend()

    with pytest.raises(Suspended):
        await produce(opened(sample), request, folder, control=control, observe=observe)
    assert [path.suffix for path in folder.iterdir()] == [".part"]
    # What a killed process has left is no more than that, and as many files of the library's.
    (folder / "tmpabc").write_bytes(b"left")
    artefact = await produce(opened(sample), request, folder)
    assert "the export started over" in artefact.warnings[0]
    assert [path.name for path in folder.iterdir()] == [Path(artefact.path).name]


async def test_a_workbook_is_one_file(tiny: Path, tmp_path: Path, opened: Opener) -> None:
    request = everything(tiny, "xlsx", separate_files=True)
    with pytest.raises(BadInput, match="sheet for each expiry"):
        await produce(opened(tiny), request, tmp_path / "out")
