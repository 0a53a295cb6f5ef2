"""Every option of an export: its name, what it takes, what it means, how a request says it.

One registry serves the request, the command line's flags, the API's document and the wizard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from exporter.columns import COLUMNS
from exporter.model import (
    Column,
    Compression,
    Delimiter,
    ExcelTimes,
    Level,
    Options,
    SymbolStyle,
    TimeRange,
)
from exporter.values import price_text

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
# What would break a header line or not reach the file as it was written.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
LONGEST_TITLE = 60
_SHOWN = 80
_OPTION_TYPES = ("CE", "PE", "FUT")
_LARGEST_COUNT = 2**53

Enum = TypeVar("Enum", bound=StrEnum)
# A value from JSON, or None and a line in `problems`.
Read = Callable[[str, object, list[str]], Any]


@dataclass(frozen=True, slots=True)
class Option:
    """One option as it is described to people and programs.

    `kind` is flag, choice, choices (several of them), integer, number, date, time or columns;
    `nullable` says whether null is a value. `least` and `most` are inclusive.
    """

    name: str
    group: str
    kind: str
    help: str
    read: Read
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    nullable: bool = False

    @property
    def default(self) -> object:
        """What holds if the option is absent, as JSON says it."""
        return _plain(getattr(_DEFAULTS, self.name))

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "group": self.group,
            "kind": self.kind,
            "choices": list(self.choices),
            "default": self.default,
            "help": self.help,
            "min": self.least,
            "max": self.most,
        }


def parse_options(raw: object, problems: list[str]) -> Options | None:
    """Options from a JSON object; None (and a line in `problems` each) where one is wrong."""
    if not isinstance(raw, dict):
        problems.append("options must be a JSON object")
        return None
    before = len(problems)
    values: dict[str, Any] = {}
    for name, value in raw.items():
        option = _BY_NAME.get(name) if isinstance(name, str) else None
        if option is None:
            problems.append(f"unknown option {shown(name)}")
        elif not (value is None and option.nullable):
            values[name] = option.read(name, value, problems)
        else:
            values[name] = None
    if len(problems) > before:
        return None
    options = Options(**values)
    problems += _contradictions(options)
    return options if len(problems) == before else None


def options_to_json(options: Options) -> dict[str, Any]:
    """Every option by name, as a request says it."""
    return {field.name: _plain(getattr(options, field.name)) for field in fields(options)}


def _contradictions(options: Options) -> list[str]:
    """What each option allows and another one does not."""
    problems = []
    if _after(options.from_date, options.to_date):
        problems.append("from_date is after to_date")
    if options.time_range is not TimeRange.ALL:
        if options.from_date or options.to_date:
            problems.append("from_date and to_date go with time_range all only")
        if options.days_before_expiry is not None:
            problems.append("days_before_expiry goes with time_range all only")
    if _after(options.from_time, options.to_time):
        problems.append("from_time is after to_time")
    if _after(options.strike_from, options.strike_to):
        problems.append("strike_from is above strike_to")
    if options.columns is not None and options.include_metadata:
        problems.append("include_metadata and columns exclude each other: name the columns")
    return problems


def _after(first: Any, last: Any) -> bool:
    return first is not None and last is not None and first > last


def shown(value: object) -> str:
    """A value of a request as a problem names it: not at any length."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def read_choice(kind: type[Enum], name: str, raw: object, problems: list[str]) -> Enum | None:
    """A member by its value."""
    try:
        if isinstance(raw, str):
            return kind(raw)
    except ValueError:
        pass
    allowed = ", ".join(member.value for member in kind)
    problems.append(f"{name} {shown(raw)} is not one of {allowed}")
    return None


def read_date(name: str, raw: object, problems: list[str]) -> date | None:
    """A day of the form YYYY-MM-DD."""
    if isinstance(raw, str) and _DATE.fullmatch(raw):
        try:
            return date.fromisoformat(raw)
        except ValueError:
            pass
    problems.append(f"{name}: {shown(raw)} is not a date of the form YYYY-MM-DD")
    return None


