"""Small databases as the ExpiryTrack collector writes them, made by tests.

`Maker` lays out the collector's schema and fills in what a test does not care about.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SAMPLE = Path(__file__).parent / "data" / "expirytrack_sample.db.gz"
NIFTY = "NSE_INDEX|Nifty 50"
BANK = "NSE_INDEX|Nifty Bank"
SENSEX = "BSE_INDEX|SENSEX"
EXPIRY = "2025-09-16"
DAY = "2025-09-05"

INSTRUMENTS = """
CREATE TABLE instruments (
    instrument_key TEXT PRIMARY KEY,
    symbol TEXT NOT NULL,
    name TEXT,
    exchange TEXT,
    segment TEXT,
    underlying_type TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
)"""
EXPIRIES = """
CREATE TABLE expiries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instrument_key TEXT NOT NULL,
    expiry_date DATE NOT NULL,
    is_weekly BOOLEAN,
    contracts_fetched BOOLEAN DEFAULT FALSE,
    data_fetched BOOLEAN DEFAULT FALSE,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (instrument_key) REFERENCES instruments(instrument_key),
    UNIQUE(instrument_key, expiry_date)
)"""
CONTRACTS = """
CREATE TABLE contracts (
    expired_instrument_key TEXT PRIMARY KEY,
    instrument_key TEXT NOT NULL,
    expiry_date DATE NOT NULL,
    contract_type TEXT NOT NULL,
    strike_price DECIMAL(10,2),
    trading_symbol TEXT{trading_symbol},
    {openalgo}lot_size INTEGER,
    tick_size DECIMAL(10,2),
    exchange_token TEXT,
    freeze_quantity INTEGER,
    minimum_lot INTEGER,
    metadata JSON,
    data_fetched BOOLEAN DEFAULT FALSE,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (instrument_key) REFERENCES instruments(instrument_key)
)"""
CANDLES = """
CREATE TABLE historical_data (
    expired_instrument_key TEXT NOT NULL,
    timestamp {time} NOT NULL,
    open {price},
    high {price},
    low {price},
    close {price},
    volume {count},
    {oi} BIGINT DEFAULT 0,
    PRIMARY KEY (expired_instrument_key, timestamp),
    FOREIGN KEY (expired_instrument_key) REFERENCES contracts(expired_instrument_key)
)"""
INDEXES = (
    "CREATE INDEX idx_expiry_date ON contracts(expiry_date)",
    "CREATE INDEX idx_contract_type ON contracts(contract_type)",
    "CREATE INDEX idx_strike_price ON contracts(strike_price)",
    "CREATE INDEX idx_instrument_expiry ON contracts(instrument_key, expiry_date)",
    "CREATE INDEX idx_historical_instrument ON historical_data(expired_instrument_key)",
)


class Maker:
    """A database under construction; a context manager that commits and closes.

    `old` leaves out what older collectors did not have; `loose` declares candle columns without
    an affinity or NOT NULL, so that text and NULL stay what they are.
    """

    def __init__(self, path: Path, *, old: bool = False, loose: bool = False) -> None:
        self.path = path
        self._oi = "open_interest" if old else "oi"
        self.db = sqlite3.connect(path)
        self.db.execute(INSTRUMENTS)
        self.db.execute(EXPIRIES)
        self.db.execute(
            CONTRACTS.format(
                openalgo="" if old else "openalgo_symbol TEXT,\n    ",
                trading_symbol="" if old or loose else " NOT NULL",
            )
        )
        self.db.execute(
            CANDLES.format(
                time="BLOB" if loose else "TIMESTAMP",
                price="BLOB" if loose else "DECIMAL(10,2) NOT NULL",
                count="BLOB" if loose else "BIGINT NOT NULL",
                oi=self._oi,
            )
        )
        for statement in INDEXES:
            self.db.execute(statement)
        if not old:
            self.db.execute("CREATE INDEX idx_historical_date ON historical_data(DATE(timestamp))")
            self.db.execute("CREATE INDEX idx_openalgo_symbol ON contracts(openalgo_symbol)")
        self._numbers: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.db.commit()
        self.db.close()

    def instrument(self, key: str, symbol: str) -> None:
        """A line of the instruments table."""
        self.db.execute(
            "INSERT INTO instruments (instrument_key, symbol, name) VALUES (?, ?, ?)",
            (key, symbol, symbol),
        )

    def contract(
        self,
        instrument: str = NIFTY,
        *,
        expiry: str = EXPIRY,
        kind: str = "CE",
        strike: Any = 22700,
        trading_symbol: str | None = "NIFTY 22700 CE 16 SEP 25",
        key: str | None = None,
        segment: str = "NSE_FO",
        lot_size: Any = 75,
        tick_size: Any = 5,
        candles: Iterable[Sequence[Any]] = (),
    ) -> str:
        """A contract and its candles; gives back its key."""
        if key is None:
            number = self._numbers[segment] = self._numbers.get(segment, 40000) + 1
            key = f"{segment}|{number}|{'-'.join(reversed(expiry.split('-')))}"
        self.db.execute(
            "INSERT INTO contracts (expired_instrument_key, instrument_key, expiry_date,"
            " contract_type, strike_price, trading_symbol, lot_size, tick_size)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (key, instrument, expiry, kind, strike, trading_symbol, lot_size, tick_size),
        )
        self.candles(key, candles)
        return key

    def candles(self, key: str, rows: Iterable[Sequence[Any]]) -> None:
        """Candles of a contract: timestamp, open, high, low, close, volume, oi."""
        self.db.executemany(
            "INSERT INTO historical_data (expired_instrument_key, timestamp, open, high, low,"
            f" close, volume, {self._oi}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(key, *row) for row in rows],
        )


def stamp(minute: int, day: str = DAY) -> str:
    """The collector's own form of a candle's start, so many minutes after 09:15."""
    hour, minute = divmod(9 * 60 + 15 + minute, 60)
    return f"{day}T{hour:02}:{minute:02}:00+05:30"


def plain(count: int = 3, day: str = DAY, price: float = 100.0) -> list[tuple[Any, ...]]:
    """Ordinary candles of one day, latest first as the broker sends them."""
    return [
        (
            stamp(n, day),
            price + n,
            price + n + 0.35,
            price + n - 0.05,
            price + n + 0.1,
            75 * (n + 1),
            1500,
        )
        for n in reversed(range(count))
    ]


def sample_database(folder: Path) -> Path:
    """The sample database, unpacked."""
    path = folder / "expirytrack_sample.db"
    with gzip.open(SAMPLE) as packed, path.open("wb") as out:
        shutil.copyfileobj(packed, out)
    return path


def tiny_database(path: Path, *, old: bool = False) -> Path:
    """One of each kind: call, put, future, a careful contract, an empty one, two instruments."""
    with Maker(path, old=old) as made:
        made.instrument(NIFTY, "NIFTY")
        made.instrument("NSE_EQ|INE101A01026", "M&M")
        made.contract(candles=plain())
        made.contract(kind="PE", trading_symbol="NIFTY 22700 PE 16 SEP 25", candles=plain(2))
        made.contract(
            kind="FUT",
            strike=None,
            trading_symbol="NIFTY FUT 16 SEP 25",
            candles=[*plain(2), ("2025-09-16 09:15:30", 1, 2, 0.05, 1.5, 0, None)],
        )
        made.contract(strike=22700.5, trading_symbol="NIFTY 22700.5 CE 16 SEP 25")
        made.contract(
            "NSE_EQ|INE101A01026",
            expiry="2025-09-30",
            strike=3550,
            trading_symbol='M&M 3550 CE, "30 SEP" 25',
            candles=plain(2, "2025-09-30"),
        )
    return path


def slow_database(path: Path, contracts: int = 12, rows: int = 25_000) -> Path:
    """Rows that take long enough to be interrupted: none is in the usual form."""
    with Maker(path) as made:
        for number in range(contracts):
            made.db.execute(
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 - 1)"
                " INSERT INTO historical_data (expired_instrument_key, timestamp, open, high, low,"
                " close, volume, oi)"
                " SELECT ?1, datetime(1750000000 + 60 * i, 'unixepoch'), 1.05, 2, 1, 1.5, 75, 75"
                " FROM n",
                (made.contract(strike=22000 + 50 * number), rows),
            )
    return path


def odd_prices() -> list[tuple[Any, ...]]:
    """Every price that a careless printer would spoil, one candle each."""
    prices = [
        2115,
        2115.0,
        2114.3,
        0.05,
        0.0025,
        83.7525,
        0.00005,
        1e-7,
        1.5e-10,
        1 / 3,
        0.1 + 0.2,
        4.8100000000000005,
        123456789.12,
        99999999999.95,
        1e15,
        1e16,
        1.2345e17,
        1e22,
        2**53 + 1,
        0,
        -37.63,
        -0.0,
        "115.50",
        "0.1000",
    ]
    return [(stamp(n), price, price, price, price, n, n) for n, price in enumerate(prices)]


def odd_times() -> list[tuple[Any, ...]]:
    """Every form of time that files in the wild hold, each an instant of its own."""
    times: list[Any] = [
        "2025-09-05T09:15:00+05:30",
        "2025-09-05 09:16:00",
        "2025-09-05T09:17:00",
        "2025-09-05T03:48:00Z",
        "2025-09-05T03:49:00+00:00",
        "2025-09-04T23:50:00-04:00",
        "2025-09-05T12:51:00+09:00",
        "2025-09-05 09:22:00+05:30",
        "2025-09-05T09:23:00+0530",
        1757044440,  # 09:24
        1757044500000,
        "1757044560",
        1757044620.75,
        1757044680250,
        "2025-09-05T09:29:00.500+05:30",
        "2025-09-05 09:30:59.999999",
        "2025-09-04T18:29:59Z",  # the last second of the 4th in India
        "2025-09-04T18:30:00Z",  # the first of the 5th
        "2025-09-05T00:00:00+05:30",
    ]
    return [(when, 10 + n, 11, 9.5, 10.25, n, None) for n, when in enumerate(times)]


def duplicates() -> list[tuple[Any, ...]]:
    """One instant under several texts; of each the later written stays."""
    return [
        ("2025-09-05T09:16:00+05:30", 1, 1, 1, 1, 1, 1),
        ("2025-09-05T09:15:00+05:30", 2, 2, 2, 2, 2, 2),
        ("2025-09-05 09:15:00", 3, 3, 3, 3, 3, 3),
        (1757044020, 4, 4, 4, 4, 4, 4),
        ("2025-09-05T09:17:00.25+05:30", 5, 5, 5, 5, 5, 5),
        ("2025-09-05T09:17:00.75+05:30", 6, 6, 6, 6, 6, None),
        ("2025-09-05T03:45:00Z", 7, 7, 7, 7, 7, 7),
        ("2025-09-05T09:18:00+05:30", 8, 8, 8, 8, 8, 8),
    ]


def odd_database(path: Path, *, old: bool = False) -> Path:
    """Everything that spec.md's "The database that users have" warns of, and yet is readable."""
    with Maker(path, old=old) as made:
        for key, symbol in (
            (NIFTY, "NIFTY"),
            (BANK, "BANKNIFTY"),
            ("NSE_EQ|INE101A01026", "M&M"),
            ("NCD_FO|USDINR", "USDINR"),
            ("BCD_FO|USDINR", "USDINR"),
            ("NSE_EQ|A", "TWIN SET"),
            ("NSE_EQ|B", "TWIN SET"),
            ("NSE_EQ|C", "TWIN SET"),
            ("NSE|../../x", ""),
            ("NSE|=cmd()", '=1+1,"x"'),
        ):
            made.instrument(key, symbol)
        made.contract(strike=22700, candles=odd_prices())
        made.contract(strike=22750, trading_symbol="NIFTY 22750 CE", candles=odd_times())
        made.contract(strike=22800, trading_symbol="NIFTY 22800 CE", candles=duplicates())
        made.contract(strike=22850, trading_symbol="NIFTY 22850 CE")
        made.contract(
            strike=22900,
            trading_symbol="nifty 22900 CE",
            candles=[
                (stamp(0), 1, 1, 1, 1, 150.0, 825.0),
                (stamp(1), 1, 1, 1, 1, 0, None),
                (stamp(2), 1, 1, 1, 1, 2**40, 0),
            ],
        )
        made.contract(kind="FUT", strike=None, trading_symbol="NIFTY FUT", candles=plain())
        made.contract(expiry="2025-09-09", trading_symbol="NIFTY 22700 CE 09 SEP 25")
        made.contract(expiry="2025-09-23", trading_symbol="NIFTY 22700 CE", candles=plain(5))
        for day in ("2025-09-15", "2025-09-16", "2025-09-17", "2025-09-10", "2025-09-09"):
            made.contract(
                BANK,
                strike=int(day[-2:]) * 100,
                trading_symbol=f"BANKNIFTY {day}",
                candles=[
                    (stamp(0, day), 1.05, 1.1, 1, 1.05, 15, 15),
                    (f"{day} 00:00:00", 1.05, 1.1, 1, 1.05, 15, 15),
                    (f"{day}T23:59:59+05:30", 1.05, 1.1, 1, 1.05, 15, 15),
                    (f"{day}T18:29:59Z", 1.15, 1.2, 1, 1.15, 30, 30),
                    (f"{day}T18:30:00Z", 1.15, 1.2, 1, 1.15, 30, 30),
                ],
            )
        texts = [
            "=1+1",
            "+NIFTY",
            "-NIFTY 1",
            "@SUM(A1)",
            "\tTAB",
            "\rRETURN",
            "a,b",
            'a"b',
            "line\nfeed",
            "line\r\nfeed",
            '=HYPERLINK("http://x",1)',
            "निफ्टी NIFTY",
            "NIFTY → ₹ 😀",
            "'quoted",
            " leading",
            "%s %d %% ?1 \\n",
            "NIFTY\u2028\u0085x",
            "x" * 300,
        ]
        for number, text in enumerate(texts):
            made.contract(
                "NSE_EQ|INE101A01026",
                strike=100 + number / 4,
                trading_symbol=text,
                candles=plain(1),
            )
        if old:
            made.contract("NSE_EQ|INE101A01026", strike=99, trading_symbol=None, candles=plain(1))
        for exchange in ("NCD_FO", "BCD_FO"):
            for strike in (83.75, 84, 0.0025):
                made.contract(
                    f"{exchange}|USDINR",
                    expiry="2025-09-26",
                    strike=strike,
                    trading_symbol=f"USDINR {strike} CE 26 SEP 25",
                    segment=exchange,
                    lot_size=1,
                    tick_size=0.25,
                    candles=plain(2, price=strike),
                )
        for number in range(3):
            made.contract(
                "NSE_EQ|" + "ABC"[number], trading_symbol="TWIN 22700 CE", candles=plain(1)
            )
        made.contract("NSE|../../x", trading_symbol="../../X 1 CE", candles=plain(1))
        made.contract("NSE|=cmd()", trading_symbol="", candles=plain(1))
        made.contract(SENSEX, trading_symbol="SENSEX 1 CE", lot_size=None, tick_size=None)
        for number in (3, 1, 2):
            made.contract(
                SENSEX, strike=80000, key=f"BSE_FO|{number}", trading_symbol="SENSEX 80000 CE"
            )
    return path


