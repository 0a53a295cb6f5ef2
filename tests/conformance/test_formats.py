"""Every format with every option gives the oracle's bytes, whichever way rows are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from exporter.model import FileFormat, Options
from exporter.options import OPTIONS
from exporter.sources.sqlite import MarketDatabase
from tests import makers
from tests.conformance.judge import ACCEPTED, everything, judged, produce
from tests.conformance.options import AXES, TIMES, compatible, every, named, pairwise

Opener = Callable[[Path], MarketDatabase]


def asked(path: Path, choice: dict[str, Any]) -> dict[str, Any]:
    """A request for everything, from one combination of axes."""
    options = {name: value for name, value in choice.items() if name != "format"}
    return everything(path, choice["format"], **options)


def test_no_option_is_left_untried() -> None:
    tried = {name for choice in pairwise() for name in choice} - {"format"}
    assert tried == {option.name for option in OPTIONS} == {field.name for field in fields(Options)}


@pytest.mark.parametrize("separate", [None, True, False])
@pytest.mark.parametrize("file_format", list(FileFormat))
async def test_all_options_of_a_tiny_database(
    file_format: FileFormat, separate: bool | None, tiny: Path, opened: Opener, tmp_path: Path
) -> None:
    if not compatible({"format": file_format.value}, {"separate_files": separate}):
        return
    database = opened(tiny)
    for choice in every("include_openalgo", "columns", "excel", "symbol_style"):
        if "include_openalgo" not in choice:
            continue
        options = choice if separate is None else {**choice, "separate_files": separate}
        await judged(database, everything(tiny, file_format, **options), tmp_path / "out")


@pytest.mark.parametrize("choice", pairwise(), ids=named)
async def test_any_two_options_of_the_sample(
    choice: dict[str, Any], sample: Path, tmp_path: Path
) -> None:
    request = asked(sample, choice)
    few = request["instruments"][::3]
    request |= {"instruments": few, "expiries": {key: request["expiries"][key] for key in few}}
    for careful in (False, True):
        database = MarketDatabase(sample, careful=careful)
        try:
            await judged(database, request, tmp_path / "out", unpackers=not careful)
        finally:
            await database.close()


@pytest.mark.parametrize("file_format", list(FileFormat))
async def test_one_expiry_of_the_sample(
    file_format: FileFormat, sample: Path, opened: Opener, tmp_path: Path
) -> None:
    request = everything(sample, file_format)
    request["instruments"] = [makers.NIFTY]
    request["expiries"] = [f"{makers.NIFTY}~~~2025-12-23", f"{makers.NIFTY}~~~2025-12-16"]
    members = await judged(opened(sample), request, tmp_path / "out", unpackers=True)
    assert any("Nifty_50" in name or "NIFTY16DEC25C25900" in name for name in members)


@pytest.mark.parametrize("choice", pairwise(), ids=named)
async def test_any_two_options_of_odd_databases(
    choice: dict[str, Any], odd: Path, opened: Opener, tmp_path: Path
) -> None:
    await judged(opened(odd), asked(odd, choice), tmp_path / "out")


@pytest.mark.parametrize("separate", [True, False])
@pytest.mark.parametrize("file_format", list(FileFormat))
async def test_odd_archives_are_read_by_others(
    file_format: FileFormat, separate: bool, odd: Path, opened: Opener, tmp_path: Path
) -> None:
    if not compatible({"format": file_format.value}, {"separate_files": separate}):
        return
    request = everything(odd, file_format, separate_files=separate, excel=True)
    await judged(opened(odd), request, tmp_path / "out", unpackers=True)


@pytest.mark.parametrize("time", TIMES, ids=named)
async def test_time_ranges_of_odd_databases(
    time: dict[str, Any], odd: Path, opened: Opener, tmp_path: Path
) -> None:
    request = everything(odd, "csv", include_metadata=True, **time)
    await judged(opened(odd), request, tmp_path / "out")


@pytest.mark.parametrize("file_format", list(FileFormat))
async def test_both_ways_give_the_same_bytes(
    file_format: FileFormat, sample: Path, tmp_path: Path
) -> None:
    request = everything(sample, file_format, separate_files=file_format is FileFormat.ZIP)
    made: list[dict[str, bytes]] = []
    for careful in (False, True):
        database = MarketDatabase(sample, careful=careful)
        try:
            made.append(await judged(database, request, tmp_path / str(careful)))
        finally:
            await database.close()
    assert made[0] == made[1]


@pytest.mark.parametrize("file_format", list(FileFormat))
async def test_the_servers_zone_does_not_matter(
    zone: str, file_format: FileFormat, odd: Path, opened: Opener, tmp_path: Path
) -> None:
    request = everything(odd, file_format, include_metadata=True, time_range="7d")
    await judged(opened(odd), request, tmp_path / "out")
    await judged(
        opened(odd), {**request, "accepted_at": ACCEPTED.astimezone(UTC)}, tmp_path / "out"
    )


@pytest.mark.parametrize("file_format", list(FileFormat))
async def test_a_selection_without_rows_still_says_what_it_is(
    file_format: FileFormat, tiny: Path, opened: Opener, tmp_path: Path
) -> None:
    request = everything(tiny, file_format, from_date="2040-01-01")
    artefact = await produce(opened(tiny), request, tmp_path / "out")
    assert artefact.rows == 0
    assert artefact.warnings


async def test_the_seeds_own_example(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "seed.db"
    with makers.Maker(path) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        made.contract(
            trading_symbol="NIFTY 16SEP25 22700 CE",
            candles=[("2025-09-05T15:17:00+05:30", 2115.0, 2115.0, 2114.3, 2114.3, 150, 825)],
        )
    members = await judged(opened(path), everything(path), tmp_path / "out")
    assert members == {
        "OpenAlgo_ExpiryTrack_Nifty_50_20250919_091456.csv": (
            b"openalgo_symbol,date,time,timestamp,open,high,low,close,volume,oi\n"
            b"NIFTY16SEP25C22700,2025-09-05,15:17:00,2025-09-05T15:17:00+05:30,"
            b"2115.0,2115.0,2114.3,2114.3,150,825\n"
        )
    }


async def test_one_symbol_on_two_exchanges_keeps_both_files(
    sample: Path, opened: Opener, tmp_path: Path
) -> None:
    request = everything(sample, "zip")
    request["instruments"] = ["NCD_FO|USDINR", "BCD_FO|USDINR"]
    request["expiries"] = {key: ["2025-12-12", "2025-12-19"] for key in request["instruments"]}
    members = await judged(opened(sample), request, tmp_path / "out")
    assert "USDINR12DEC25FUT.csv" in members
    assert "USDINR12DEC25FUT_BCD_FO.csv" in members


def test_every_axis_has_two_values() -> None:
    assert all(len(values) > 1 for values in AXES.values())