def read_whole(name: str, raw: object, problems: list[str], least: int, most: int) -> int | None:
    """A whole number between two others, both inclusive."""
    if isinstance(raw, int) and not isinstance(raw, bool) and least <= raw <= most:
        return raw
    problems.append(f"{name} must be a whole number from {least} to {most}, not {shown(raw)}")
    return None


def _time(name: str, raw: object, problems: list[str]) -> time | None:
    if isinstance(raw, str) and _TIME.fullmatch(raw):
        return time.fromisoformat(raw)
    problems.append(f"{name}: {shown(raw)} is not a time of the form HH:MM")
    return None


def _flag(name: str, raw: object, problems: list[str]) -> bool:
    if not isinstance(raw, bool):
        problems.append(f"{name} must be true or false, not {shown(raw)}")
    return raw is True


def _strike(name: str, raw: object, problems: list[str]) -> Decimal | None:
    if isinstance(raw, int | float) and not isinstance(raw, bool) and 0 <= raw < _LARGEST_COUNT:
        # By its shortest text, as the strikes of contracts are read.
        return Decimal(price_text(name, raw))
    problems.append(f"{name} must be a number of 0 or more, not {shown(raw)}")
    return None


def _option_types(name: str, raw: object, problems: list[str]) -> tuple[str, ...]:
    if isinstance(raw, list) and raw and all(one in _OPTION_TYPES for one in raw):
        return tuple(kind for kind in _OPTION_TYPES if kind in raw)
    problems.append(f"{name} must be a list of CE, PE or FUT, and not an empty one")
    return ()


def _columns(name: str, raw: object, problems: list[str]) -> tuple[Column, ...]:
    if not isinstance(raw, list) or not raw:
        problems.append(f"{name} must be a list of columns, and not an empty one")
        return ()
    columns = [one for one in (_column(name, entry, problems) for entry in raw) if one]
    for what, texts in (
        ("column", [one.name for one in columns]),
        ("title", [one.title for one in columns]),
    ):
        twice = sorted({text for text in texts if texts.count(text) > 1})
        problems += [f"{name}: the {what} {shown(text)} stands there twice" for text in twice]
    return tuple(columns)


def _column(where: str, raw: object, problems: list[str]) -> Column | None:
    entry = {"name": raw} if isinstance(raw, str) else raw
    if not isinstance(entry, dict) or not {"name"} <= set(entry) <= {"name", "as"}:
        problems.append(f"{where}: {shown(raw)} is neither a column nor {{name, as}}")
        return None
    name, title = entry["name"], entry.get("as", entry["name"])
    if not isinstance(name, str) or name not in COLUMNS:
        problems.append(f"{where}: {shown(name)} is not one of {', '.join(COLUMNS)}")
        return None
    if (
        not isinstance(title, str)
        or not 0 < len(title) <= LONGEST_TITLE
        or _UNPRINTABLE.search(title)
    ):
        problems.append(
            f"{where}: the title {shown(title)} must be 1 to {LONGEST_TITLE} printable characters"
        )
        return None
    return Column(name, title)


