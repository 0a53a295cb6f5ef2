"""Holds an artefact against the oracle: bytes for CSV and archives, values for JSON."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from exporter.model import Artefact
from exporter.pipeline import run_export
from exporter.sources.sqlite import MarketDatabase
from exporter.spec import parse_request
from tests import oracle

ACCEPTED = datetime(2025, 9, 19, 9, 14, 56, 789000, oracle.INDIA)
FILE_KEYS = (
    "name", "contract", "symbol", "instrument", "expiry", "lot_size", "tick_size", "rows",
    "first", "last", "duplicates_dropped", "sha256",
)  # fmt: skip
_MOST_SHOWN = 600


def ask(
    instruments: Sequence[str],
    expiries: Mapping[str, Sequence[str]] | Sequence[str],
    format: str = "csv",
    **options: object,
) -> dict[str, Any]:
    """A request as the oracle takes it."""
    return {
        "instruments": list(instruments),
        "expiries": dict(expiries) if isinstance(expiries, Mapping) else list(expiries),
        "format": format,
        "options": options,
        "accepted_at": ACCEPTED,
    }


async def everything(database: MarketDatabase) -> dict[str, list[str]]:
    """Every expiry of every instrument of a database that has any."""
    found = (await database.catalogue()).expiries
    return {key: [day.isoformat() for day in days] for key, days in found.items() if days}


async def export(
    database: MarketDatabase, request: Mapping[str, Any], folder: Path, **how: Any
) -> tuple[Artefact, bytes]:
    """Run the product on a request; its folder is left empty."""
    body = {key: value for key, value in request.items() if key != "accepted_at"}
    spec, _ = parse_request(body, await database.catalogue())
    artefact = await run_export(
        database, spec, accepted_at=request["accepted_at"], folder=folder, **how
    )
    content = Path(artefact.path).read_bytes()
    assert [path.name for path in folder.iterdir()] == [Path(artefact.path).name]
    shutil.rmtree(folder)
    return artefact, content


class Judge:
    """Knows what every export of one database must hold; reads each selection once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: dict[str, oracle.Export] = {}

    def expected(self, request: Mapping[str, Any]) -> oracle.Export:
        """The oracle's word on a request."""
        options = request["options"]
        named = ("symbol_style", "time_range", "from_date", "to_date")
        chosen = {name: options[name] for name in named if name in options}
        identity = repr((request["instruments"], request["expiries"], sorted(chosen.items())))
        if identity not in self._read:
            self._read[identity] = oracle.load(self.path, request)
        return replace(self._read[identity], format=request["format"], options=dict(options))

    def check(self, request: Mapping[str, Any], artefact: Artefact, content: bytes) -> None:
        """Raises AssertionError that says where the artefact leaves the specification."""
        wanted = self.expected(request)
        assert Path(artefact.path).name == oracle.artefact_name(wanted)
        assert artefact.size == len(content)
        assert artefact.sha256 == hashlib.sha256(content).hexdigest()
        assert artefact.rows == wanted.rows
        assert artefact.contracts == len(wanted.parts)
        assert artefact.duplicates_dropped == wanted.dropped
        if wanted.separate or wanted.format == "zip":
            _check_archive(wanted, content)
        elif wanted.format == "csv":
            same_bytes(content, oracle.csv_of(wanted, wanted.parts))
        else:
            value = oracle.parse_json(content)
            assert list(value)[-1] == "summary"
            summary = value.pop("summary")
            assert summary["rows"].text == str(wanted.rows)
            assert summary["duplicates_dropped"].text == str(wanted.dropped)
            same_value(value, oracle.json_value(wanted))


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


def _check_archive(wanted: oracle.Export, content: bytes) -> None:
    found = members(content)
    metadata = oracle.parse_json(found.pop("metadata.json"))
    expected = oracle.zip_members(wanted)
    assert list(found) == list(expected)
    for name, value in expected.items():
        if isinstance(value, bytes):
            same_bytes(found[name], value)
        else:
            same_value(oracle.parse_json(found[name]), value)
    head = oracle.metadata_value(wanted)
    same_value({key: metadata[key] for key in head}, head)
    files = [{key: file[key] for key in FILE_KEYS} for file in metadata["files"]]
    if wanted.separate:
        same_value(files, oracle.archive_metadata(wanted, found)["files"])
        return
    assert [file["contract"] for file in files] == [part.key for part in wanted.parts]
    ((name, data),) = found.items()
    assert {file["name"] for file in files} <= {name}
    assert {file["sha256"] for file in files} <= {hashlib.sha256(data).hexdigest()}
