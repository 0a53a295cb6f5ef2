"""Holds an artefact against the oracle: bytes for CSV and archives, values for JSON."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import sqlite3
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import zstandard

from exporter.model import Artefact, ExportSpec
from exporter.pipeline import run_export
from exporter.sources.sqlite import MarketDatabase
from exporter.spec import parse_request
from tests import oracle
from tests.conformance.tables import by_symbol, parts_by_folder, same_parquet
from tests.conformance.workbooks import same_workbook

ACCEPTED = datetime(2025, 9, 19, 9, 14, 56, 789000, oracle.INDIA)
FILE_KEYS = (
    "name", "contract", "symbol", "instrument", "expiry", "lot_size", "tick_size", "rows",
    "first", "last", "duplicates_dropped", "sha256",
)  # fmt: skip
_MOST_SHOWN = 600
_MOST_KEPT = 40


def ask(
    instruments: Sequence[str],
    expiries: Mapping[str, Sequence[str]] | Sequence[str],
    file_format: str = "csv",
    **options: object,
) -> dict[str, Any]:
    """A request as the oracle takes it."""
    return {
        "instruments": list(instruments),
        "expiries": dict(expiries) if isinstance(expiries, Mapping) else list(expiries),
        "format": str(file_format),
        "options": options,
        "accepted_at": ACCEPTED,
    }


def everything(path: Path, file_format: str = "csv", **options: object) -> dict[str, Any]:
    """A request for every expiry of every instrument that the database at `path` has."""
    found: dict[str, list[str]] = {}
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        for key, day in db.execute(
            "SELECT instrument_key, expiry_date FROM contracts GROUP BY 1, 2"
        ):
            found.setdefault(key, []).append(day)
    return ask(list(found), found, file_format, **options)


async def spec_of(database: MarketDatabase, request: Mapping[str, Any]) -> ExportSpec:
    """The product's own reading of a request."""
    body = {key: value for key, value in request.items() if key != "accepted_at"}
    return parse_request(body, await database.catalogue())[0]


async def produce(
    database: MarketDatabase, request: Mapping[str, Any], folder: Path, **how: Any
) -> Artefact:
    """Run the product on a request."""
    return await run_export(
        database,
        await spec_of(database, request),
        accepted_at=request["accepted_at"],
        folder=folder,
        **how,
    )


async def judged(
    database: MarketDatabase,
    request: Mapping[str, Any],
    folder: Path,
    *,
    export: oracle.Export | None = None,
    unpackers: bool = False,
    **how: Any,
) -> dict[str, bytes]:
    """Run the product, hold its artefact against the oracle, and give back the files by name.

    The folder is removed afterwards; `unpackers` has other programs read archives too.
    """
    artefact = await produce(database, request, folder, **how)
    content = Path(artefact.path).read_bytes()
    assert [path.name for path in folder.iterdir()] == [Path(artefact.path).name]
    shutil.rmtree(folder)
    return check(export or expected(database.path, request), artefact, content, unpackers=unpackers)


_READ: dict[str, oracle.Export] = {}


def expected(path: Path, request: Mapping[str, Any]) -> oracle.Export:
    """The oracle's word on a request; a selection is read once."""
    options = request["options"]
    named = (
        "symbol_style", "time_range", "from_date", "to_date", "days_before_expiry", "from_time",
        "to_time", "min_volume", "option_types", "strike_from", "strike_to", "strikes_around",
        "only_with_candles",
    )  # fmt: skip
    chosen = {name: options[name] for name in named if name in options}
    identity = repr(
        (path, path.stat().st_mtime_ns, request["instruments"], request["expiries"],
         request["accepted_at"], sorted(chosen.items()))
    )  # fmt: skip
    if identity not in _READ:
        if len(_READ) >= _MOST_KEPT:
            _READ.pop(next(iter(_READ)))
        _READ[identity] = oracle.load(path, request)
    found = replace(_READ[identity], format=request["format"], options=dict(options))
    if found.format != "parquet":
        return found
    groups = parts_by_folder(found).values() if found.separate else [found.parts]
    return replace(found, parts=[part for group in groups for part in by_symbol(group)])


def check(
    wanted: oracle.Export, artefact: Artefact, content: bytes, *, unpackers: bool = False
) -> dict[str, bytes]:
    """Raises AssertionError that says where the artefact leaves the specification."""
    name = Path(artefact.path).name
    assert name == oracle.artefact_name(wanted)
    assert artefact.size == len(content)
    assert artefact.sha256 == hashlib.sha256(content).hexdigest()
    assert artefact.rows == wanted.rows
    assert artefact.contracts == len(wanted.parts)
    assert artefact.duplicates_dropped == wanted.dropped
    return check_content(wanted, content, unpackers=unpackers)


