"""The OpenAPI document as the `/api` page shows it: every reference resolved into words."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson

from server.described import JSON

Schema = Mapping[str, Any]

_ORIGIN = "http://127.0.0.1:5000"
_PLACES = {"path": "path", "query": "query", "header": "header"}
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body; `kind` is its type in words."""

    name: str
    kind: str
    text: str
    required: bool
    place: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a body or an answer holds; `fields` is empty where `kind` says all."""

    kind: str
    fields: tuple[Field, ...]
    example: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer with its status."""

    status: str
    phrase: str
    text: str
    refused: bool
    shape: Shape | None


@dataclass(frozen=True, slots=True)
class Call:
    """One operation; `id` is its place on the page."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Field, ...]
    body: Shape | None
    outcomes: tuple[Outcome, ...]
    curl: str


@dataclass(frozen=True, slots=True)
class Group:
    """Operations that belong together."""

    name: str
    text: str
    calls: tuple[Call, ...]


def view_of(document: Schema) -> tuple[Group, ...]:
    """The page's groups, in the document's order; those without an operation are left out."""
    view = _View(document)
    groups = [
        Group(
            tag["name"],
            tag["description"],
            tuple(
                view.call(method, path, made)
                for path, methods in document["paths"].items()
                for method, made in methods.items()
                if made["tags"] == [tag["name"]]
            ),
        )
        for tag in document["tags"]
    ]
    return tuple(group for group in groups if group.calls)


class _View:
    def __init__(self, document: Schema) -> None:
        self._document = document

    def call(self, method: str, path: str, made: Schema) -> Call:
        body = made.get("requestBody", {}).get("content", {}).get(JSON)
        return Call(
            id=made["operationId"],
            method=method.upper(),
            path=path,
            summary=made["summary"],
            description=made["description"],
            parameters=tuple(self._parameter(one) for one in made.get("parameters", [])),
            body=None if body is None else self._shape(body["schema"], body.get("example")),
            outcomes=tuple(self._outcome(code, one) for code, one in made["responses"].items()),
            curl=curl_line(method, path, made),
        )

    def _parameter(self, one: Schema) -> Field:
        return Field(
            one["name"],
            self.words(one["schema"]),
            one.get("description", ""),
            one.get("required", False),
            _PLACES[one["in"]],
        )

    def _outcome(self, code: str, raw: Schema) -> Outcome:
        made = self._resolved(raw)
        schema = next((one["schema"] for one in made.get("content", {}).values()), None)
        status = HTTPStatus(int(code))
        refused = "$ref" in raw
        shape = None if schema is None or refused else self._shape(schema)
        return Outcome(code, status.phrase, made["description"], refused, shape)

    def _shape(self, schema: Schema, example: object = None) -> Shape:
        shown = orjson.dumps(example, option=orjson.OPT_INDENT_2).decode() if example else ""
        return Shape(self.words(schema), tuple(self._fields(schema)), shown)

    def _fields(self, schema: Schema, before: str = "", depth: int = 0) -> Iterable[Field]:
        """The fields of an object and of what it holds, dotted; lists are entered as `[]`."""
        made = self._resolved(schema)
        if made.get("type") == "array" and depth < _DEEPEST:
            yield from self._fields(made["items"], f"{before}[]", depth + 1)
        for branch in made.get("anyOf", []):
            yield from self._fields(branch, before, depth + 1)
        needed = made.get("required", ())
        for name, field in made.get("properties", {}).items():
            full = f"{before}.{name}" if before else name
            text = field.get("description") or ""
            yield Field(full, self.words(field), text, name in needed)
            # What every task carries is shown where tasks are shown, not wherever one is named.
            if depth < _DEEPEST:
                yield from self._fields(field, full, depth + 1)

    def words(self, schema: Schema) -> str:
        """A schema's type for people: `integer, 1 to 200`, `list of date`, `text or null`."""
        made = self._resolved(schema)
        if "enum" in made or "const" in made:
            values = made.get("enum", [made.get("const")])
            return "one of " + ", ".join(map(str, values)) if len(values) > 1 else str(values[0])
        if "anyOf" in made:
            return " or ".join(dict.fromkeys(self.words(one) for one in made["anyOf"]))
        kind = made.get("type")
        if kind == "array":
            return f"list of {self.words(made['items'])}"
        if kind == "object" and isinstance(made.get("additionalProperties"), dict):
            return f"object of {self.words(made['additionalProperties'])} by name"
        if kind == "string":
            return made.get("format") or ("text" if "pattern" not in made else "text of a form")
        if kind in {"integer", "number"}:
            return f"{kind}{_span(made)}"
        return kind or "anything"

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            found: Any = self._document
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            schema = found
        return schema


def _span(made: Schema) -> str:
    least, most = made.get("minimum"), made.get("maximum")
    if least is not None and most is not None:
        return f", {least} to {most}"
    if least is not None:
        return f", {least} or more"
    return f", {most} or less" if most is not None else ""


def curl_line(method: str, path: str, made: Schema) -> str:
    """A line for a shell that makes this call."""
    address, query = path, []
    for one in made.get("parameters", []):
        if one["in"] == "path":
            address = address.replace(f"{{{one['name']}}}", one["name"].upper())
        elif one.get("required"):
            example = (one["schema"].get("examples") or ["VALUE"])[0]
            for value in example if isinstance(example, list) else [example]:
                query.append(f"{one['name']}={quote(str(value), safe='~')}")
    url = f"{_ORIGIN}{address}{'?' + '&'.join(query) if query else ''}"
    words = ["curl", "-sS"]
    if method != "get":
        words += ["-X", method.upper()]
    lines = []
    body = made.get("requestBody", {}).get("content", {}).get(JSON, {}).get("example")
    if body is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(_compact(body))}"]
    return " \\\n    ".join([" ".join(words), *lines, shlex.quote(url)])


def _compact(value: object) -> str:
    return orjson.dumps(value).decode()
