"""The fast way: SQLite itself prints a contract's lines, in C, with the GIL released.

Right only for contracts whose every row passes `_CHECK`; `take_facts` finds out.
"""

from __future__ import annotations

from datetime import date

import aiosqlite

from exporter.columns import OI
from exporter.sources.base import Block, RowTemplate
from exporter.sources.careful import damaged_index
from exporter.sources.facts import Facts

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
# Jumps from day to day along the primary key; 'U' is what follows the 'T' after a date.
_DAYS = f"""
WITH RECURSIVE days(day) AS (
  SELECT substr(min(timestamp),1,10) {_ROWS}
  UNION ALL
  SELECT (SELECT substr(min(timestamp),1,10) {_ROWS} AND timestamp>days.day||'U')
  FROM days WHERE days.day IS NOT NULL)
SELECT day, (SELECT count(*) {_ROWS} AND timestamp>=day AND timestamp<day||'U')
FROM days WHERE day IS NOT NULL"""

_RANGE = f"{_ROWS} AND timestamp>=?2 AND timestamp<?3"


async def take_facts(connection: aiosqlite.Connection, contract: str, oi: str) -> Facts | None:
    """Facts of a plain contract, None for one that must go the careful way.

    One count runs along the table's other index where there is one, the other one and the text
    later along the primary key: an index that lost entries shows as a difference, and fails.
    """
    ((rows, canonical),) = await connection.execute_fetchall(_COUNT.replace(OI, oi), (contract,))
    if rows != canonical:
        return None
    days = [
        (date.fromisoformat(day), count)
        for day, count in await connection.execute_fetchall(_DAYS, (contract,))
    ]
    facts = Facts.of(True, 0, days)
    if facts.rows != rows:
        raise damaged_index(contract, rows, facts.rows)
    return facts


async def read_stretch(
    connection: aiosqlite.Connection,
    contract: str,
    template: RowTemplate,
    oi: str,
    first: date,
    last: date,
) -> tuple[Block, str]:
    """All rows of some days as one block, and the file's fingerprint in the same snapshot."""
    ((data, rows, earliest, latest, state),) = await connection.execute_fetchall(
        text_query(template, oi),
        (contract, first.isoformat(), f"{last.isoformat()}U", *template.constants),
    )
    return Block(data or b"", rows, earliest or "", latest or ""), state


def text_query(template: RowTemplate, oi: str) -> str:
    """One aggregate that returns (text, rows, first, last, fingerprint).

    LIMIT makes the subquery's order binding: without it SQLite may read in another one.
    """
    separator = template.separator.replace("'", "''")
    return (
        f"SELECT CAST(group_concat(line,'{separator}') AS BLOB), count(*),"
        f" (SELECT min(timestamp) {_RANGE}), (SELECT max(timestamp) {_RANGE}), fingerprint()"
        f" FROM (SELECT {template.sql.replace(OI, oi)} AS line {_RANGE}"
        " ORDER BY timestamp LIMIT -1)"
    )
