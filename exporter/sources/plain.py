"""The fast way: SQLite itself prints a contract's lines, in C, with the GIL released.

Right only for contracts whose every row passes `_CHECK`; `take_facts` finds out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, TypeVar, cast

import aiosqlite

from exporter.columns import FIRST_CONSTANT, OI
from exporter.sources.base import Block, RowTemplate
from exporter.sources.careful import damaged_index, disordered_index
from exporter.sources.driver import Each
from exporter.sources.facts import Facts, Run, Stretch
from exporter.values import Candle, candle, instant

T = TypeVar("T")

_CLOCK = (
    "timestamp GLOB '[12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
    "+05:30' AND octet_length(timestamp)=25 AND typeof(timestamp)='text'"
    " AND substr(timestamp,12,2)<'24' AND substr(timestamp,6,2) BETWEEN '01' AND '12'"
    # No month is shorter than 28 days: only the others need the calendar.
    " AND (substr(timestamp,9,2) BETWEEN '01' AND '28'"
    " OR date(substr(timestamp,1,10)) IS substr(timestamp,1,10))"
)
# Text and blobs are greater than any number, NULL compares as unknown. A price that equals a
# multiple of 1/10000 is the double nearest to that decimal, so 15 digits give it back; below
# 0.0001 SQLite would print an exponent.
_PRICE = "{0}>=0.0001 AND {0}<1e9 AND CAST({0}*1e4+0.5 AS INTEGER)/1e4={0}"
_COUNTS = f"typeof(volume)='integer' AND ({OI} IS NULL OR typeof({OI})='integer')"
_CHECK = " AND ".join(
    [_CLOCK, *(_PRICE.format(name) for name in ("open", "high", "low", "close")), _COUNTS]
)

_ROWS = "FROM historical_data WHERE expired_instrument_key=?1"
_COUNT = f"SELECT count(*), count(CASE WHEN {_CHECK} THEN 1 END) {_ROWS}"
# Jumps from day to day along the primary key; 'U' is what follows the 'T' after a date. In an
# index out of order the jumps can lead back: UNION ends them at a day that has been seen.
_DAYS = f"""
WITH RECURSIVE days(day) AS (
  SELECT substr(min(timestamp),1,10) {_ROWS}
  UNION
  SELECT (SELECT substr(min(timestamp),1,10) {_ROWS} AND timestamp>days.day||'U')
  FROM days WHERE days.day IS NOT NULL)
