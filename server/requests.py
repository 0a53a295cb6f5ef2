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
    """A sentence for everything that keeps this request from starting; none for a rule that finds
    no expiry today, since it may another day.
    """
    try:
        parse_request(request, catalogue)
    except NothingSelected as error:
        ruled = isinstance(request, dict) and "expiry_rule" in request
        return [] if ruled else list(error.problems)
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
    days: dict[str, set[date]] = {key: set() for key in keys}
    for key, text in _pairs(raw.get("expiries")):
        try:
            days.setdefault(key, set()).add(date.fromisoformat(text))
        except ValueError:
            continue  # The parser says so.
    return Catalogue(
        tuple(Instrument(key, key, "", len(days[key]), 1) for key in dict.fromkeys(keys)),
        {key: tuple(sorted(found, reverse=True)) for key, found in days.items()},
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
