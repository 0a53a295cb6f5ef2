"""What a row holds, in which order, and how each column is said in SQL and in Python.

One list serves both ways through a source, so that the engine's text and Python's are the
same bytes; tests/conformance holds them together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from operator import attrgetter

import orjson

from exporter.model import Column, Delimiter
from exporter.sources.base import RowTemplate
from exporter.values import Candle

# The first three parameters are the source's own: contract, from, to.
FIRST_CONSTANT = 4

# Stands for the open interest column, which older files call open_interest. No title can hold it.
OI = "\x1foi\x1f"

_FORMULA = re.compile(r"[=+\-@\t\r]")


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """What a column holds, for people; `numeric` columns are numbers in JSON."""

    help: str
    numeric: bool = False


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
CANDLE_COLUMNS = ("date", "time", "timestamp", "open", "high", "low", "close", "volume", "oi")
METADATA_COLUMNS = ("instrument", "expiry", "strike", "option_type", "trading_symbol")
_PLACE_OF_METADATA = 2
_PRICES = frozenset({"open", "high", "low", "close"})

# What SQLite prints each column with, but for prices. The engine's rows are canonical, so their
# timestamps are all of one form and in the calendar.
_SAID: Mapping[str, tuple[str, str]] = {
    "date": ("%.10s", "timestamp"),
    "time": ("%.8s", "substr(timestamp,12)"),
    "timestamp": ("%s", "timestamp"),
    "epoch_s": ("%d", "unixepoch(timestamp)"),
    "epoch_ms": ("%d", "unixepoch(timestamp)*1000"),
    "volume": ("%d", "volume"),
    "oi": ("%d", OI),
}
# Digits of the largest number that is read at all, whatever its decimals.
_ROUNDING = Context(prec=1000, rounding=ROUND_HALF_UP)


def csv_columns(*, openalgo: bool, metadata: bool) -> tuple[Column, ...]:
    """The CSV columns in order where none were named (spec, "CSV")."""
    names = list(CANDLE_COLUMNS)
    if metadata:
        names[_PLACE_OF_METADATA:_PLACE_OF_METADATA] = METADATA_COLUMNS
    return as_columns((*(("openalgo_symbol",) if openalgo else ()), *names))


def json_columns() -> tuple[Column, ...]:
    """The keys of a JSON candle in order where none were named (spec, "JSON")."""
    return as_columns(CANDLE_COLUMNS)


def as_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """Columns under their own names."""
    return tuple(Column(name, name) for name in names)


def csv_template(
    columns: Sequence[Column],
    constants: Mapping[str, str],
    *,
    delimiter: Delimiter = Delimiter.COMMA,
    decimals: int | None = None,
) -> RowTemplate:
    """A CSV line; the columns in `constants` hold the same text in every row."""
    pieces: list[_Piece] = []
    for number, column in enumerate(columns):
        pieces.append(delimiter.character if number else "")
        if column.name in constants:
            constant = constants[column.name]
            # A minus sign is no formula where every row holds a number.
            numeric = COLUMNS[column.name].numeric
            pieces.append(_Bound(constant if numeric else csv_text(constant, delimiter)))
        else:
            pieces.append(_Value(column.name))
    return _template([*pieces, "\n"], separator="", unknown="", decimals=decimals)


def json_template(
    columns: Sequence[Column],
    constants: Mapping[str, str],
    *,
    decimals: int | None = None,
    lines: bool = False,
) -> RowTemplate:
    """A JSON object; the columns in `constants` hold the same value in every row.

    With `lines` each is a line of its own, else commas stand between them.
    """
    pieces: list[_Piece] = ["{"]
    for number, column in enumerate(columns):
        name, numeric = column.name, COLUMNS[column.name].numeric
        key = orjson.dumps(column.title).decode()
        pieces.append(f"{',' if number else ''}{key}:")
        if name in constants:
            constant = constants[name]
            value = (constant or "null") if numeric else orjson.dumps(constant).decode()
            pieces.append(_Bound(value))
        else:
            quote = "" if numeric else '"'
            pieces.extend((quote, _Value(name), quote))
    end, separator = ("}\n", "") if lines else ("}", ",\n")
    return _template([*pieces, end], separator=separator, unknown="null", decimals=decimals)


def csv_head(columns: Sequence[Column], delimiter: Delimiter) -> str:
    """The header line."""
    titles = (csv_text(column.title, delimiter) for column in columns)
    return delimiter.character.join(titles) + "\n"


def csv_text(value: str, delimiter: Delimiter = Delimiter.COMMA) -> str:
    """A text field: harmless in a spreadsheet, and quoted where it must be."""
    if _FORMULA.match(value):
        value = f"'{value}"
    if any(one in value for one in (delimiter.character, '"', "\n", "\r")):
        return '"' + value.replace('"', '""') + '"'
    return value


def cells(
    columns: Sequence[Column], constants: Mapping[str, str], candle: Candle, decimals: int | None
) -> list[str]:
    """A row's values as text, one a column, without what a file puts around them."""
    values = []
    for column in columns:
        value = constants.get(column.name) or getattr(candle, column.name, None) or ""
        if decimals is not None and column.name in _PRICES:
            value = rounded(value, decimals)
        values.append(value)
    return values


