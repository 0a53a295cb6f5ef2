"""What a row holds, in which order, and how each column is said in SQL and in Python.

One list serves both ways through a source, so that the engine's text and Python's are the
same bytes; tests/conformance holds them together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from exporter.sources.base import RowTemplate
from exporter.values import Candle

# The first three parameters are the source's own: contract, from, to.
FIRST_CONSTANT = 4

# Stands for the open interest column, which older files call open_interest.
OI = "@oi"

_NEEDS_QUOTES = re.compile(r'[,"\n\r]')
_FORMULA = re.compile(r"[=+\-@\t\r]")


@dataclass(frozen=True, slots=True)
class CandleColumn:
    """A column that changes from row to row.

    `printf` and `expression` make it in SQLite; `text` says whether JSON quotes it. The 15
    digits of `%!.15g` are all that a price has which `plain` lets through.
    """

    name: str
    printf: str
    expression: str
    text: bool = False


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """What a column holds, for people; `numeric` columns are numbers in JSON."""

    help: str
    numeric: bool = False


CANDLE_COLUMNS = (
    CandleColumn("date", "%s", "substr(timestamp,1,10)", text=True),
    CandleColumn("time", "%s", "substr(timestamp,12,8)", text=True),
    CandleColumn("timestamp", "%s", "timestamp", text=True),
    CandleColumn("open", "%!.15g", "open"),
    CandleColumn("high", "%!.15g", "high"),
    CandleColumn("low", "%!.15g", "low"),
    CandleColumn("close", "%!.15g", "close"),
    CandleColumn("volume", "%d", "volume"),
    CandleColumn("oi", "%s", OI),
)
# Every column that can be asked for by name, in the order in which they are offered.
COLUMNS: Mapping[str, ColumnInfo] = {
    "openalgo_symbol": ColumnInfo("the contract's symbol"),
    "date": ColumnInfo("day, YYYY-MM-DD"),
    "time": ColumnInfo("time of day, HH:MM:SS"),
    "instrument": ColumnInfo("the instrument's name"),
    "expiry": ColumnInfo("the contract's expiry, YYYY-MM-DD"),
    "strike": ColumnInfo("strike price; empty for futures", numeric=True),
    "option_type": ColumnInfo("CE, PE or FUT"),
    "trading_symbol": ColumnInfo("the broker's own name of the contract"),
    "timestamp": ColumnInfo("start of the candle, ISO 8601 with +05:30"),
    "epoch_s": ColumnInfo("start of the candle, seconds since 1970 (UTC)", numeric=True),
    "epoch_ms": ColumnInfo("start of the candle, milliseconds since 1970 (UTC)", numeric=True),
    "open": ColumnInfo("first price", numeric=True),
    "high": ColumnInfo("highest price", numeric=True),
    "low": ColumnInfo("lowest price", numeric=True),
    "close": ColumnInfo("last price", numeric=True),
    "volume": ColumnInfo("contracts traded", numeric=True),
    "oi": ColumnInfo("open interest; empty where it is not known", numeric=True),
}
METADATA_COLUMNS = ("instrument", "expiry", "strike", "option_type", "trading_symbol")
_PLACE_OF_METADATA = 2
# Columns that hold numbers in every row: a minus sign there is no formula.
_CONSTANT_NUMBERS = {"strike"}


def csv_columns(*, openalgo: bool, metadata: bool) -> tuple[str, ...]:
    """Names of the CSV columns in order (spec, "CSV")."""
    names = [column.name for column in CANDLE_COLUMNS]
    if metadata:
        names[_PLACE_OF_METADATA:_PLACE_OF_METADATA] = METADATA_COLUMNS
    return (("openalgo_symbol",) if openalgo else ()) + tuple(names)


def csv_template(names: Sequence[str], constants: dict[str, str]) -> RowTemplate:
    """A CSV line of the columns `names`; those in `constants` hold the same text in every row."""
    pieces: list[str | CandleColumn] = []
    for number, name in enumerate(names):
        comma = "," if number else ""
        if name in constants:
            constant = constants[name]
            safe = constant if name in _CONSTANT_NUMBERS else csv_text(constant)
            pieces.extend((comma, _Bound(safe)))
        else:
            pieces.extend((comma, _BY_NAME[name]))
    return _template([*pieces, "\n"], separator="", unknown="")


def json_template() -> RowTemplate:
    """A JSON object of the candle columns."""
    pieces: list[str | CandleColumn] = ["{"]
    for number, column in enumerate(CANDLE_COLUMNS):
        quote = '"' if column.text else ""
        pieces.extend((f'{"," if number else ""}"{column.name}":{quote}', column, quote))
    return _template([*pieces, "}"], separator=",\n", unknown="null")


def csv_text(value: str) -> str:
    """A text field: harmless in a spreadsheet, and quoted where it must be."""
    if _FORMULA.match(value):
        value = f"'{value}"
    return '"' + value.replace('"', '""') + '"' if _NEEDS_QUOTES.search(value) else value


_BY_NAME = {column.name: column for column in CANDLE_COLUMNS}


class _Bound(str):
    """Text from the database: reaches SQL as a parameter, never as a part of the statement."""


def _template(pieces: Sequence[str | CandleColumn], *, separator: str, unknown: str) -> RowTemplate:
    layout, pattern = "", ""
    arguments: list[str] = []
    constants: list[str] = []
    names: list[str] = []
    for piece in pieces:
        if isinstance(piece, CandleColumn):
            layout += piece.printf
            pattern += "%s"
            known = piece.name != "oi" or not unknown
            arguments.append(piece.expression if known else f"ifnull({OI},'{unknown}')")
            names.append(piece.name)
        elif isinstance(piece, _Bound):
            layout += "%s"
            arguments.append(f"?{FIRST_CONSTANT + len(constants)}")
            constants.append(piece)
            pattern += piece.replace("%", "%%")
        else:
            layout += piece.replace("%", "%%").replace("'", "''")
            pattern += piece.replace("%", "%%")
    fetch = attrgetter(*names)
    place = names.index("oi") if "oi" in names else None

    def build(candle: Candle) -> str:
        values = fetch(candle)
        if place is not None and values[place] is None:
            values = (*values[:place], unknown, *values[place + 1 :])
        return pattern % values

    return RowTemplate(
        sql=f"printf('{layout}',{','.join(arguments)})",
        constants=tuple(constants),
        build=build,
        separator=separator,
    )
