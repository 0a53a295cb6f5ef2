"""What others take for the same rows: ExpiryTrack's method, the sqlite3 shell, DuckDB.

Each runs as a process of its own, so that its memory is its own: `python -m tests.bench.peers
NAME DATABASE OUT` writes OUT and prints the number of rows.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

_CONTRACTS = (
    "SELECT expired_instrument_key, expiry_date, contract_type, strike_price, trading_symbol,"
    " instrument_key FROM contracts ORDER BY instrument_key, expiry_date, strike_price,"
    " contract_type"
)
_CANDLE = ["date", "time", "timestamp", "open", "high", "low", "close", "volume", "oi"]
_COLUMNS = ["openalgo_symbol", *_CANDLE]


def _symbol(contract: Any) -> str:
    """Worked out again for every row, as ExpiryTrack does."""
    expiry = datetime.strptime(contract[1], "%Y-%m-%d")
    base = contract[4].split(" ")[0]
    kind = {"CE": "C", "PE": "P"}.get(contract[2], "FUT")
    strike = "" if kind == "FUT" else f"{contract[3]:g}"
    return f"{base}{expiry.strftime('%d%b%y').upper()}{kind}{strike}"


def _rows(database: sqlite3.Connection, contract: Any) -> Iterator[dict[str, Any]]:
    """One dict a row, with its symbol, date and time taken apart again."""
    for row in database.execute(
        "SELECT timestamp, open, high, low, close, volume, oi FROM historical_data"
        " WHERE expired_instrument_key = ? ORDER BY timestamp",
        (contract[0],),
    ):
        moment = datetime.fromisoformat(row[0])
        yield {
            "openalgo_symbol": _symbol(contract),
            "date": moment.strftime("%Y-%m-%d"),
            "time": moment.strftime("%H:%M:%S"),
            "timestamp": row[0],
            "open": row[1],
            "high": row[2],
            "low": row[3],
            "close": row[4],
            "volume": row[5],
            "oi": row[6],
        }


def expirytrack_csv(path: Path, out: Path) -> int:
    """Every row a dict in one list, one DataFrame, `to_csv`."""
    import pandas

    with sqlite3.connect(path) as database:
        rows = [
            row
            for contract in database.execute(_CONTRACTS).fetchall()
            for row in _rows(database, contract)
        ]
    pandas.DataFrame(rows)[_COLUMNS].to_csv(out, index=False)
    return len(rows)


def expirytrack_json(path: Path, out: Path) -> int:
    """One nested dict, `json.dump` with an indent of 2."""
    data: dict[str, dict[str, list[Any]]] = {}
    count = 0
    with sqlite3.connect(path) as database:
        for contract in database.execute(_CONTRACTS).fetchall():
            rows = list(_rows(database, contract))
            count += len(rows)
            data.setdefault(contract[5], {}).setdefault(contract[1], []).append(
                {
                    "openalgo_symbol": _symbol(contract),
                    "trading_symbol": contract[4],
                    "strike": contract[3],
                    "option_type": contract[2],
                    "historical_data": rows,
                }
            )
    with out.open("w") as file:
        json.dump({"metadata": {"exported_at": str(date.today())}, "data": data}, file, indent=2)
    return count


def expirytrack_zip(path: Path, out: Path) -> int:
    """One DataFrame a contract, `to_csv` into a deflated member."""
    import pandas

    count = 0
    with sqlite3.connect(path) as database, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for contract in database.execute(_CONTRACTS).fetchall():
            rows = list(_rows(database, contract))
            count += len(rows)
            frame = pandas.DataFrame(rows, columns=_COLUMNS)
            file.writestr(f"{_symbol(contract)}.csv", frame.to_csv(index=False))
    return count


_QUERY = (
    "SELECT k.symbol AS openalgo_symbol, substr(h.timestamp,1,10) AS date,"
    " substr(h.timestamp,12,8) AS time, h.timestamp, h.open, h.high, h.low, h.close, h.volume,"
    " h.oi FROM historical_data h JOIN ({contracts}) k"
    " ON k.expired_instrument_key=h.expired_instrument_key ORDER BY k.place, h.timestamp"
)


def sqlite_csv(path: Path, out: Path) -> int:
    """The sqlite3 shell in CSV mode, one SELECT a contract."""
    with sqlite3.connect(path) as database:
        contracts = database.execute(_CONTRACTS).fetchall()
    script = [".mode csv", f".output {out}"]
    script += [
        f"SELECT '{_symbol(contract)}', substr(timestamp,1,10), substr(timestamp,12,8), timestamp,"
        " open, high, low, close, volume, oi FROM historical_data"
        f" WHERE expired_instrument_key='{contract[0]}' ORDER BY timestamp;"
        for contract in contracts
    ]
    subprocess.run(
        ["sqlite3", "-readonly", str(path)], input="\n".join(script), text=True, check=True
    )
    return _lines(out)


def duckdb_csv(path: Path, out: Path) -> int:
    """DuckDB's COPY of the same query through its SQLite scanner, or of attached rows."""
    import duckdb
    from duckdb_extensions import import_extension

    import_extension("sqlite_scanner")
    with sqlite3.connect(path) as database:
        contracts = database.execute(_CONTRACTS).fetchall()
    duck = duckdb.connect()
    duck.execute("CREATE TABLE k (expired_instrument_key VARCHAR, symbol VARCHAR, place INTEGER)")
    duck.executemany(
        "INSERT INTO k VALUES (?,?,?)",
        [(contract[0], _symbol(contract), place) for place, contract in enumerate(contracts)],
    )
    duck.execute("LOAD sqlite_scanner")
    # Declared TIMESTAMP, stored as text with an offset: as text it is read as it stands.
    duck.execute("SET sqlite_all_varchar=true")
    duck.execute(f"ATTACH '{path}' AS market (TYPE sqlite, READ_ONLY)")
    query = _QUERY.format(contracts="SELECT * FROM k").replace(
        "historical_data", "market.historical_data"
    )
    duck.execute(f"COPY ({query}) TO '{out}' (HEADER)")
    return _lines(out) - 1


def floor(path: Path, out: Path) -> int:
    """Stepping all rows in time order in the product's own SQLite, with no output at all."""
    import apsw

    database = apsw.Connection(
        f"file:{path}?mode=ro", flags=apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READONLY
    )
    count = 0
    for contract in database.execute(_CONTRACTS).fetchall():
        for row in database.execute(
            "SELECT max(open)+max(high)+max(low)+max(close)+max(volume)+max(oi), count(*)"
            " FROM (SELECT * FROM historical_data WHERE expired_instrument_key=?"
            " ORDER BY timestamp LIMIT -1)",
            (contract[0],),
        ):
            count += row[1]
    out.touch()
    return count


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


PEERS: dict[str, Callable[[Path, Path], int]] = {
    "expirytrack-csv": expirytrack_csv,
    "expirytrack-json": expirytrack_json,
    "expirytrack-zip": expirytrack_zip,
    "sqlite3 -csv": sqlite_csv,
    "duckdb": duckdb_csv,
    "floor": floor,
}

if __name__ == "__main__":
    print(PEERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3])))
