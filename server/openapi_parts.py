"""Schemas of what is described by a registry and not by a type: options and expiry rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from exporter.columns import COLUMNS
from exporter.options import LONGEST_TITLE, OPTIONS, Option
from exporter.spec import MOST_DAYS, MOST_EXPIRIES

Schema = dict[str, Any]

# What a plain CSV can be asked to be: it is neither an archive nor compressed.
STREAMED = tuple(
    option for option in OPTIONS if option.name not in {"separate_files", "compression", "level"}
)

_TIME = "^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _limits(option: Option) -> Schema:
    found = {"minimum": option.least, "maximum": option.most}
    return {name: limit for name, limit in found.items() if limit is not None}


def _columns(_: Option) -> Schema:
    named = {
        "type": "object",
        "properties": {
            "name": {"enum": list(COLUMNS)},
            "as": {
                "type": "string",
                "minLength": 1,
                "maxLength": LONGEST_TITLE,
                "description": "the title in the file",
            },
        },
        "required": ["name"],
        "additionalProperties": False,
    }
    return {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"anyOf": [{"enum": list(COLUMNS)}, named]},
    }


# By the kinds of exporter/options.py.
_KINDS: Mapping[str, Callable[[Option], Schema]] = {
    "flag": lambda option: {"type": "boolean"},
    "choice": lambda option: {"type": "string", "enum": list(option.choices)},
    "choices": lambda option: {
        "type": "array",
        "minItems": 1,
        "items": {"enum": list(option.choices)},
    },
    "integer": lambda option: {"type": "integer", **_limits(option)},
    "number": lambda option: {"type": "number", **_limits(option)},
    "date": lambda option: {"type": "string", "format": "date"},
    "time": lambda option: {"type": "string", "pattern": _TIME},
    "columns": _columns,
}


def option_schema(option: Option) -> Schema:
    """One option as it stands in a request's body."""
    schema = _KINDS[option.kind](option)
    if option.nullable:
        schema = {"anyOf": [schema, {"type": "null"}]}
    return {"description": option.help, **schema, "default": option.default}


def options_schema() -> Schema:
    """All options; an unknown one is refused."""
    return {
        "title": "Options",
        "description": "What can be chosen about a file; what is absent has its default.",
        "type": "object",
        "properties": {option.name: option_schema(option) for option in OPTIONS},
        "additionalProperties": False,
    }


def option_parameters() -> list[Schema]:
    """The options that a stream can have, as parameters of its address; lists have commas."""
    found = []
    for option in STREAMED:
        schema = _KINDS[option.kind](option)
        if option.kind == "columns":
            # `name=title` has no schema; the parser says what is wrong.
            schema = {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}
        if option.default is not None:
            schema["default"] = option.default
        one: Schema = {"name": option.name, "in": "query", "description": option.help}
        if schema["type"] == "array":
            one |= {"style": "form", "explode": False}
        found.append(one | {"schema": schema})
    return found


def expiry_rule_schema() -> Schema:
    """The rules of exporter/spec.py, one of which a request may have instead of expiries."""
    whole = {"type": "integer", "minimum": 1}
    day = {"type": "string", "format": "date"}
    kinds: list[tuple[str, Schema, list[str]]] = [
        ("the newest N of each instrument", {"last": whole | {"maximum": MOST_EXPIRIES}}, ["last"]),
        ("every expiry", {"all": {"const": True}}, ["all"]),
        ("expired in the last N days", {"days": whole | {"maximum": MOST_DAYS}}, ["days"]),
        ("between two days, both inclusive; either may be absent", {"from": day, "to": day}, []),
    ]
    return {
        "title": "ExpiryRule",
        "description": "Which expiries, found anew whenever an export starts.",
        "anyOf": [
            {
                "description": text,
                "type": "object",
                "properties": properties,
                "minProperties": 1,
                "required": required,
                "additionalProperties": False,
            }
            for text, properties, required in kinds
        ],
    }
