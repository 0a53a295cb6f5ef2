"""Requests that are kept for later: what is wrong with one by itself, and what with it here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from exporter.errors import BadInput, NothingSelected
from exporter.model import Instrument
from exporter.sources.base import Catalogue
from exporter.spec import SEPARATOR, parse_request


def problems_of(request: object, catalogue: Catalogue) -> list[str]:
    """A sentence for everything that keeps this request from starting now.

    A rule that finds no expiry today may find one another day, unless there is nothing to find.
    """
    try:
        parse_request(request, catalogue)
    except NothingSelected as error:
        if not isinstance(request, dict) or "expiry_rule" not in request:
            return list(error.problems)
        return [f"{key} has no contracts in this database"
                for key in request["instruments"] if not catalogue.expiries.get(key)]  # fmt: skip
    except BadInput as error:
        return list(error.problems)
    return []


def check_fit(request: object, catalogue: Catalogue) -> None:
    """Does the request fit the database? Raises BadInput."""
    problems = problems_of(request, catalogue)
    if problems:
        raise BadInput(problems)


def check_form(request: object) -> None:
    """Is the request well formed, whatever is in the database? Raises BadInput.

    It is held against a catalogue that has whatever the request names.
    """
    check_fit(request, _as_asked(request))


def _as_asked(request: object) -> Catalogue:
    raw: dict[Any, Any] = request if isinstance(request, dict) else {}
    asked = raw.get("instruments")
    keys = [key for key in asked if isinstance(key, str)] if isinstance(asked, list) else []
    # A rule need not find this one, but there is something for it to look through.
    found: set[date] = {date.min} if "expiry_rule" in raw else set()
    days = {key: set(found) for key in keys}
    for key, text in _pairs(raw.get("expiries")):
        try:
            days.setdefault(key, set()).add(date.fromisoformat(text))
        except ValueError:
            continue  # The parser says so.
    return Catalogue(
        tuple(Instrument(key, key, "", len(days[key]), 1) for key in dict.fromkeys(keys)),
        {key: tuple(sorted(one, reverse=True)) for key, one in days.items()},
        len(keys),
    )


def _pairs(raw: object) -> Iterable[tuple[str, str]]:
    if isinstance(raw, dict):
        for key, texts in raw.items():
            if isinstance(texts, list):
                yield from ((str(key), text) for text in texts if isinstance(text, str))
    elif isinstance(raw, list):
        for text in raw:
            if isinstance(text, str):
                key, _, tail = text.rpartition(SEPARATOR)
                yield key, tail
