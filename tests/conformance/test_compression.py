"""Compressed documents: read by programs that are not ours, and the same bytes each time."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.model import Compression, FileFormat, Level
from exporter.sources.sqlite import MarketDatabase
from tests import oracle
from tests.conformance.judge import check, everything, expected, produce

Opener = Callable[[Path], MarketDatabase]
COMPRESSED = [one for one in Compression if one is not Compression.NONE]


async def test_gunzip_reads_the_whole(sample: Path, opened: Opener, tmp_path: Path) -> None:
    request = everything(sample, compression="gzip")
    artefact = await produce(opened(sample), request, tmp_path / "out")
    assert artefact.path.endswith(".csv.gz")
    done = await asyncio.to_thread(
        subprocess.run, ["gunzip", "-c", artefact.path], capture_output=True, check=True
    )
    wanted = expected(sample, request)
    assert done.stdout == oracle.csv_of(wanted, wanted.parts)
    assert not done.stderr


@pytest.mark.parametrize("compression", COMPRESSED)
@pytest.mark.parametrize("file_format", [FileFormat.CSV, FileFormat.JSON])
async def test_the_bytes_are_the_same_each_time(
    compression: Compression, file_format: FileFormat, sample: Path, tmp_path: Path
) -> None:
    # isal, of gzip's other levels, promises no such thing.
    level = "balanced" if compression is Compression.ZSTD else "small"
    request = everything(sample, file_format, compression=compression.value, level=level)
    digests = set()
    for readers in (1, 2, 4):
        database = MarketDatabase(sample, readers=readers)
        try:
            digests.add((await produce(database, request, tmp_path / str(readers))).sha256)
        finally:
            await database.close()
    assert len(digests) == 1


@pytest.mark.parametrize("compression", COMPRESSED)
async def test_a_higher_level_takes_less_room(
    compression: Compression, sample: Path, opened: Opener, tmp_path: Path
) -> None:
    sizes = []
    for level in (Level.FAST, Level.BALANCED, Level.SMALL):
        request = everything(sample, compression=compression.value, level=level.value)
        artefact = await produce(opened(sample), request, tmp_path / level.value)
        check(expected(sample, request), artefact, Path(artefact.path).read_bytes())
        sizes.append(artefact.size)
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


@pytest.mark.parametrize("compression", COMPRESSED)
@pytest.mark.parametrize("file_format", [FileFormat.CSV, FileFormat.JSON])
async def test_nothing_but_a_header(
    compression: Compression, file_format: FileFormat, tiny: Path, opened: Opener, tmp_path: Path
) -> None:
    request = everything(tiny, file_format, compression=compression.value, from_date="2040-01-01")
    artefact = await produce(opened(tiny), request, tmp_path / "out")
    check(expected(tiny, request), artefact, Path(artefact.path).read_bytes())


@pytest.mark.extras
@pytest.mark.parametrize("ending", ["gz", "zst"])
async def test_pandas_and_duckdb_read_every_row(ending: str, sample: Path, tmp_path: Path) -> None:
    import duckdb
    import pandas

    compression = {"gz": "gzip", "zst": "zstd"}[ending]
    database = MarketDatabase(sample)
    try:
        request = everything(sample, compression=compression, decimals=2)
        artefact = await produce(database, request, tmp_path / "out")
    finally:
        await database.close()
    frame = pandas.read_csv(artefact.path)
    assert len(frame) == artefact.rows
    assert list(frame.columns)[-1] == "oi"
    ((rows,),) = duckdb.sql(f"SELECT count(*) FROM read_csv('{artefact.path}')").fetchall()
    assert rows == artefact.rows
