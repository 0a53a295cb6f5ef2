"""The library's face, with the names of the seed document."""

from __future__ import annotations

import json
import zipfile
from datetime import date
from pathlib import Path

import pytest

import exporter
from exporter import DataExporter
from exporter.errors import BadInput, Code, ExportError
from tests import makers

CHOSEN = {makers.NIFTY: ["2025-09-16"]}


@pytest.fixture
def library(tmp_path: Path) -> DataExporter:
    database = makers.tiny_database(tmp_path / "tiny.db")
    return DataExporter(database, tmp_path / "exports")


def test_the_names_of_the_seed() -> None:
    assert exporter.__all__ == ["DataExporter"]
    for name in ("export_to_csv", "export_to_json", "export_to_zip", "get_available_expiries"):
        assert callable(getattr(DataExporter, name))


def test_csv(library: DataExporter, tmp_path: Path) -> None:
    path = library.export_to_csv([makers.NIFTY], CHOSEN, include_metadata=True)
    assert path.is_relative_to(tmp_path / "exports")
    assert path.name.startswith("OpenAlgo_ExpiryTrack_Nifty_50_")
    assert path.read_text().startswith("openalgo_symbol,date,time,instrument,")


def test_json(library: DataExporter) -> None:
    path = library.export_to_json([makers.NIFTY], CHOSEN, symbol_style="openalgo")
    data = json.loads(path.read_text())["data"]["Nifty_50"]["2025-09-16"]
    assert [one["openalgo_symbol"] for one in data] == [
        "NIFTY16SEP25FUT",
        "NIFTY16SEP2522700CE",
        "NIFTY16SEP2522700PE",
        "NIFTY16SEP2522700.5CE",
    ]


def test_zip(library: DataExporter) -> None:
    with zipfile.ZipFile(library.export_to_zip([makers.NIFTY], CHOSEN)) as archive:
        assert archive.testzip() is None
        assert "NIFTY16SEP25C22700.csv" in archive.namelist()


def test_dates_may_be_dates(library: DataExporter) -> None:
    path = library.export_to_csv((makers.NIFTY,), {makers.NIFTY: (date(2025, 9, 16),)})
    assert path.exists()


def test_two_exports_in_one_second_share_no_file(library: DataExporter) -> None:
    made = {library.export_to_csv([makers.NIFTY], CHOSEN) for _ in range(3)}
    assert len(made) == 3


def test_available_expiries(library: DataExporter) -> None:
    assert library.get_available_expiries([makers.NIFTY, "nobody", makers.SENSEX]) == {
        makers.NIFTY: ["2025-09-16"],
        "nobody": [],
        makers.SENSEX: [],
    }


def test_what_is_wrong_is_said_and_nothing_written(library: DataExporter, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as failed:
        library.export_to_csv(["nobody"], {"nobody": ["2025-09-16"]}, colour="red")
    assert len(failed.value.problems) == 2
    assert not (tmp_path / "exports").exists()
    with pytest.raises(ExportError) as missing:
        DataExporter(tmp_path / "none.db").get_available_expiries([])
    assert missing.value.code is Code.DATABASE_MISSING


async def test_the_asynchronous_twins(library: DataExporter) -> None:
    artefact = await library.export_async("csv", [makers.NIFTY], CHOSEN)
    assert artefact.rows == 8
    assert Path(artefact.path).stat().st_size == artefact.size
    assert await library.get_available_expiries_async([makers.NIFTY]) == CHOSEN
