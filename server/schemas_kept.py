"""Bodies and queries about what is kept: templates, schedules, notes, and the history's filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from aiohttp import web

from exporter.errors import BadInput
from exporter.model import FileFormat
from exporter.sources.base import Catalogue
from server.cron import Cron, parse_cron
from server.errors import Refused
from server.history import TaskFilter
from server.requests import check_form
from server.schedules import Missed, ScheduleDraft
from server.shapes_in import LONGEST_NAME, LONGEST_NOTE, LONGEST_SEARCH, MOST_KEPT
from server.states import State
from server.templates import TemplateDraft

TEMPLATE_KEYS = ("name", "note", "request")
SCHEDULE_KEYS = (
    "name", "cron", "template_id", "request", "paused", "missed", "only_new", "keep_runs",
    "keep_days",
)  # fmt: skip


def id_of(request: web.Request, what: str) -> str:
    """The id of the address. Raises Refused(not_found) for what cannot be one."""
    return _uuid(request.match_info["id"], what)


def template_of(body: object) -> TemplateDraft:
    """The body of POST and PUT; whether the request can start is not looked at. Raises BadInput."""
    raw, problems = _object(body, TEMPLATE_KEYS)
    name = _name(raw.get("name"), problems)
    note = _text("note", raw.get("note"), LONGEST_NOTE, problems)
    request = raw.get("request")
    if not isinstance(request, dict):
        problems.append("request must be the body of a start call")
    _raise(problems)
    return TemplateDraft(name, note, request)


def imported_template(body: object) -> TemplateDraft:
    """From the file that `GET /api/templates/{id}/file` gives. Raises BadInput.

    What it names need not be in this database, but must be well formed.
    """
    raw, problems = _object(body, ("expirytrack_template", "name", "request"))
    version = raw.get("expirytrack_template")
    if version != 1 or isinstance(version, bool):
        problems.append("this is not a template's file: expirytrack_template must be 1")
    name = _name(raw.get("name"), problems)
    _raise(problems)
    check_form(raw.get("request"))
    return TemplateDraft(name, None, raw["request"])


def schedule_of(body: object, *, paused: bool = False) -> ScheduleDraft:
    """The body of POST and PUT; what it runs is not looked at. Raises BadInput.

    Without a word of it, it stays `paused` or not.
    """
    raw, problems = _object(body, SCHEDULE_KEYS)
    name = _name(raw.get("name"), problems)
    cron: Cron | None = None
    try:
        cron = parse_cron(raw.get("cron"))
    except BadInput as error:
        problems += error.problems
    template_id, request = raw.get("template_id"), raw.get("request")
    if (template_id is None) == (request is None):
        problems.append("give either template_id or request")
    if template_id is not None and not isinstance(template_id, str):
        problems.append("template_id must be the id of a template")
    if request is not None and not isinstance(request, dict):
        problems.append("request must be the body of a start call")
    missed = Missed.RUN
    if "missed" in raw:
        try:
            missed = Missed(raw["missed"])
        except ValueError:
            problems.append("missed must be run or skip")
    paused = _flag("paused", raw.get("paused", paused), problems)
    only_new = _flag("only_new", raw.get("only_new", False), problems)
    keep_runs = _count("keep_runs", raw.get("keep_runs"), problems)
    keep_days = _count("keep_days", raw.get("keep_days"), problems)
    _raise(problems)
    assert cron is not None
    return ScheduleDraft(
        name, cron.text, template_id, request, paused, missed, only_new, keep_runs, keep_days
    )


def cron_of(body: object) -> Cron:
    """The body of `explain`. Raises BadInput."""
    raw, problems = _object(body, ("cron",))
    _raise(problems)
    return parse_cron(raw.get("cron"))


def note_of(body: object) -> str | None:
    """The body of PATCH; an empty note is none. Raises BadInput."""
    raw, problems = _object(body, ("note",))
    if "note" not in raw:
        problems.append("give the note, or null to remove it")
    note = _text("note", raw.get("note"), LONGEST_NOTE, problems)
    _raise(problems)
    return note


def nothing_of(body: object) -> None:
    """A body that may be left out says nothing. Raises BadInput."""
    _raise(_object(body, ())[1])


def compared(query: Mapping[str, str]) -> tuple[str, str]:
    """The ids of two tasks. Raises BadInput, Refused(not_found)."""
    problems = [f"unknown parameter {key!r:.80}" for key in query if key not in {"a", "b"}]
    problems += [f"give the id of a task as {key}" for key in ("a", "b") if not query.get(key)]
    _raise(problems)
    return _uuid(query["a"], "task"), _uuid(query["b"], "task")


FILTER_KEYS = ("state", "q", "format", "instrument", "from", "to", "schedule", "template")


def filter_of(query: Mapping[str, str], catalogue: Catalogue | None) -> TaskFilter:
    """The history's search and filters; empty values ask for nothing. Raises BadInput.

    A word also finds the instruments whose name or symbol holds it, as far as they are known.
    """
    problems: list[str] = []
    state = _member(State, "state", query.get("state"), problems)
    format = _member(FileFormat, "format", query.get("format"), problems)
    since = _day("from", query.get("from"), problems)
    until = _day("to", query.get("to"), problems)
    if since and until and since > until:
        problems.append("from is after to")
    text = query.get("q") or ""
    if len(text) > LONGEST_SEARCH:
        problems.append(f"q is longer than {LONGEST_SEARCH} characters")
    _raise(problems)
    words = {word: _named(word, catalogue) for word in text.lower().split()}
    return TaskFilter(
        state, words, format, query.get("instrument") or None, since, until,
        query.get("schedule") or None, query.get("template") or None,
    )  # fmt: skip


def _named(word: str, catalogue: Catalogue | None) -> Sequence[str]:
    if catalogue is None:
        return ()
    return [one.key for one in catalogue.instruments
            if word in one.name.lower() or word in one.symbol.lower()]  # fmt: skip


def _object(body: object, keys: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    if not isinstance(body, dict):
        raise BadInput(["the body must be a JSON object"])
    return body, [f"unknown key {key!r:.80}" for key in body if key not in keys]


def _name(raw: object, problems: list[str]) -> str:
    name = raw.strip() if isinstance(raw, str) else ""
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        problems.append(f"name must be a line of 1 to {LONGEST_NAME} characters")
    return name


def _text(name: str, raw: object, longest: int, problems: list[str]) -> str | None:
    if raw is None:
        return None
    if not isinstance(raw, str) or len(raw) > longest:
        problems.append(f"{name} must be null or text of at most {longest:,} characters")
        return None
    return raw.strip() or None


def _flag(name: str, raw: object, problems: list[str]) -> bool:
    if not isinstance(raw, bool):
        problems.append(f"{name} must be true or false")
    return raw is True


def _count(name: str, raw: object, problems: list[str]) -> int | None:
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int) or not 1 <= raw <= MOST_KEPT:
        problems.append(f"{name} must be null or a whole number from 1 to {MOST_KEPT}")
        return None
    return raw


def _member(kind: Any, name: str, text: str | None, problems: list[str]) -> Any:
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        allowed = ", ".join(one.value for one in kind)
        problems.append(f"{name} {text!r:.80} is not one of {allowed}")
        return None


def _day(name: str, text: str | None, problems: list[str]) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        if day.isoformat() == text:
            return day
    except ValueError:
        pass
    problems.append(f"{name}: {text!r:.80} is not a date of the form YYYY-MM-DD")
    return None


def _uuid(text: str, what: str) -> str:
    try:
        if str(UUID(text)) == text:
            return text
    except ValueError:
        pass
    raise Refused("not_found", f"there is no such {what}")


def _raise(problems: list[str]) -> None:
    if problems:
        raise BadInput(problems)