def rounded(price: str, decimals: int) -> str:
    """A price's exact decimal text to so many places, half away from zero; zero has no sign."""
    number = Decimal(price).quantize(Decimal(1).scaleb(-decimals), context=_ROUNDING)
    return format(abs(number) if number.is_zero() else number, "f")


class _Bound(str):
    """Text from the database: reaches SQL as a parameter, never as a part of the statement."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A column that changes from row to row."""

    name: str


# Plain text stands in the file as it is.
_Piece = str | _Bound | _Value


def _said(name: str, decimals: int | None) -> tuple[str, str]:
    """How SQLite prints a column: printf's conversion and the expression for it.

    A canonical price is a multiple of 1/10000 below 1e9: the 15 digits of `%!.15g` are all it has,
    and a hundred-thousandth more takes a half up and nothing else over an edge.
    """
    if name not in _PRICES:
        return _SAID[name]
    if decimals is None:
        return "%!.15g", name
    if decimals < 4:
        return f"%.{decimals}f", f"{name}+0.00001"
    return "%.4f" + "0" * (decimals - 4), name


def _template(
    pieces: Sequence[_Piece], *, separator: str, unknown: str, decimals: int | None
) -> RowTemplate:
    names = [piece.name for piece in pieces if isinstance(piece, _Value)]
    pattern = "".join(
        "%s" if isinstance(piece, _Value) else piece.replace("%", "%%") for piece in pieces
    )
    shape = tuple(None if isinstance(piece, _Bound) else piece for piece in pieces)
    return RowTemplate(
        sql=_line(shape, unknown, decimals),
        constants=tuple(piece for piece in pieces if isinstance(piece, _Bound)),
        build=_builder(pattern, names, unknown, decimals),
        separator=separator,
    )


@lru_cache(maxsize=64)
def _line(shape: tuple[str | _Value | None, ...], unknown: str, decimals: int | None) -> str:
    """A row in SQL; None stands for the next constant.

    Two layouts, for a number is printed faster as one than as text that could be empty.
    """
    if _Value("oi") not in shape:
        return _printf(shape, None, decimals)
    absent = _printf(shape, unknown, decimals)
    return f"iif({OI} IS NULL,{absent},{_printf(shape, None, decimals)})"


def _printf(
    shape: tuple[str | _Value | None, ...], interest: str | None, decimals: int | None
) -> str:
    layout = ""
    arguments = []
    constants = 0
    for piece in shape:
        if piece is None:
            layout += "%s"
            arguments.append(f"?{FIRST_CONSTANT + constants}")
            constants += 1
        elif isinstance(piece, _Value) and not (piece.name == "oi" and interest is not None):
            conversion, expression = _said(piece.name, decimals)
            layout += conversion
            arguments.append(expression)
        else:
            text = piece if isinstance(piece, str) else interest or ""
            layout += text.replace("%", "%%").replace("'", "''")
    return f"printf('{layout}'{''.join(f',{one}' for one in arguments)})"


def _builder(
    pattern: str, names: Sequence[str], unknown: str, decimals: int | None
) -> Callable[[Candle], str]:
    if not names:
        return lambda candle: pattern % ()
    # One name too many, so that there is a tuple whatever is asked for.
    fetch = attrgetter(*names, "timestamp")
    interest = names.index("oi") if "oi" in names else None
    places = [n for n, name in enumerate(names) if name in _PRICES and decimals is not None]

    def build(candle: Candle) -> str:
        values: list[str | None] = [*fetch(candle)[:-1]]
        if interest is not None and values[interest] is None:
            values[interest] = unknown
        for place in places:
            values[place] = rounded(values[place] or "", decimals or 0)
        return pattern % tuple(values)

    return build
