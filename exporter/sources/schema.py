"""What the collector's tables look like in this very file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import aiosqlite

from exporter.errors import Code, ExportError

_KEY = {"expired_instrument_key", "timestamp"}
_NEEDED = {
    "contracts": {
        "expired_instrument_key",
        "instrument_key",
        "expiry_date",
        "contract_type",
        "strike_price",
        "trading_symbol",
    },
    "historical_data": {
        "expired_instrument_key",
        "timestamp",
        "open",
        "high",
        "low",
        "close",
        "volume",
    },
}


@dataclass(frozen=True, slots=True)
class Schema:
    """Which of the columns that differ between the collector's versions are there.

    `keyed`: the table itself keeps a contract from having one timestamp twice; `named`: its table
    can find a contract by its key.
    """

    oi: str
    lot_size: str
    tick_size: str
    instrument_symbol: str | None
    keyed: bool
    named: bool


async def read_schema(connection: aiosqlite.Connection, path: Path) -> Schema:
    """Raises ExportError(DATABASE_SCHEMA) that names every missing table and column."""
    columns: dict[str, set[str]] = {}
    for table in ("contracts", "historical_data", "instruments"):
        rows = await connection.execute_fetchall(f"PRAGMA table_info({table})")
        columns[table] = {str(row[1]) for row in rows}
    problems = [f"table {table}" for table in _NEEDED if not columns[table]]
    for table, needed in _NEEDED.items():
        if columns[table]:
            problems += [f"column {table}.{name}" for name in sorted(needed - columns[table])]
    candles = columns["historical_data"]
    oi = next((name for name in ("oi", "open_interest") if name in candles), None)
    if candles and oi is None:
        problems.append("column historical_data.oi")
    if problems or oi is None:
        raise ExportError(
            Code.DATABASE_SCHEMA,
            f"{path} is not an ExpiryTrack database: it has no {', no '.join(problems)}",
        )
    instruments = columns["instruments"]
    return Schema(
        oi=oi,
        lot_size="lot_size" if "lot_size" in columns["contracts"] else "NULL",
        tick_size="tick_size" if "tick_size" in columns["contracts"] else "NULL",
        instrument_symbol="symbol" if {"symbol", "instrument_key"} <= instruments else None,
        keyed=_KEY in await _unique(connection, "historical_data"),
        named={"expired_instrument_key"} in await _unique(connection, "contracts"),
    )


async def _unique(connection: aiosqlite.Connection, table: str) -> list[set[str]]:
    """The columns of each index that keeps rows of the table apart."""
    rows = await connection.execute_fetchall(
        "SELECT group_concat(info.name) FROM pragma_index_list(?1) AS list"
        " JOIN pragma_index_info(list.name) AS info"
        ' WHERE list."unique" AND NOT list.partial GROUP BY list.name',
        (table,),
    )
    return [set(str(names).split(",")) for (names,) in rows]