SELECT day, (SELECT count(*) {_ROWS} AND timestamp>=day AND timestamp<day||'U')
FROM days WHERE day IS NOT NULL"""

# The key's own entries in time order, without the rows themselves: where all rowids rise or fall
# by one from candle to candle, they differ from their place in the order by one number.
_RUN = f"""
SELECT min(rowid), min(rowid-place)=max(rowid-place), min(rowid+place)=max(rowid+place), max(rowid)
FROM (SELECT rowid, row_number() OVER (ORDER BY timestamp) AS place {_ROWS})"""


async def take_facts(connection: aiosqlite.Connection, contract: str, oi: str) -> Facts | None:
    """Facts of a plain contract, None for one that must go the careful way.

    One count runs along the table's other index where there is one, the other one and the text
    later along the primary key: an index that lost entries shows as a difference, and fails.
    """
    ((rows, canonical),) = await connection.execute_fetchall(_COUNT.replace(OI, oi), (contract,))
    if rows != canonical:
        return None
    found = list(await connection.execute_fetchall(_DAYS, (contract,)))
    days = [(day, count) for stored, count in found if (day := _day(stored)) is not None]
    # The rows' own times have passed the check: what is no later day comes from a damaged index.
    if len(days) != len(found) or days != sorted(days):
        raise disordered_index(contract)
    facts = Facts.of(True, 0, days, await _find_run(connection, contract))
    if facts.rows != rows:
        raise damaged_index(contract, rows, facts.rows)
    return facts


def _day(stored: object) -> date | None:
    try:
        return date.fromisoformat(stored) if isinstance(stored, str) else None
    except ValueError:
        return None


async def _find_run(connection: aiosqlite.Connection, contract: str) -> Run | None:
    ((low, rising, falling, high),) = await connection.execute_fetchall(_RUN, (contract,))
    if rising:
        return Run(low, 1)
    return Run(high, -1) if falling else None


async def last_candle(connection: aiosqlite.Connection, contract: str, oi: str) -> Candle:
    """The newest candle of a plain contract that has any."""
    ((stored, *values),) = await connection.execute_fetchall(
        f"SELECT timestamp, open, high, low, close, volume, {oi} {_ROWS}"
        " ORDER BY timestamp DESC LIMIT 1",
        (contract,),
    )
    *prices, volume, interest = values
    return candle(instant(stored), tuple(prices), volume, interest)


@dataclass(frozen=True, slots=True)
class Wish:
    """Some days of a contract, and how its rows are written."""

    contract: str
    template: RowTemplate
    stretch: Stretch


@dataclass(frozen=True, slots=True)
class Read:
    """What a stretch gave: its block, and what was read before the rows were filtered.

    `first` and `last` are times of rows.
    """

    block: Block
    rows: int
    first: str
    last: str


async def read_stretches(
    connection: aiosqlite.Connection,
    oi: str,
    step: int,
    wishes: Sequence[Wish],
    finish: Callable[[Sequence[Read], str], T],
) -> T:
    """What `finish` makes, in the connection's thread, of the wanted rows of each wish.

    It gets a block for each wish, and the file's fingerprint after the last was read: what is
    unchanged then was so in the snapshots of all. The wishes' templates differ in their constants
    only, and their stretches go by one `step`.
    """
    template = wishes[0].template
    keep = template.keep.sql if template.keep is not None else ""
    sql = text_query(
        template.sql, template.separator, keep, oi, step, FIRST_CONSTANT + len(template.constants)
    )
    parameters = [
        (one.contract, *_span(one.stretch), *one.template.constants, one is wishes[-1])
        for one in wishes
    ]
    (made,) = await connection.execute_fetchall(
        sql, Each(parameters, lambda rows: [finish([_read(*row) for row in rows], rows[-1][4])])
    )
    return cast(T, made)


def _read(
    data: bytes | None,
    rows: int,
    earliest: str | None,
    latest: str | None,
    _: str | None,
    *kept: Any,
) -> Read:
    wanted, first, last = kept or (rows, earliest, latest)
    block = Block(data or b"", wanted, first or "", last or "")
    return Read(block, rows, earliest or "", latest or "")


def _span(stretch: Stretch) -> tuple[str | int, str | int]:
    run = stretch.run
    if run is None:
        return stretch.first.isoformat(), f"{stretch.last.isoformat()}U"
    ends = (run.first, run.first + run.step * (stretch.rows - 1))
    return min(ends), max(ends)


def as_counted(read: Read, wish: Wish) -> bool:
    """Are these the rows that were counted? Their number and their outer days say so."""
    stretch = wish.stretch
    return (
        read.rows == stretch.rows
        and read.first[:10] == stretch.first.isoformat()
        and read.last[:10] == stretch.last.isoformat()
    )


@lru_cache(maxsize=64)
def text_query(line: str, separator: str, keep: str, oi: str, step: int, asked: int) -> str:
    """One aggregate that returns (text, rows, first, last, fingerprint).

    The last is told where parameter `?asked` says so.

    Rows `?2` to `?3` are days, or with a `step` rowids of a run. LIMIT makes the subquery's order
    binding: without it SQLite may read in another one. Where rows are filtered by `keep`, those
    that are not wanted have no line, and number, first and last time of the others stand after
    the rest.
    """
    separator = separator.replace("'", "''")
    if step:
        rows = "FROM historical_data WHERE rowid BETWEEN ?2 AND ?3"
        order = "rowid" if step > 0 else "rowid DESC"
        # The ends of a run belong to the contract, or they are not there.
        ends = [f"SELECT timestamp {_ROWS} AND rowid={end}" for end in ("?2", "?3")][::step]
    else:
        rows, order = f"{_ROWS} AND timestamp>=?2 AND timestamp<?3", "timestamp"
        ends = [f"SELECT {end}(timestamp) {rows}" for end in ("min", "max")]
    kept = ""
    if keep:
        times = (f",{end}(timestamp) FILTER (WHERE line IS NOT NULL)" for end in ("min", "max"))
        line, kept = f"timestamp,iif({keep},{line},NULL)", f",count(line){''.join(times)}"
    return (
        f"SELECT CAST(group_concat(line,'{separator}') AS BLOB), count(*),"
        f" ({ends[0]}), ({ends[1]}), iif(?{asked},fingerprint(),NULL){kept}"
        f" FROM (SELECT {line.replace(OI, oi)} AS line {rows} ORDER BY {order} LIMIT -1)"
    )