def _plain(value: object) -> Any:
    """A value as JSON says it."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, time):
        return value.isoformat("minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Column):
        return value.name if value.name == value.title else {"name": value.name, "as": value.title}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _flag_option(name: str, group: str, help: str, **more: Any) -> Option:
    return Option(name, group, "flag", help, _flag, **more)


def _choice_option(name: str, group: str, kind: type[StrEnum], help: str, **more: Any) -> Option:
    def read(name: str, raw: object, problems: list[str]) -> StrEnum | None:
        return read_choice(kind, name, raw, problems)

    return Option(name, group, "choice", help, read, tuple(one.value for one in kind), **more)


def _whole_option(name: str, group: str, least: int, most: int, help: str, **more: Any) -> Option:
    def read(name: str, raw: object, problems: list[str]) -> int | None:
        return read_whole(name, raw, problems, least, most)

    return Option(name, group, "integer", help, read, least=least, most=most, nullable=True, **more)


def _nullable(name: str, group: str, kind: str, read: Read, help: str, **more: Any) -> Option:
    return Option(name, group, kind, help, read, nullable=True, **more)


# In the order in which they are shown; the groups are the wizard's headings.
OPTIONS: Sequence[Option] = (
    _flag_option("include_openalgo", "form", "write the contract's symbol (default: true)"),
    _flag_option(
        "include_metadata", "form",
        "add instrument, expiry, strike, type and trading symbol to CSV rows",
    ),
    _flag_option(
        "excel", "form",
        "begin CSV files with a byte order mark, so that Excel reads them as UTF-8",
    ),
    _choice_option(
        "symbol_style", "form", SymbolStyle,
        "expirytrack: NIFTY16SEP25C22700, openalgo: NIFTY16SEP2522700CE",
    ),
    Option(
        "separate_files", "form", "flag",
        "one file per contract in a ZIP (default: true for zip, else false)",
        _flag, nullable=True,
    ),
    _choice_option(
        "excel_times", "form", ExcelTimes,
        "days and times in an Excel workbook: text as in CSV, or datetime in Indian time",
    ),
    _flag_option(
        "excel_split", "form",
        "go on in numbered sheets where an expiry has more candles than a sheet of Excel holds",
    ),
    _nullable(
        "columns", "columns", "columns", _columns,
        "which columns, in this order; an entry is a name or {name, as}",
        choices=tuple(COLUMNS),
    ),
    _choice_option(
        "delimiter", "columns", Delimiter, "between the fields of CSV: comma, tab or semicolon",
    ),
    _whole_option(
        "decimals", "columns", 0, 8,
        "decimal places of prices, 0 to 8; half is rounded away from zero (default: as stored)",
    ),
    _choice_option(
        "time_range", "days", TimeRange,
        "all, 1d, 7d, 30d or 90d: so many days up to and including expiry",
    ),
    _nullable(
        "from_date", "days", "date", read_date,
        "first day wanted, YYYY-MM-DD, only with time_range all",
    ),
    _nullable(
        "to_date", "days", "date", read_date,
        "last day wanted, YYYY-MM-DD, only with time_range all",
    ),
    _whole_option(
        "days_before_expiry", "days", 0, 3650,
        "the expiry's day and so many days before it, only with time_range all",
    ),
    _nullable(
        "from_time", "rows", "time", _time, "first minute of the day wanted, HH:MM"
    ),
    _nullable(
        "to_time", "rows", "time", _time, "last minute of the day wanted, HH:MM"
    ),
    _whole_option(
        "min_volume", "rows", 0, _LARGEST_COUNT, "candles with at least this volume"
    ),
    _nullable(
        "option_types", "contracts", "choices", _option_types,
        "contracts of these types: CE, PE, FUT", choices=_OPTION_TYPES,
    ),
    _nullable(
        "strike_from", "contracts", "number", _strike,
        "options of this strike and above; futures stay", least=0,
    ),
    _nullable(
        "strike_to", "contracts", "number", _strike,
        "options of this strike and below; futures stay", least=0,
    ),
    _whole_option(
        "strikes_around", "contracts", 1, 200,
        "the strike at the money of each expiry and so many on each side; futures stay",
    ),
    _flag_option(
        "only_with_candles", "contracts", "leave out contracts without candles on the days wanted",
    ),
    _choice_option(
        "compression", "compression", Compression,
        "none, gzip or zstd for a CSV, JSON or JSON Lines file; archives are compressed anyway",
    ),
    _choice_option(
        "level", "compression", Level, "how hard to compress: fast, balanced or small"
    ),
)  # fmt: skip

OPTION_HELP: Mapping[str, str] = {option.name: option.help for option in OPTIONS}

_DEFAULTS = Options()
_BY_NAME = {option.name: option for option in OPTIONS}
