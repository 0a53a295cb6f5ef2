"""Parquet files against the oracle's rows, read by DuckDB, which did not write them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tests import oracle

FOLDERS = ("instrument", "expiry")
_TYPES = {
    "date": "DATE", "time": "TIME", "expiry": "DATE", "timestamp": "TIMESTAMP WITH TIME ZONE",
    "epoch_s": "BIGINT", "epoch_ms": "BIGINT", "volume": "BIGINT", "oi": "BIGINT",
    "strike": "DOUBLE", "open": "DOUBLE", "high": "DOUBLE", "low": "DOUBLE", "close": "DOUBLE",
}  # fmt: skip


def same_parquet(
    content: bytes, export: oracle.Export, parts: Sequence[oracle.Part], *, folders: bool = False
) -> None:
    """Assert names, types and values, and that the order is the one that the file claims."""
    named = [
        (name, title)
        for name, title in oracle.columns(export, csv=True)
        if not (folders and name in FOLDERS)
    ]
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as db:
        path = Path(folder) / "one.parquet"
        path.write_bytes(content)
        found = db.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        assert [(one[0], one[1]) for one in found] == [
            (title, _TYPES.get(name, "VARCHAR")) for name, title in named
        ]
        rows = db.execute(
            f"SELECT {', '.join(_said(name, title) for name, title in named)} FROM read_parquet(?)",
            [str(path)],
        ).fetchall()
        groups = db.execute(
            "SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata(?)",
            [str(path)],
        ).fetchall()
    assert sum(count for _, count in groups) == len(rows)
    wanted = [
        tuple(_value(name, oracle.value_of(export, part, candle, name)) for name, _ in named)
        for part in parts
        for candle in part.candles
    ]
    for number, (left, right) in enumerate(zip(rows, wanted, strict=True)):
        assert left == right, f"row {number}"


def parts_by_folder(export: oracle.Export) -> dict[str, list[oracle.Part]]:
    """The parts of each member of an archive of Parquet, members in order."""
    out: dict[str, list[oracle.Part]] = {}
    for part in export.parts:
        (name,) = oracle.member_names(replace(export, parts=[part]))
        out.setdefault(name, []).append(part)
    return out


def by_symbol(parts: Iterable[oracle.Part]) -> list[oracle.Part]:
    """As Parquet has them."""
    return sorted(parts, key=lambda part: (part.symbol, part.key))


def _said(name: str, title: str) -> str:
    column = '"' + title.replace('"', '""') + '"'
    # DuckDB would ask for another library to say a moment.
    return f"epoch_ms({column})" if name == "timestamp" else column


def _value(name: str, value: str | oracle.Number | None) -> Any:
    if value is None:
        return None
    kind = _TYPES.get(name, "VARCHAR")
    if kind == "DATE":
        return date.fromisoformat(str(value))
    if kind == "TIME":
        return time.fromisoformat(str(value))
    if isinstance(value, str):
        return value if kind == "VARCHAR" else _milliseconds(value)
    return float(value.text) if kind == "DOUBLE" else int(value.text)


def _milliseconds(stamp: str) -> int:
    return (datetime.fromisoformat(stamp) - oracle.EPOCH) // timedelta(milliseconds=1)
