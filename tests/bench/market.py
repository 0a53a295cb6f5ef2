"""Databases to measure on: the collector's schema, so many candles, always the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import apsw

from exporter.demo_schema import INDEXES, TABLES
from exporter.symbols import MONTHS

# The contracts of 5 million candles in users' databases are about 1,700.
MEAN_ROWS = 2941
_INSTRUMENTS = (
    ("NSE_INDEX|Nifty 50", "NIFTY", "NSE_FO", 22_000, 50, 75),
    ("NSE_INDEX|Nifty Bank", "BANKNIFTY", "NSE_FO", 48_000, 100, 35),
    ("BSE_INDEX|SENSEX", "SENSEX", "BSE_FO", 73_000, 100, 20),
)
_FIRST_EXPIRY = date(2022, 1, 6)
_STRIKES = 47
# A minute's open, high, low and close in ticks of 0.05 along a slow wave with some noise, the
# newest first, as the broker sends them and the collector stores them.
_CANDLES = """
INSERT INTO historical_data
WITH RECURSIVE n(i) AS (SELECT ?2-1 UNION ALL SELECT i-1 FROM n WHERE i>0),
t AS (SELECT i, ?4 + CAST(900*sin(i/211.0+?5) AS INTEGER) + (i*7919+?5*104729)%61 AS o,
             (i*15485863+?5)%37 AS a, (i*32452843+?5)%31 AS b, (i*49979687+?5)%53 AS c FROM n)
SELECT ?1,
       date(?3, '-'||(?6 - i/375)||' days')||printf('T%02d:%02d:00+05:30',
                                                    (555+i%375)/60, (555+i%375)%60),
       o/20.0, (o+a+53)/20.0, (o-b)/20.0, (o+c)/20.0, ((i*7+?5)%400+1)*?7, (20000+(i*13)%7000)*?7
FROM t"""


def make_market(path: Path, rows: int) -> None:
    """Write a database of exactly `rows` candles to `path`, unless it is there already."""
    if path.exists():
        return
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    database = apsw.Connection(str(part))
    database.execute("PRAGMA journal_mode=OFF").fetchall()
    database.execute("PRAGMA synchronous=OFF; PRAGMA cache_size=-65536")
    database.execute(TABLES)
    database.execute("BEGIN")
    for key, symbol, *_ in _INSTRUMENTS:
        database.execute(
            "INSERT INTO instruments (instrument_key, symbol, name) VALUES (?,?,?)",
            (key, symbol, symbol),
        )
    left = rows
    for number, (contract, expiry, candles, price, lot) in enumerate(_contracts(rows)):
        candles = min(left, candles)
        left -= candles
        database.execute(
            "INSERT INTO contracts (expired_instrument_key, instrument_key, expiry_date,"
            " contract_type, strike_price, trading_symbol, lot_size, tick_size)"
            " VALUES (?,?,?,?,?,?,?,5)",
            (*contract, lot),
        )
        days = (candles + 374) // 375 - 1
        database.execute(
            _CANDLES, (contract[0], candles, expiry.isoformat(), price, number, days, lot)
        )
        if not left:
            break
    database.execute("COMMIT")
    database.execute(INDEXES)
    database.execute("PRAGMA journal_mode=WAL")
    database.close()
    part.rename(path)


def make_many_small(path: Path, contracts: int, rows: int = 375) -> None:
    """One contract of a day's candles for each of so many expiries."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    database = apsw.Connection(str(path))
    database.execute("PRAGMA journal_mode=OFF").fetchall()
    database.execute("PRAGMA synchronous=OFF; BEGIN")
    database.execute(TABLES)
    for number in range(contracts):
        expiry = (_FIRST_EXPIRY + timedelta(days=number)).isoformat()
        key = f"NSE_FO|{number}|{expiry}"
        database.execute(
            "INSERT INTO contracts (expired_instrument_key, instrument_key, expiry_date,"
            " contract_type, strike_price, trading_symbol) VALUES (?,?,?,'CE',22700,'NIFTY 22700')",
            (key, _INSTRUMENTS[0][0], expiry),
        )
        database.execute(_CANDLES, (key, rows, expiry, 3000, number, 0, 75))
    database.execute("COMMIT")
    database.execute(INDEXES)
    database.close()


def _contracts(rows: int) -> Iterator[tuple[tuple[object, ...], date, int, int, int]]:
    """Contracts until they hold `rows`: row, expiry, candles, price in ticks, lot size."""
    wanted = max(1, rows // MEAN_ROWS)
    number, week = 0, 0
    while True:
        for key, symbol, segment, spot, step, lot in _INSTRUMENTS:
            expiry = _FIRST_EXPIRY + timedelta(weeks=week)
            day = f"{expiry.day:02} {MONTHS[expiry.month - 1]} {expiry.year % 100:02}"
            for strike in range(_STRIKES):
                for kind in ("CE", "PE"):
                    number += 1
                    value = spot + step * (strike - _STRIKES // 2)
                    token = f"{segment}|{100_000 + number}|{expiry:%d-%m-%Y}"
                    trading = f"{symbol} {value} {kind} {day}"
                    # From half to one and a half times the mean; the last takes what is left.
                    candles = MEAN_ROWS // 2 + (number * 997) % MEAN_ROWS
                    if number >= wanted:
                        candles = rows
                    yield (
                        (token, key, expiry.isoformat(), kind, value, trading),
                        expiry, candles, 2_000 + 40 * abs(strike - 23) + 1_100, lot,
                    )  # fmt: skip
        week += 1
