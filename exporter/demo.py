"""A demo database: the collector's schema, filled with an invented market, always the same."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from exporter.demo_market import UNDERLYINGS, DemoContract, Underlying, candles, contracts
from exporter.demo_market import Path as PricePath
from exporter.demo_schema import INDEXES, TABLES
from exporter.files import storage, sync_folder

# Defaults such as CURRENT_TIMESTAMP would make every database a different one.
_MADE_AT = "2025-10-29 06:00:00"
# The collector stores tick sizes in paise.
_TICK_PAISE = 5


def make_demo_database(path: Path) -> None:
    """Write the demo database to `path`, whole or not at all; an existing file is replaced.

    The same contents come out each time. Raises ExportError(STORAGE_*).
    """
    with storage(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        part = Path(name)
        try:
            _fill(part)
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
        sync_folder(path.parent)


def _fill(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        # The file has no name yet, so a crash costs nothing that a journal could save.
        database.execute("PRAGMA journal_mode=OFF")
        database.execute("PRAGMA synchronous=OFF")
        database.executescript(TABLES)
        database.execute("BEGIN")
        for priority, underlying in enumerate(UNDERLYINGS, start=1):
            _instrument(database, underlying, priority)
            path_of_prices = PricePath(underlying)
            for contract in contracts(underlying, path_of_prices):
                _contract(database, contract)
                database.executemany(
                    "INSERT INTO historical_data VALUES (?,?,?,?,?,?,?,?)",
                    candles(contract, path_of_prices),
                )
        database.execute("COMMIT")
        database.executescript(INDEXES)


def _instrument(database: sqlite3.Connection, one: Underlying, priority: int) -> None:
    database.execute(
        "INSERT INTO instruments VALUES (?,?,?,?,?,?,?)",
        (one.key, one.symbol, one.symbol, one.exchange, one.segment, one.kind, _MADE_AT),
    )
    database.execute(
        "INSERT INTO default_instruments (instrument_key, symbol, is_active, priority, created_at)"
        " VALUES (?,?,1,?,?)",
        (one.key, one.key.partition("|")[2] if one.kind == "INDEX" else one.symbol, priority,
         _MADE_AT),
    )  # fmt: skip
    for expiry in sorted((*one.weekly, *one.monthly)):
        database.execute(
            "INSERT INTO expiries (instrument_key, expiry_date, is_weekly, contracts_fetched,"
            " data_fetched, created_at) VALUES (?,?,?,1,1,?)",
            (one.key, expiry, expiry in one.weekly, _MADE_AT),
        )


def _contract(database: sqlite3.Connection, one: DemoContract) -> None:
    database.execute(
        "INSERT INTO contracts VALUES (?,?,?,?,?,?,?,?,?,?,NULL,NULL,?,1,?)",
        (
            one.key,
            one.underlying.key,
            one.expiry.isoformat(),
            one.kind,
            one.strike,
            one.trading_symbol,
            one.openalgo_symbol,
            one.underlying.lot,
            _TICK_PAISE,
            one.token,
            json.dumps({"weekly": one.weekly}),
            _MADE_AT,
        ),
    )
