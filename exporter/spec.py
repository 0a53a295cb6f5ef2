"""A request, parsed once at the edge into an ExportSpec, or refused with every problem named.

Rules: spec, "HTTP". The same body serves the API, templates and the task table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from exporter.errors import BadInput, NothingSelected, NotInstalled
from exporter.formats.registry import FORMATS
from exporter.model import Compression, ExportSpec, FileFormat, now_ist
from exporter.options import (
    options_to_json,
    parse_options,
    read_choice,
    read_date,
    read_whole,
    shown,
)
from exporter.sources.base import Catalogue

# What the original wizard puts between instrument and expiry in a checkbox's value.
SEPARATOR = "~~~"

_KEYS = ("instruments", "expiries", "expiry_rule", "format", "options")
MOST_EXPIRIES = 10_000
MOST_DAYS = 36_500


def parse_request(
    body: object, catalogue: Catalogue, today: date | None = None
) -> tuple[ExportSpec, tuple[str, ...]]:
    """A spec and warnings from the body of `POST /api/export/start`.

    An `expiry_rule` is resolved against the catalogue, and where it speaks of the last days,
    against `today` (None: today in India). Raises BadInput with a sentence for every problem:
    unknown keys, instruments, expiries, formats, options, wrong types; nothing is ignored.
    """
    problems: list[str] = []
    if not isinstance(body, dict):
        raise BadInput(["the body must be a JSON object with instruments, expiries and format"])
    problems += [f"unknown key {shown(key)}" for key in body if key not in _KEYS]
    instruments = _instruments(body.get("instruments"), catalogue, problems)
    if "expiry_rule" not in body:
        by_key = _expiries(body.get("expiries"), instruments, catalogue, problems)
    else:
        if "expiries" in body:
            problems.append("expiries and expiry_rule exclude each other")
        by_key = ruled_expiries(body["expiry_rule"], instruments, catalogue, today, problems)
    chosen = read_choice(FileFormat, "format", body.get("format", FileFormat.CSV.value), problems)
    options = parse_options(body.get("options", {}), problems)
    without = [key for key in instruments if not by_key.get(key)]
    kept = tuple(key for key in instruments if by_key.get(key))
    if problems or chosen is None or options is None:
        raise BadInput(problems)
    if not kept:
        raise NothingSelected
    warnings = tuple(f"{key} was left out: no expiry of it is selected" for key in without)
    expiries = {key: tuple(sorted(by_key[key])) for key in kept}
    spec = ExportSpec(kept, expiries, chosen, options)
    if spec.archive and options.compression is not Compression.NONE:
        raise BadInput(["compression is for a file of text; an archive is compressed anyway"])
    kind = FORMATS[chosen]
    if not kind.compressible and options.compression is not Compression.NONE:
        raise BadInput([f"compression is for a file of text; {kind.title} is compressed anyway"])
    if chosen is FileFormat.XLSX and spec.separate_files:
        raise BadInput(["separate_files is not for Excel: a workbook has a sheet for each expiry"])
    if not kind.installed:
        raise NotInstalled(
            f"{kind.title} needs {kind.library}, which is not installed; on the server:"
            f" {kind.install}"
        )
    return spec, warnings


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
    problems += [f"unknown instrument {shown(key)}" for key in wanted if key not in known]
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
                    problems.append(f"expiries of {shown(key)}, which was not asked for")
            else:
                problems.append(f"the expiries of {shown(key)} must be a list of dates")
    elif isinstance(raw, list):
        for text in raw:
            key, separator, tail = (
                text.rpartition(SEPARATOR) if isinstance(text, str) else ("",) * 3
            )
            if separator:
                pairs.append((key, tail))
            else:
                problems.append(f"{shown(text)} is not of the form instrument{SEPARATOR}expiry")
    else:
        problems.append("expiries must be an object of lists of dates, by instrument key")
    by_key: dict[str, set[date]] = {}
    for key, value in pairs:
        day = read_date(f"expiry of {key:.80}", value, problems)
        if day is None:
            continue
        if key not in instruments:
            problems.append(f"expiry {day} of {shown(key)}, which was not asked for")
        elif day in catalogue.expiries.get(key, ()):
            by_key.setdefault(key, set()).add(day)
        elif catalogue.instrument(key) is not None:
            problems.append(f"{key} has no expiry {day}")
    return by_key


def ruled_expiries(
    raw: object,
    instruments: Sequence[str],
    catalogue: Catalogue,
    today: date | None,
    problems: list[str],
) -> dict[str, set[date]]:
    """The expiries of each instrument that an `expiry_rule` takes in.

    {last: N}: the newest N. {days: N}: today and the N days before it. {from, to}: inclusive.
    """
    if not isinstance(raw, dict) or set(raw) not in _RULES:
        problems.append(
            "expiry_rule must be one of {last: N}, {all: true}, {days: N} and {from: date, to:"
            " date}"
        )
        return {}
    newest, first, last = None, date.min, date.max
    if "last" in raw:
        newest = read_whole("expiry_rule.last", raw["last"], problems, 1, MOST_EXPIRIES)
    elif "days" in raw:
        days = read_whole("expiry_rule.days", raw["days"], problems, 1, MOST_DAYS)
        last = today or now_ist().date()
        first = last - timedelta(days=days or 0)
    elif "all" in raw:
        if raw["all"] is not True:
            problems.append(f"expiry_rule.all must be true, not {shown(raw['all'])}")
    else:
        ends = {
            end: read_date(f"expiry_rule.{end}", raw[end], problems)
            for end in ("from", "to")
            if raw.get(end) is not None
        }
        first, last = ends.get("from") or first, ends.get("to") or last
        if first > last:
            problems.append("expiry_rule: from is after to")
    return {
        key: {day for day in catalogue.expiries.get(key, ())[:newest] if first <= day <= last}
        for key in instruments
    }


_RULES = ({"last"}, {"all"}, {"days"}, {"from"}, {"to"}, {"from", "to"})
