"""An option's value as a person writes it in a flag or an address, read into a request's JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from exporter.options import OPTIONS, Option

# What a plain CSV can be asked to be: it is neither an archive nor compressed.
STREAMED = tuple(
    option for option in OPTIONS if option.name not in {"separate_files", "compression", "level"}
)


def read_text(option: Option, text: str) -> object:
    """The value as a request says it; whether it is allowed is for the request's parser.

    Lists have commas between their entries, columns a title after `=`. Raises ValueError with a
    sentence.
    """
    if option.nullable and text == "null":
        return None
    return _READERS.get(option.kind, str)(text)


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(f"{text!r:.80} is neither true nor false")
    return text == "true"


def _columns(text: str) -> list[object]:
    if text.startswith("["):
        try:
            return list(orjson.loads(text))
        except orjson.JSONDecodeError as error:
            raise ValueError(f"not JSON: {error}") from None
    return [
        {"name": name.strip(), "as": title} if equals else name.strip()
        for name, equals, title in (entry.partition("=") for entry in text.split(","))
    ]


def _names(text: str) -> list[str]:
    return [name.strip().upper() for name in text.split(",")]


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r:.80} is not a whole number") from None


def _number(text: str) -> int | float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r:.80} is not a number") from None
    return int(value) if value.is_integer() else value


_READERS: Mapping[str, Callable[[str], object]] = {
    "flag": _flag,
    "columns": _columns,
    "choices": _names,
    "integer": _whole,
    "number": _number,
}
