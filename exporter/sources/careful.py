"""The careful way: every value is read in Python, for rows that are not in the canonical form.

Memory: 16 bytes a candle of one contract for its order, and one block of rows.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import aiosqlite
import orjson

from exporter.errors import Code, ExportError
from exporter.model import Window
from exporter.sources.base import Block, RowFilter, RowTemplate
from exporter.sources.facts import Facts
from exporter.values import Candle, Unreadable, candle, day_of, instant

_BLOCK_ROWS = 4000
_VALUES = ("open", "high", "low", "close", "volume")

# What the key's own index holds; the rows below come along the other index, where there is one.
_KEYED = "SELECT count(timestamp) FROM historical_data WHERE expired_instrument_key=?1"
_CLOCKS = (
    "SELECT rowid, {0} FROM historical_data"
    " WHERE expired_instrument_key=?1 AND rowid>?2 ORDER BY rowid LIMIT ?3"
)
_CANDLES = (
    "SELECT {0}, {1}, {2}, {3}, {4}, {5} FROM json_each(?1) AS wanted"
    " CROSS JOIN historical_data AS stored ON stored.rowid=wanted.value ORDER BY wanted.key"
)


@dataclass(frozen=True, slots=True)
class Order:
    """The candles of a contract in time order, one an instant: parallel arrays."""

    instants: array[int]
    rowids: array[int]
    dropped: int

    def facts(self) -> Facts:
        days = groupby(self.instants, key=day_of)
        return Facts.of(False, self.dropped, ((day, sum(1 for _ in group)) for day, group in days))


async def find_order(connection: aiosqlite.Connection, contract: str, window: Window) -> Order:
    """Of candles that say one instant, the one written last stays (spec, "Values").

    Raises ExportError(BAD_ROW) for a timestamp that cannot be read, wanted or not, and
    ExportError(DATABASE_UNREADABLE) if the table's indexes disagree.
    """
    ((keyed,),) = await connection.execute_fetchall(_KEYED, (contract,))
    instants, rowids = array("q"), array("q")
    last = -(2**63)
    while True:
        rows = await _rows(connection, _CLOCKS, ("timestamp",), (contract, last, _BLOCK_ROWS))
        if not rows:
            break
        last = rows[-1][0]
        await asyncio.to_thread(_parse, contract, rows, instants, rowids)
    if len(rowids) != keyed:
        raise damaged_index(contract, keyed, len(rowids))
    return await asyncio.to_thread(_sorted, instants, rowids, window)


async def read_in_order(
    connection: aiosqlite.Connection, contract: str, template: RowTemplate, oi: str, order: Order
) -> AsyncGenerator[Block]:
    """The wanted rows of `order` as blocks; the first carries the number of dropped duplicates.

    A block whose rows are all unwanted is empty.
    """
    dropped = order.dropped
    for start in range(0, len(order.rowids), _BLOCK_ROWS):
        candles = await candles_at(connection, contract, oi, order, start, start + _BLOCK_ROWS)
        yield await asyncio.to_thread(_block, candles, template, dropped)
        dropped = 0


async def first_candles(
    connection: aiosqlite.Connection,
    contract: str,
    oi: str,
    order: Order,
    rows: int,
    keep: RowFilter | None,
) -> list[Candle]:
    """The first `rows` candles of an order that are wanted."""
    found: list[Candle] = []
    # Few at first: what is not wanted is seldom so for long.
    start, step = 0, rows
    while start < len(order.rowids) and len(found) < rows:
        candles = await candles_at(connection, contract, oi, order, start, start + step)
        found += [one for one in candles if keep is None or keep.wanted(one)]
        start, step = start + step, _BLOCK_ROWS
    return found[:rows]


async def candles_at(
    connection: aiosqlite.Connection, contract: str, oi: str, order: Order, start: int, end: int
) -> list[Candle]:
    """Candles `start` to `end` of an order; raises ExportError(BAD_ROW)."""
    wanted = orjson.dumps(order.rowids[start:end].tolist()).decode()
    rows = await _rows(connection, _CANDLES, (*_VALUES, oi), (wanted,))
    instants = order.instants[start:end]
    if len(rows) != len(instants):
        raise ExportError(
            Code.DATABASE_UNREADABLE, f"contract {contract}: rows vanished while they were read"
        )
    return await asyncio.to_thread(_candles, contract, instants, rows)


async def _rows(
    connection: aiosqlite.Connection, sql: str, columns: Sequence[str], parameters: tuple[Any, ...]
) -> list[Any]:
    try:
        return list(await connection.execute_fetchall(sql.format(*columns), parameters))
    except UnicodeDecodeError:
        # Once more as bytes, so that the value can be named like any other nobody can read.
        named = (f"iif(typeof({name})='text',CAST({name} AS BLOB),{name})" for name in columns)
        return [
            [one.decode("utf-8", "backslashreplace") if isinstance(one, bytes) else one
             for one in row]
            for row in await connection.execute_fetchall(sql.format(*named), parameters)
        ]  # fmt: skip


def damaged_index(contract: str, counted: int, read: int) -> ExportError:
    return ExportError(
        Code.DATABASE_UNREADABLE,
        f"contract {contract}: {counted} candles were counted and {read} read in one snapshot, so"
        " an index of the database is damaged; run REINDEX on a copy",
    )


def disordered_index(contract: str) -> ExportError:
    return ExportError(
        Code.DATABASE_UNREADABLE,
        f"contract {contract}: an index of the database is damaged and gives its candles out of"
        " order; run REINDEX on a copy",
    )


def bad_row(contract: str, error: Unreadable) -> ExportError:
    return ExportError(
        Code.BAD_ROW,
        f"contract {contract} holds a candle whose {error.column} cannot be read:"
        f" {error.value!r:.80}; correct or delete that row and try again",
    )


def _parse(contract: str, rows: Sequence[Any], instants: array[int], rowids: array[int]) -> None:
    try:
        for rowid, stored in rows:
            if rowids and rowid <= rowids[-1]:
                # Going on after a rowid that does not grow would never end.
                raise disordered_index(contract)
            instants.append(instant(stored))
            rowids.append(rowid)
    except Unreadable as error:
        raise bad_row(contract, error) from error


def _sorted(instants: array[int], rowids: array[int], window: Window) -> Order:
    # Rows came by rowid and the sort is stable, so the last of equal instants was written last.
    order = sorted(range(len(instants)), key=instants.__getitem__)
    kept = Order(array("q"), array("q"), 0)
    dropped = 0
    for place, index in enumerate(order):
        at = instants[index]
        if not _wanted(at, window):
            continue
        if place + 1 < len(order) and instants[order[place + 1]] == at:
            dropped += 1
            continue
        kept.instants.append(at)
        kept.rowids.append(rowids[index])
    return Order(kept.instants, kept.rowids, dropped)


def _wanted(at: int, window: Window) -> bool:
    if window.open:
        return True
    day = day_of(at)
    return (window.first is None or day >= window.first) and (
        window.last is None or day <= window.last
    )


def _candles(contract: str, instants: Sequence[int], rows: Sequence[Any]) -> list[Candle]:
    try:
        return [
            candle(at, tuple(row[:4]), row[4], row[5])
            for at, row in zip(instants, rows, strict=True)
        ]
    except Unreadable as error:
        raise bad_row(contract, error) from error


def _block(candles: Sequence[Candle], template: RowTemplate, dropped: int) -> Block:
    if template.keep is not None:
        candles = list(filter(template.keep.wanted, candles))
    if not candles:
        return Block(b"", 0, "", "", dropped)
    data = template.separator.join(map(template.build, candles)).encode()
    return Block(data, len(candles), candles[0].timestamp, candles[-1].timestamp, dropped)