def loose_database(path: Path) -> Path:
    """Readable values under columns that let text stay text."""
    with Maker(path, loose=True) as made:
        made.instrument(NIFTY, "NIFTY")
        made.contract(candles=[(stamp(0), "115.50", "116", "0.1000", 115, "150", 825)])
        made.contract(
            strike=22750,
            candles=[
                ("1757044440", 1.5, 2.0, 1e-7, 1e16, 150.0, None),
                ("1757044500000", 2**53 + 1, "1e-7", "1E3", 1, "0", 0),
            ],
        )
        made.contract(strike=22800, trading_symbol=None, candles=plain(1))
    return path


BAD_CANDLES: dict[str, tuple[Any, ...]] = {
    "time-words": ("yesterday", 1, 1, 1, 1, 1, 1),
    "time-empty": ("", 1, 1, 1, 1, 1, 1),
    "time-month": ("2025-13-05T09:15:00+05:30", 1, 1, 1, 1, 1, 1),
    "time-hour": ("2025-09-05T25:15:00+05:30", 1, 1, 1, 1, 1, 1),
    "time-leap": ("2025-02-29T09:15:00+05:30", 1, 1, 1, 1, 1, 1),
    "time-zone": ("2025-09-05T09:15:00 IST", 1, 1, 1, 1, 1, 1),
    "time-huge": (10**18, 1, 1, 1, 1, 1, 1),
    "time-blob": (b"\xff\x00", 1, 1, 1, 1, 1, 1),
    "price-words": (stamp(0), "n/a", 1, 1, 1, 1, 1),
    "price-empty": (stamp(0), 1, "", 1, 1, 1, 1),
    "price-comma": (stamp(0), 1, 1, "1,234.50", 1, 1, 1),
    "price-infinite": (stamp(0), 1, 1, 1, float("inf"), 1, 1),
    "price-blob": (stamp(0), b"\x01\x02", 1, 1, 1, 1, 1),
    "volume-words": (stamp(0), 1, 1, 1, 1, "many", 1),
    "volume-part": (stamp(0), 1, 1, 1, 1, 150.5, 1),
    "volume-empty": (stamp(0), 1, 1, 1, 1, "", 1),
    "oi-words": (stamp(0), 1, 1, 1, 1, 1, "unknown"),
}
BAD_LOOSE: dict[str, tuple[Any, ...]] = {
    "price-null": (stamp(0), None, 1, 1, 1, 1, 1),
    "price-nan-text": (stamp(0), "nan", 1, 1, 1, 1, 1),
    "price-inf-text": (stamp(0), "inf", 1, 1, 1, 1, 1),
    "volume-null": (stamp(0), 1, 1, 1, 1, None, 1),
}


def settle(path: Path) -> Path:
    """Make a fresh database look as if it had been at rest for an hour."""
    at_rest = path.stat().st_mtime_ns - 3600 * 10**9
    os.utime(path, ns=(at_rest, at_rest))
    return path
