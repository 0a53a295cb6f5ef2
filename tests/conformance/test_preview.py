"""What is shown before an export is what the export will be."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import Code, ExportError
from exporter.preview import Preview, preview
from exporter.sources.sqlite import MarketDatabase
from tests import makers, oracle
from tests.conformance.judge import ACCEPTED, everything, expected, produce, spec_of
from tests.conformance.options import named, pairwise

Opener = Callable[[Path], MarketDatabase]


async def shown(database: MarketDatabase, request: dict[str, Any]) -> Preview:
    return await preview(database, await spec_of(database, request), ACCEPTED)


@pytest.mark.parametrize("choice", pairwise()[::4], ids=named)
async def test_the_first_rows_are_the_files(
    choice: dict[str, Any], odd: Path, opened: Opener
) -> None:
    options = {name: value for name, value in choice.items() if name != "format"}
    request = everything(odd, choice["format"], **options)
    found = await shown(opened(odd), request)
    wanted = expected(odd, request)
    text = oracle.csv_of(wanted, wanted.parts).decode()
    assert text.startswith(found.text)
    if found.exact:
        assert found.rows == wanted.rows
    else:
        assert found.rows >= wanted.rows
        assert options.keys() & {"from_time", "to_time", "min_volume"}
    assert found.contracts == len(wanted.parts)
    assert found.file_name == oracle.artefact_name(wanted)
    assert found.columns == [title for _, title in oracle.columns(wanted, csv=True)]
    delimiter = oracle.DELIMITERS[options.get("delimiter", "comma")]
    text = found.text.removeprefix("\ufeff")
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert [title.removeprefix("'") for title in rows[0]] == found.columns
    assert len(found.sample) == len(rows) - 1
    assert all(len(row) == len(found.columns) for row in found.sample)
    first = next((part for part in wanted.parts if part.candles), None)
    assert len(found.sample) == min(5, len(first.candles) if first else 0)
    assert bool(found.warnings) == (
        not wanted.rows
        or not all(part.candles for part in wanted.parts)
        or found.careful_contracts > 0
        or not found.exact
        or any(one["value"] is None for one in wanted.money)
    )


@pytest.mark.parametrize("separate", [None, True])
async def test_sizes_are_near_the_truth(
    separate: bool | None, sample: Path, opened: Opener, tmp_path: Path
) -> None:
    options = {} if separate is None else {"separate_files": separate}
    database = opened(sample)
    for kind in ("csv", "json", "jsonl", "zip"):
        request = everything(sample, kind, **options)
        found = await shown(database, request)
        artefact = await produce(database, request, tmp_path / kind)
        assert artefact.size / 2 < found.sizes[kind] < artefact.size * 2


async def test_an_empty_selection(tiny: Path, opened: Opener) -> None:
    found = await shown(opened(tiny), everything(tiny, from_date="2040-01-01"))
    assert (found.rows, found.sample) == (0, [])
    assert found.text == ",".join(found.columns) + "\n"
    assert "no candles" in found.warnings[0]


async def test_it_fails_as_the_export_would(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "bad.db"
    with makers.Maker(path) as made:
        made.contract(candles=[("never", 1, 1, 1, 1, 1, 1)])
    with pytest.raises(ExportError) as failed:
        await shown(opened(path), everything(path))
    assert failed.value.code is Code.BAD_ROW
