"""What only Parquet has: row groups, claims about its order, no way on once interrupted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from exporter.control import Control
from exporter.errors import BadInput, Code, ExportError, Suspended
from exporter.formats import parquet
from exporter.model import Progress
from exporter.sources.sqlite import MarketDatabase
from tests import makers
from tests.conformance.judge import check, everything, expected, judged, produce
from tests.conformance.test_memory import database_of

Opener = Callable[[Path], MarketDatabase]


def test_nobody_pays_for_it_who_does_not_ask() -> None:
    code = "import sys, server.app, exporter.facade; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("group", [1, 300, 1000, 10**9])
async def test_row_groups_end_with_contracts(
    group: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opener
) -> None:
    monkeypatch.setattr(parquet, "_GROUP_ROWS", group)
    path = database_of(tmp_path / "some.db", 7, 1)
    request = everything(path, "parquet")
    artefact = await produce(opened(path), request, tmp_path / "out")
    check(expected(path, request), artefact, Path(artefact.path).read_bytes())
    meta = pq.read_metadata(artefact.path)
    sizes = [meta.row_group(number).num_rows for number in range(meta.num_row_groups)]
    # The first has one candle more, and every group but the last one is full.
    whole = {1: [376, *[375] * 6], 300: [376, *[375] * 6], 1000: [1126, 1125, 375]}
    assert sizes == whole.get(group, [2626])


async def test_a_contract_that_is_larger_than_a_row_group_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opener
) -> None:
    monkeypatch.setattr(parquet, "_GROUP_BYTES", 100_000)
    path = database_of(tmp_path / "some.db", 2, 60)
    request = everything(path, "parquet", include_metadata=True)
    artefact = await produce(opened(path), request, tmp_path / "out")
    check(expected(path, request), artefact, Path(artefact.path).read_bytes())
    assert pq.read_metadata(artefact.path).num_row_groups > 2


@pytest.mark.parametrize(
    ("options", "claimed"),
    [
        ({}, ["openalgo_symbol", "timestamp"]),
        ({"columns": ["close", "epoch_s", "openalgo_symbol"]}, ["openalgo_symbol", "epoch_s"]),
        ({"columns": ["close", "openalgo_symbol"]}, ["openalgo_symbol"]),
        ({"include_openalgo": False}, []),
    ],
)
async def test_it_claims_no_order_that_is_not_there(
    options: dict[str, object], claimed: list[str], tmp_path: Path, opened: Opener
) -> None:
    path = database_of(tmp_path / "some.db", 3, 1)
    request = everything(path, "parquet", **options)
    artefact = await produce(opened(path), request, tmp_path / "out")
    meta = pq.read_metadata(artefact.path)
    names = [meta.schema.column(n).name for n in range(meta.num_columns)]
    claims = meta.row_group(0).sorting_columns
    assert [names[one.column_index] for one in claims] == claimed
    rows = pq.read_table(artefact.path, columns=claimed).to_pylist()
    if claimed:
        keys = [tuple(row.values()) for row in rows]
        assert keys == sorted(keys)


async def test_it_says_what_it_is(tiny: Path, opened: Opener, tmp_path: Path) -> None:
    request = everything(tiny, "parquet", symbol_style="openalgo")
    artefact = await produce(opened(tiny), request, tmp_path / "out")
    said = pq.read_metadata(artefact.path).metadata
    assert said[b"exported_at"] == b"2025-09-19T09:14:56+05:30"
    assert said[b"symbol_style"] == b"openalgo"
    assert b'"format":"parquet"' in said[b"spec"]
    assert b'"rows":' in said[b"summary"]
    assert said[b"creator"].startswith(b"expirytrack-export ")


async def test_an_interrupted_one_starts_over_and_says_so(
    sample: Path, opened: Opener, tmp_path: Path
) -> None:
    request = everything(sample, "parquet")
    control = Control()

    def observe(progress: Progress) -> None:
        if progress.contracts_done > 5:
            control.suspend()

    async def save(_: object) -> None:
        raise AssertionError("there is nothing to go on from")

    folder = tmp_path / "out"
    with pytest.raises(Suspended):
        await produce(
            opened(sample), request, folder, control=control, observe=observe, save_checkpoint=save
        )
    assert [path.suffix for path in folder.iterdir()] == [".part"]
    artefact = await produce(opened(sample), request, folder)
    assert "the export started over" in artefact.warnings[0]
    assert [path.name for path in folder.iterdir()] == [Path(artefact.path).name]
    check(expected(sample, request), artefact, Path(artefact.path).read_bytes())


async def test_what_no_column_can_hold_is_named(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "wide.db"
    with makers.Maker(path) as made:
        made.contract(candles=[("2025-09-05T15:17:00+05:30", 1, 1, 1, 1, str(2**63), 1)])
    with pytest.raises(ExportError, match=str(2**63)) as failed:
        await judged(opened(path), everything(path, "parquet"), tmp_path / "out")
    assert failed.value.code is Code.BAD_ROW
    assert not (tmp_path / "out").exists()


async def test_without_the_library_the_command_is_named(
    tiny: Path, opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BadInput, match=r"pip install 'expirytrack-export\[parquet\]'") as refused:
        await produce(opened(tiny), everything(tiny, "parquet"), tmp_path / "out")
    assert refused.value.code is Code.NOT_INSTALLED
