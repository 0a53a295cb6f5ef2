"""A request, parsed once at the edge into an ExportSpec, or refused with every problem named.

Rules: spec, "HTTP". The same body serves the API, templates and the task table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from exporter.errors import BadInput
from exporter.model import (
    ExportSpec,
    FileFormat,
    Level,
    Options,
    SymbolStyle,
    TimeRange,
)
from exporter.sources.base import Catalogue

# What the original wizard puts between instrument and expiry in a checkbox's value.
SEPARATOR = "~~~"

OPTION_HELP: Mapping[str, str] = {
    "include_openalgo": "write the contract's symbol (default: true)",
    "include_metadata": "add instrument, expiry, strike, type and trading symbol to CSV rows",
    "excel": "begin CSV files with a byte order mark, so that Excel reads them as UTF-8",
    "symbol_style": "expirytrack: NIFTY16SEP25C22700, openalgo: NIFTY16SEP2522700CE",
    "separate_files": "one file per contract in a ZIP (default: true for zip, else false)",
    "time_range": "all, 1d, 7d, 30d or 90d: so many days up to and including expiry",
    "from_date": "first day wanted, YYYY-MM-DD, only with time_range all",
    "to_date": "last day wanted, YYYY-MM-DD, only with time_range all",
    "level": "compression of archives: fast, balanced or small",
}

_KEYS = ("instruments", "expiries", "format", "options")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SHOWN = 80

Kind = TypeVar("Kind", bound=StrEnum)


def parse_request(body: object, catalogue: Catalogue) -> tuple[ExportSpec, tuple[str, ...]]:
    """A spec and warnings from the body of `POST /api/export/start`.

    Raises BadInput with a sentence for every problem: unknown keys, instruments, expiries,
    formats, options, wrong types; nothing is ignored.
    """
    problems: list[str] = []
    if not isinstance(body, dict):
        raise BadInput(["the body must be a JSON object with instruments, expiries and format"])
    problems += [f"unknown key {_shown(key)}" for key in body if key not in _KEYS]
    instruments = _instruments(body.get("instruments"), catalogue, problems)
    by_key = _expiries(body.get("expiries"), instruments, catalogue, problems)
    chosen = _choice(FileFormat, "format", body.get("format", FileFormat.CSV.value), problems)
    options = parse_options(body.get("options", {}), problems)
    without = [key for key in instruments if not by_key.get(key)]
    kept = tuple(key for key in instruments if by_key.get(key))
    if not problems and not kept:
        problems.append("no expiry is selected")
    if problems or chosen is None or options is None:
        raise BadInput(problems)
    warnings = tuple(f"{key} was left out: no expiry of it is selected" for key in without)
    expiries = {key: tuple(sorted(by_key[key])) for key in kept}
    return ExportSpec(kept, expiries, chosen, options), warnings


def parse_options(raw: object, problems: list[str]) -> Options | None:
    """Options from a JSON object; None (and a line in `problems` each) where one is wrong."""
    if not isinstance(raw, dict):
        problems.append("options must be a JSON object")
        return None
    before = len(problems)
    values: dict[str, Any] = {}
    for name, value in raw.items():
        reader = _READERS.get(name) if isinstance(name, str) else None
        if reader is None:
            problems.append(f"unknown option {_shown(name)}")
        else:
            values[name] = reader(name, value, problems)
    if len(problems) > before:
        return None
    options = Options(**values)
    if options.from_date and options.to_date and options.from_date > options.to_date:
        problems.append("from_date is after to_date")
    if options.time_range is not TimeRange.ALL and (options.from_date or options.to_date):
        problems.append("from_date and to_date go with time_range all only")
    return options if len(problems) == before else None


def spec_to_json(spec: ExportSpec) -> dict[str, Any]:
    """The request that asks for this spec again, plus `contracts` where it is narrowed."""
    raw: dict[str, Any] = {
        "instruments": list(spec.instruments),
        "expiries": {key: [day.isoformat() for day in days] for key, days in spec.expiries.items()},
        "format": spec.format.value,
        "options": options_to_json(spec.options),
    }
    if spec.contracts is not None:
        raw["contracts"] = sorted(spec.contracts)
    return raw


def options_to_json(options: Options) -> dict[str, Any]:
    """Every option by name; dates as text."""
    values = {field.name: getattr(options, field.name) for field in fields(options)}
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in values.items()
    }


def spec_from_json(raw: Mapping[str, Any]) -> ExportSpec:
    """The inverse of `spec_to_json`; raises BadInput for what that cannot have written."""
    problems: list[str] = []
    options = parse_options(raw["options"], problems)
    if options is None:
        raise BadInput(problems)
    return ExportSpec(
        tuple(raw["instruments"]),
        {
            key: tuple(date.fromisoformat(day) for day in days)
            for key, days in raw["expiries"].items()
        },
        FileFormat(raw["format"]),
        options,
        frozenset(raw["contracts"]) if "contracts" in raw else None,
    )


def _instruments(raw: object, catalogue: Catalogue, problems: list[str]) -> tuple[str, ...]:
    if not isinstance(raw, list) or not raw or not all(isinstance(key, str) for key in raw):
        problems.append("instruments must be a list of instrument keys, and not an empty one")
        return ()
    known = {one.key for one in catalogue.instruments}
    wanted = tuple(dict.fromkeys(raw))
    problems += [f"unknown instrument {_shown(key)}" for key in wanted if key not in known]
    return wanted


def _expiries(
    raw: object, instruments: tuple[str, ...], catalogue: Catalogue, problems: list[str]
) -> dict[str, set[date]]:
    pairs: list[tuple[str, object]] = []
    if isinstance(raw, dict):
        for key, days in raw.items():
            if isinstance(days, list):
                pairs += [(key, day) for day in days]
                if not days and key not in instruments:
                    problems.append(f"expiries of {_shown(key)}, which was not asked for")
            else:
                problems.append(f"the expiries of {_shown(key)} must be a list of dates")
    elif isinstance(raw, list):
        for text in raw:
            key, separator, tail = (
                text.rpartition(SEPARATOR) if isinstance(text, str) else ("",) * 3
            )
            if separator:
                pairs.append((key, tail))
            else:
                problems.append(f"{_shown(text)} is not of the form instrument{SEPARATOR}expiry")
    else:
        problems.append("expiries must be an object of lists of dates, by instrument key")
    by_key: dict[str, set[date]] = {}
    for key, value in pairs:
        day = _date(f"expiry of {key:.{_SHOWN}}", value, problems)
        if day is None:
            continue
        if key not in instruments:
            problems.append(f"expiry {day} of {_shown(key)}, which was not asked for")
        elif day in catalogue.expiries.get(key, ()):
            by_key.setdefault(key, set()).add(day)
        elif catalogue.instrument(key) is not None:
            problems.append(f"{key} has no expiry {day}")
    return by_key


def _choice(kind: type[Kind], name: str, raw: object, problems: list[str]) -> Kind | None:
    try:
        if isinstance(raw, str):
            return kind(raw)
    except ValueError:
        pass
    allowed = ", ".join(member.value for member in kind)
    problems.append(f"{name} {_shown(raw)} is not one of {allowed}")
    return None


def _date(name: str, raw: object, problems: list[str]) -> date | None:
    if isinstance(raw, str) and _DATE.fullmatch(raw):
        try:
            return date.fromisoformat(raw)
        except ValueError:
            pass
    problems.append(f"{name}: {_shown(raw)} is not a date of the form YYYY-MM-DD")
    return None


def _optional_date(name: str, raw: object, problems: list[str]) -> date | None:
    return None if raw is None else _date(name, raw, problems)


def _flag(name: str, raw: object, problems: list[str]) -> bool:
    if not isinstance(raw, bool):
        problems.append(f"{name} must be true or false, not {_shown(raw)}")
    return raw is True


def _optional_flag(name: str, raw: object, problems: list[str]) -> bool | None:
    return None if raw is None else _flag(name, raw, problems)


def _one_of(kind: type[StrEnum]) -> Callable[[str, object, list[str]], object]:
    return lambda name, raw, problems: _choice(kind, name, raw, problems)


_READERS: Mapping[str, Callable[[str, object, list[str]], object]] = {
    "include_openalgo": _flag,
    "include_metadata": _flag,
    "excel": _flag,
    "symbol_style": _one_of(SymbolStyle),
    "separate_files": _optional_flag,
    "time_range": _one_of(TimeRange),
    "from_date": _optional_date,
    "to_date": _optional_date,
    "level": _one_of(Level),
}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