def check_content(
    wanted: oracle.Export, content: bytes, *, unpackers: bool = False
) -> dict[str, bytes]:
    """The bytes alone, as they come out of a download; members by name."""
    if wanted.separate or wanted.format == "zip":
        if unpackers:
            read_by_others(content)
        return _check_archive(wanted, content)
    content = unpacked(content, wanted)
    if wanted.format == "csv":
        same_bytes(content, oracle.csv_of(wanted, wanted.parts))
    elif wanted.format == "parquet":
        same_parquet(content, wanted, wanted.parts)
    elif wanted.format == "xlsx":
        same_workbook(content, wanted)
    elif wanted.format == "jsonl":
        same_value(oracle.parse_lines(content), oracle.jsonl_of(wanted, wanted.parts))
    else:
        value = oracle.parse_json(content)
        assert list(value)[-1] == "summary"
        summary = value.pop("summary")
        assert summary["rows"].text == str(wanted.rows)
        assert summary["duplicates_dropped"].text == str(wanted.dropped)
        same_value(value, oracle.json_value(wanted))
    return {oracle.artefact_name(wanted): content}


def unpacked(content: bytes, wanted: oracle.Export) -> bytes:
    """A compressed document's text, read by other programs than the product's."""
    compression = wanted.options.get("compression", "none")
    if compression == "zstd":
        reader = zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True)
        return reader.read()
    if compression == "none":
        return content
    text = gzip.decompress(content)
    assert int.from_bytes(content[4:8], "little") == int(wanted.accepted_at.timestamp())
    # One member: what follows would be lost on readers that know no other.
    alone = zlib.decompressobj(wbits=31)
    assert alone.decompress(content) == text
    assert alone.eof
    assert not alone.unused_data
    return text


def same_bytes(actual: bytes, expected: bytes) -> None:
    """Assert equality, and show the first line that differs."""
    if actual == expected:
        return
    pairs = zip(actual.splitlines(True), expected.splitlines(True), strict=False)
    for number, (left, right) in enumerate(pairs):
        assert left[:_MOST_SHOWN] == right[:_MOST_SHOWN], f"line {number}"
    raise AssertionError(f"{len(actual)} bytes instead of {len(expected)}, one begins the other")


def same_value(actual: Any, expected: Any) -> None:
    """Assert that two parsed JSON values are alike, the order of keys included."""
    if not oracle.same_with_order(actual, expected):
        assert actual == expected
        raise AssertionError("the keys stand in another order")


def read_by_others(content: bytes) -> None:
    """`unzip -t` and 7z accept the archive."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive.zip"
        path.write_bytes(content)
        for command in (["unzip", "-tqq", str(path)], ["7z", "t", "-bso0", "-bsp0", str(path)]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


def members(content: bytes) -> dict[str, bytes]:
    """An archive's members in order, read by zipfile; no name twice."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert len(set(names)) == len(names)
        assert archive.testzip() is None
        return {name: archive.read(name) for name in names}


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_archive(wanted: oracle.Export, content: bytes) -> dict[str, bytes]:
    found = members(content)
    others = dict(found)
    metadata = oracle.parse_json(others.pop("metadata.json"))
    if wanted.format == "parquet":
        groups = parts_by_folder(wanted)
        assert list(others) == list(groups)
        for name, parts in groups.items():
            same_parquet(others[name], wanted, parts, folders=True)
        expected_members = {}
    else:
        expected_members = oracle.zip_members(wanted)
        assert list(others) == list(expected_members)
    for name, value in expected_members.items():
        if isinstance(value, bytes):
            same_bytes(others[name], value)
        else:
            parse = oracle.parse_lines if isinstance(value, list) else oracle.parse_json
            same_value(parse(others[name]), value)
    head = oracle.metadata_value(wanted)
    same_value({key: metadata[key] for key in head}, head)
    files = [{key: file[key] for key in FILE_KEYS} for file in metadata["files"]]
    if wanted.format == "parquet":
        # A file of several contracts is no contract's own.
        assert [file["sha256"] for file in files] == [None] * len(files)
        files = [{**file, "sha256": hash_of(others[file["name"]])} for file in files]
    same_value(files, oracle.archive_metadata(wanted, others)["files"])
    return found
