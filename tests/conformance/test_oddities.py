"""Stored values at the edge of what can be read: read right or refused by name, both ways alike."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import Code, ExportError
from exporter.sources.sqlite import MarketDatabase
from tests import makers
from tests.conformance.judge import everything, judged, produce

Opener = Callable[[Path], MarketDatabase]
ONE = (1, 1, 1, 1, 1, 1)


def database(path: Path, candles: list[tuple[Any, ...]], **contract: Any) -> Path:
    """One contract with these candles, in columns that keep what they are given."""
    with makers.Maker(path, loose=True) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        made.contract(candles=candles, **contract)
    return path


async def lines(opened: Opener, path: Path, folder: Path, **options: Any) -> list[str]:
    """The lines of the CSV file after its header, once the judge has agreed to it."""
    files = await judged(opened(path), everything(path, "csv", **options), folder)
    (content,) = files.values()
    return content.decode().splitlines()[1:]


PRICES = [
    (0.00005, "0.00005"),
    (0.1 + 0.2, "0.30000000000000004"),
    (4.8100000000000005, "4.8100000000000005"),
    (1e-7, "0.0000001"),
    (5e-324, "0." + "0" * 323 + "5"),
    (1e22, "10000000000000000000000.0"),
    (1.7976931348623157e308, "17976931348623157" + "0" * 292 + ".0"),
    (2**53 + 1, "9007199254740993.0"),
    (2**63 - 1, "9223372036854775807.0"),
    (999999999.9999, "999999999.9999"),
    (1e9, "1000000000.0"),
    (0.0001, "0.0001"),
    (0.00009999, "0.00009999"),
    (0, "0.0"),
    (-37.63, "-37.63"),
    (-5, "-5.0"),
    ("115.50", "115.5"),
    (" 115.50 ", "115.5"),
    ("9007199254740993", "9007199254740993.0"),
    (".5", "0.5"),
    ("5.", "5.0"),
    ("+1e-7", "0.0000001"),
    ("1E3", "1000.0"),
]


@pytest.mark.parametrize(("stored", "shown"), PRICES, ids=[str(shown)[:24] for _, shown in PRICES])
async def test_a_price_is_the_shortest_text_of_what_is_stored(
    stored: Any, shown: str, tmp_path: Path, opened: Opener
) -> None:
    rows = [(makers.stamp(n), *([stored] * 4), 1, 1) for n in range(2)]
    path = database(tmp_path / "prices.db", rows)
    for line in await lines(opened, path, tmp_path / "out"):
        assert line.split(",")[4:8] == [shown] * 4


COUNTS = [
    (150, "150"),
    (150.0, "150"),
    ("150", "150"),
    ("150.0", "150"),
    (0, "0"),
    (2**53 + 1, "9007199254740993"),
    ("9007199254740993", "9007199254740993"),
    (2**63 - 1, "9223372036854775807"),
    (1e22, "10000000000000000000000"),
    (-75, "-75"),
]


@pytest.mark.parametrize(("stored", "shown"), COUNTS, ids=[repr(stored) for stored, _ in COUNTS])
async def test_a_count_is_an_integer(
    stored: Any, shown: str, tmp_path: Path, opened: Opener
) -> None:
    path = database(tmp_path / "counts.db", [(makers.stamp(0), 1, 1, 1, 1, stored, stored)])
    (line,) = await lines(opened, path, tmp_path / "out")
    assert line.split(",")[8:] == [shown, shown]


async def test_unknown_open_interest_is_empty_and_never_nought(
    tmp_path: Path, opened: Opener
) -> None:
    rows = [(makers.stamp(n), 1, 1, 1, 1, 1, oi) for n, oi in enumerate([None, 0])]
    path = database(tmp_path / "oi.db", rows)
    assert [line.rpartition(",")[2] for line in await lines(opened, path, tmp_path / "out")] == [
        "",
        "0",
    ]
    files = await judged(opened(path), everything(path, "json"), tmp_path / "out")
    (content,) = files.values()
    assert b'"oi":null' in content
    assert b'"oi":0}' in content


TIMES = [
    ("2025-09-05T09:15:00+05:30", "2025-09-05T09:15:00+05:30"),
    ("2025-09-05 09:15:00", "2025-09-05T09:15:00+05:30"),
    ("2025-09-05 09:15", "2025-09-05T09:15:00+05:30"),
    ("2025-09-05T03:45:00Z", "2025-09-05T09:15:00+05:30"),
    ("2025-09-04T18:29:59.999Z", "2025-09-04T23:59:59+05:30"),
    ("2025-09-04T18:30:00-00:00", "2025-09-05T00:00:00+05:30"),
    ("2025-12-31T20:00:00-0400", "2026-01-01T05:30:00+05:30"),
    (1757043900, "2025-09-05T09:15:00+05:30"),
    (1757043900.999, "2025-09-05T09:15:00+05:30"),
    (1757043900999, "2025-09-05T09:15:00+05:30"),
    ("1757043900000", "2025-09-05T09:15:00+05:30"),
    ("2024-02-29T09:15:00+05:30", "2024-02-29T09:15:00+05:30"),
    ("1000-01-01T09:15:00+05:30", "1000-01-01T09:15:00+05:30"),
    ("9998-12-31T09:15:00+05:30", "9998-12-31T09:15:00+05:30"),
]


@pytest.mark.parametrize(("stored", "shown"), TIMES, ids=[repr(stored) for stored, _ in TIMES])
async def test_a_time_is_indian_time(
    stored: Any, shown: str, tmp_path: Path, opened: Opener, zone: str
) -> None:
    # A second candle far away, so that a contract's days need not lie within one another's reach.
    rows = [(stored, *ONE), ("2025-09-08T09:15:00+05:30", *ONE)]
    path = database(tmp_path / "times.db", rows)
    found = [line.split(",")[1:4] for line in await lines(opened, path, tmp_path / "out")]
    assert [shown[:10], shown[11:19], shown] in found


UNREADABLE = [
    "2025-09-05",
    "09:15:00",
    "05-09-2025 09:15:00",
    "2025-09-05T09:15:60+05:30",
    "2025-09-05T24:00:00+05:30",
    "2025-02-29T09:15:00+05:30",
    "2025-09-31T09:15:00+05:30",
    "2025-09-05T09:15:00+05:75",
    "2025-09-05T09:15:00+25:00",
    "2025-09-05T09:15:00+05:30\x00",
    "२०२५-09-05T09:15:00+05:30",
    20250905,
    20250905091500,
    202509050915,
    45905.385,
    1757043900000000,
    0,
    -1757043900,
    1e300,
    float("inf"),
    "1e9999999999999999999",
    b"2025-09-05T09:15:00+05:30",
]


@pytest.mark.parametrize("stored", UNREADABLE, ids=repr)
async def test_what_is_no_time_is_named(stored: Any, tmp_path: Path, opened: Opener) -> None:
    path = database(tmp_path / "times.db", [(stored, *ONE)])
    await refused(opened, path, tmp_path / "out", stored)


@pytest.mark.parametrize(
    "stored",
    [
        None, "", "nan", "1_000", "1,234.5", "0x10", "१२", "1e999", "9" * 500, float("inf"),
        -float("inf"), b"1.5", "1.5\x00",
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("place", [1, 4, 5])
async def test_what_is_no_number_is_named(
    place: int, stored: Any, tmp_path: Path, opened: Opener
) -> None:
    row: list[Any] = [makers.stamp(0), *ONE]
    row[place] = stored
    path = database(tmp_path / "numbers.db", [tuple(row)])
    await refused(opened, path, tmp_path / "out", stored)


@pytest.mark.parametrize("column", ["timestamp", "open", "volume", "oi"])
async def test_text_that_is_not_utf8_is_named(column: str, tmp_path: Path, opened: Opener) -> None:
    path = database(tmp_path / "latin.db", makers.plain())
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"UPDATE historical_data SET {column}=CAST(x'32FF' AS TEXT) WHERE rowid=2")
    failed = await refused(opened, path, tmp_path / "out", "2\\xff")
    assert column in failed.message


async def refused(opened: Opener, path: Path, folder: Path, stored: Any) -> ExportError:
    """The export fails with `bad_row`, and the message names the contract and the value."""
    with pytest.raises(ExportError) as failed:
        await produce(opened(path), everything(path), folder)
    assert failed.value.code is Code.BAD_ROW
    assert "NSE_FO|40001|16-09-2025" in failed.value.message
    assert repr(stored)[:70] in failed.value.message
    assert not folder.exists()
    return failed.value


async def test_a_name_with_a_nul_keeps_what_follows(tmp_path: Path, opened: Opener) -> None:
    path = database(tmp_path / "nul.db", makers.plain(), trading_symbol="NIFTY\x00 22700 CE")
    for line in await lines(opened, path, tmp_path / "out", include_metadata=True):
        assert ",NIFTY\x00 22700 CE," in line


async def test_a_strike_below_nought_is_a_number_and_no_formula(
    tmp_path: Path, opened: Opener
) -> None:
    path = database(tmp_path / "strike.db", makers.plain(), strike=-5)
    for line in await lines(opened, path, tmp_path / "out", include_metadata=True):
        assert line.split(",")[5] == "-5"


async def test_a_table_without_its_key_still_gives_one_row_an_instant(
    tmp_path: Path, opened: Opener
) -> None:
    path = tmp_path / "copy.db"
    with makers.Maker(path) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        made.contract(candles=makers.plain())
        made.db.executescript(
            "CREATE TABLE copy AS SELECT * FROM historical_data;"
            "DROP TABLE historical_data; ALTER TABLE copy RENAME TO historical_data;"
            "INSERT INTO historical_data SELECT expired_instrument_key, timestamp, 7, 7, 7, 7, 7, 7"
            " FROM historical_data WHERE rowid=2"
        )
    artefact = await produce(opened(path), everything(path), tmp_path / "made")
    assert artefact.rows == 3
    assert artefact.duplicates_dropped == 1
    found = await lines(opened, path, tmp_path / "out")
    assert [line.split(",")[4] for line in found] == ["100.0", "7.0", "102.0"]


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        ("2025-09-16", True),
        ("2025-09-16 00:00:00", True),
        ("2025-09-16T00:00:00+05:30", True),
        ("20250916", False),
        ("2025-W38-2", False),
        ("16-09-2025", False),
        ("2025-02-30", False),
        ("", False),
    ],
)
async def test_an_expiry_is_found_again_or_refused(
    stored: str, found: bool, tmp_path: Path, opened: Opener
) -> None:
    path = tmp_path / "expiry.db"
    with makers.Maker(path) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        made.contract(expiry=stored, key="NSE_FO|1", candles=makers.plain())
    request = {**everything(path), "expiries": {makers.NIFTY: ["2025-09-16"]}}
    if found:
        assert (await produce(opened(path), request, tmp_path / "out")).rows == 3
        return
    with pytest.raises(ExportError) as failed:
        await produce(opened(path), request, tmp_path / "out")
    assert failed.value.code is Code.BAD_CONTRACT
    assert makers.NIFTY in failed.value.message
