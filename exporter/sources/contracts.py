"""The contracts table, parsed once into values that can be trusted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import aiosqlite
import orjson

from exporter.errors import Code, ExportError
from exporter.model import Contract, Instrument
from exporter.sources.base import Catalogue
from exporter.sources.schema import Schema
from exporter.symbols import base_symbol
from exporter.values import Unreadable, price_text, stored_time

# Always offered, always first, under these names (spec, "Words").
WELL_KNOWN = {
    "NSE_INDEX|Nifty 50": "Nifty 50",
    "NSE_INDEX|Nifty Bank": "Bank Nifty",
    "BSE_INDEX|SENSEX": "Sensex",
}
_OF_EXPIRIES = "FROM contracts WHERE instrument_key=?1 AND expiry_date>=?2 AND expiry_date<?3"
# Both ways to the same rows, along the index and along the table itself: groups that are not
# there twice tell of an index entry, or of a row, that is damaged or lost.
_GROUPS = """
  SELECT instrument_key, expiry_date, count(*) AS number FROM contracts {0}
  WHERE instrument_key IN (SELECT value FROM json_each(?1)) GROUP BY 1, 2"""
_DISAGREEMENTS = f"""
SELECT instrument_key FROM ({_GROUPS.format("")} UNION ALL {_GROUPS.format("NOT INDEXED")})
GROUP BY instrument_key, expiry_date, number HAVING count(*)<>2"""
# The plus keeps SQLite from looking the row up by its number, where it would find itself.
_NAMED = """EXISTS (SELECT 1 FROM contracts AS same
  WHERE same.expired_instrument_key=contracts.expired_instrument_key
  AND +same.rowid=contracts.rowid)"""
# As bytes where it is text: not all text can be decoded.
_NEWEST = f"""
SELECT iif(typeof(last)='text', CAST(last AS BLOB), last) FROM (
  SELECT (SELECT max(timestamp) FROM historical_data AS candles
          WHERE candles.expired_instrument_key=contracts.expired_instrument_key) AS last
  {_OF_EXPIRIES})"""
_KINDS = ("CE", "PE", "FUT")
_EXPIRY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]00:00(?::00)?.*)?")


def display_name(key: str, symbol: str) -> str:
    """The name people see for an instrument key (spec, "Words")."""
    return WELL_KNOWN.get(key) or symbol or key.partition("|")[2] or key


async def read_catalogue(connection: aiosqlite.Connection, schema: Schema) -> Catalogue:
    """Raises ExportError(BAD_CONTRACT) for an expiry that is not a date."""
    counts: dict[str, dict[date, int]] = {}
    for key, stored, contracts in await connection.execute_fetchall(
        "SELECT instrument_key, expiry_date, count(*) FROM contracts GROUP BY 1, 2"
    ):
        expiry = _expiry(f"contracts of {key}", stored)
        by_date = counts.setdefault(str(key), {})
        by_date[expiry] = by_date.get(expiry, 0) + contracts
    symbols = await _symbols(connection, schema)
    keys = [*WELL_KNOWN, *sorted(set(counts) - set(WELL_KNOWN), key=_by_name(symbols))]
    return Catalogue(
        instruments=tuple(
            Instrument(
                key,
                display_name(key, symbols.get(key, "")),
                symbols.get(key, ""),
                len(counts.get(key, {})),
                sum(counts.get(key, {}).values()),
            )
            for key in keys
        ),
        expiries={key: tuple(sorted(days, reverse=True)) for key, days in counts.items()},
        contracts=sum(sum(days.values()) for days in counts.values()),
    )


async def read_contracts(
    connection: aiosqlite.Connection,
    schema: Schema,
    instrument: str,
    expiries: Collection[date],
    *,
    nameless: bool = False,
) -> list[Contract]:
    """Contracts of some expiries, by expiry, then strike, type and key; futures have no strike.

    Raises ExportError(BAD_CONTRACT), naming the contract, and ExportError(DATABASE_UNREADABLE)
    for a key that the table's own index does not know. With `nameless` a contract that has no
    symbol is passed over, which is right where contracts are looked for by theirs.
    """
    rows = await connection.execute_fetchall(
        f"SELECT {_NAMED if schema.named else '1'}, expiry_date, expired_instrument_key,"
        f" contract_type, strike_price, trading_symbol, {schema.lot_size}, {schema.tick_size}"
        f" {_OF_EXPIRIES}",
        _stored(instrument, min(expiries), max(expiries)),
    )
    symbol = (await _symbols(connection, schema, instrument)).get(instrument, "")
    name = display_name(instrument, symbol)
    wanted = frozenset(expiries)
    dates: dict[object, date] = {}
    contracts = []
    for named, stored, *row in rows:
        expiry = dates.get(stored) or dates.setdefault(
            stored, _expiry(f"contracts of {instrument}", stored)
        )
        if expiry not in wanted:
            continue
        if not named:
            # Its candles would not be found either.
            raise _disagreeing(instrument)
        try:
            contracts.append(_contract(instrument, name, symbol, expiry, row))
        except ExportError:
            if not nameless:
                raise
    return sorted(contracts, key=_order)


async def check_indexes(connection: aiosqlite.Connection, instruments: Collection[str]) -> None:
    """No contract is missing from the index that finds it, else ExportError(DATABASE_UNREADABLE).

    Looks at every row of the table (15 to 80 ms for 100,000), so it is done once for a selection.
    """
    keys = orjson.dumps(list(instruments)).decode()
    for (instrument,) in await connection.execute_fetchall(_DISAGREEMENTS, (keys,)):
        raise _disagreeing(instrument)


async def newest_time(
    connection: aiosqlite.Connection, instrument: str, expiry: date
) -> str | None:
    """The time of an expiry's newest candle, of those that can be read; an export names others."""
    times = []
    for (last,) in await connection.execute_fetchall(_NEWEST, _stored(instrument, expiry, expiry)):
        text = last.decode("utf-8", "backslashreplace") if isinstance(last, bytes) else last
        with suppress(Unreadable):
            times.append(stored_time(text))
    return max(times, default=None)


