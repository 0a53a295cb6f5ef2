"""An option's value as text: in a flag of the command line, in an address's query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import orjson

from exporter.options import Option, shown


def from_text(option: Option, text: str, problems: list[str]) -> Any:
    """The value that a request would hold; None and a line in `problems` where it is none.

    Flags are true or false, lists have commas between their entries, a column may have a title
    after a = (date,close=Close) or be said as the API's JSON. Ranges are left to `option.read`.
    """
    try:
        return _READERS.get(option.kind, str)(text)
    except ValueError:
        what = _WANTED[option.kind]
        problems.append(f"{option.name} must be {what}, not {shown(text)}")
        return None


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _columns(text: str) -> list[object]:
    if text.startswith("["):
        return list(orjson.loads(text))
    return [
        {"name": name.strip(), "as": title} if equals else name.strip()
        for name, equals, title in (entry.partition("=") for entry in text.split(","))
    ]


def _choices(text: str) -> list[str]:
    return [name.strip().upper() for name in text.split(",")]


def _number(text: str) -> int | float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(text)
    return int(value) if value.is_integer() else value


_READERS: Mapping[str, Callable[[str], Any]] = {
    "flag": _flag,
    "columns": _columns,
    "choices": _choices,
    "integer": int,
    "number": _number,
}
_WANTED = {
    "flag": "true or false",
    "columns": "a list of columns",
    "integer": "a whole number",
    "number": "a number",
}