def _stored(instrument: str, first: date, last: date) -> tuple[str, str, str]:
    """An expiry may be stored with a time after it."""
    return instrument, first.isoformat(), f"{last.isoformat()}~"


def _order(contract: Contract) -> tuple[date, Decimal, str, str]:
    strike = Decimal("-Infinity") if contract.strike is None else contract.strike
    return contract.expiry, strike, contract.kind, contract.key


def _contract(
    instrument: str, name: str, symbol: str, expiry: date, row: Iterable[Any]
) -> Contract:
    stored_key, stored_kind, stored_strike, stored_symbol, lot_size, tick_size = row
    key = str(stored_key)
    kind = str(stored_kind).strip().upper()
    if kind not in _KINDS:
        raise _bad(key, f"its type is {stored_kind!r}, not CE, PE or FUT")
    strike = None
    if kind != "FUT":
        strike = _strike(key, stored_strike)
    trading_symbol = "" if stored_symbol is None else str(stored_symbol)
    base = base_symbol(trading_symbol, symbol, name)
    if not base:
        raise _bad(key, f"no base symbol can be made of {trading_symbol!r}")
    return Contract(
        key, instrument, name, expiry, kind, strike, trading_symbol, base,
        _number(lot_size), _number(tick_size),
    )  # fmt: skip


def _strike(key: str, stored: object) -> Decimal:
    try:
        return Decimal(price_text("strike", stored))
    except Unreadable:
        pass
    raise _bad(key, f"an option needs a strike, and its strike is {stored!r}")


def _number(stored: object) -> int | float | None:
    return stored if isinstance(stored, int | float) else None


def _expiry(where: str, stored: object) -> date:
    # Only these forms: the contracts of an expiry are found by them.
    match = _EXPIRY.fullmatch(stored) if isinstance(stored, str) else None
    try:
        if match is not None:
            return date.fromisoformat(match[1])
    except ValueError:
        pass
    raise ExportError(
        Code.BAD_CONTRACT, f"{where} have an expiry that is not a date: {stored!r:.80}"
    )


def _bad(key: str, why: str) -> ExportError:
    return ExportError(Code.BAD_CONTRACT, f"contract {key}: {why}")


def _disagreeing(instrument: object) -> ExportError:
    return ExportError(
        Code.DATABASE_UNREADABLE,
        f"the contracts of {instrument} and their indexes disagree, so the database is damaged;"
        " check it with 'sqlite3 FILE \"PRAGMA integrity_check\"' or restore a copy",
    )


def _by_name(symbols: Mapping[str, str]) -> Any:
    return lambda key: (display_name(key, symbols.get(key, "")).casefold(), key)


async def _symbols(
    connection: aiosqlite.Connection, schema: Schema, instrument: str | None = None
) -> dict[str, str]:
    if schema.instrument_symbol is None:
        return {}
    rows = await connection.execute_fetchall(
        f"SELECT instrument_key, {schema.instrument_symbol} FROM instruments"
        " WHERE ?1 IS NULL OR instrument_key=?1",
        (instrument,),
    )
    return {str(key): str(symbol).strip() for key, symbol in rows if symbol is not None}
