"""The OpenAPI document as the `/api` page shows it: every reference resolved into words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson

from server.described import JSON

Schema = Mapping[str, Any]

_ORIGIN = "http://127.0.0.1:5000"


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of a type in words; `shape` is the name of the shape that it stands for."""

    text: str
    shape: str = ""


Words = tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a shape."""

    name: str
    kind: Words
    text: str
    required: bool
    place: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """An object that bodies and answers are made of."""

    name: str
    text: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """What a call takes."""

    kind: Words
    required: bool
    example: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer with its status."""

    status: str
    phrase: str
    text: str
    refused: bool
    kind: Words


@dataclass(frozen=True, slots=True)
class Call:
    """One operation; `id` is its place on the page."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Field, ...]
    body: Body | None
    outcomes: tuple[Outcome, ...]
    curl: str


@dataclass(frozen=True, slots=True)
class Group:
    """Operations that belong together."""

    name: str
    text: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class View:
    """The whole page."""

    groups: tuple[Group, ...]
    shapes: tuple[Shape, ...]


def view_of(document: Schema) -> View:
    """Groups in the document's order, those without an operation left out; shapes by name."""
    view = _Maker(document)
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
    schemas = document["components"]["schemas"]
    shapes = [view.shape(name) for name, schema in schemas.items() if _is_shape(schema)]
    return View(tuple(group for group in groups if group.calls), tuple(shapes))


class _Maker:
    def __init__(self, document: Schema) -> None:
        self._document = document

    def call(self, method: str, path: str, made: Schema) -> Call:
        body = made.get("requestBody")
        return Call(
            id=made["operationId"],
            method=method.upper(),
            path=path,
            summary=made["summary"],
            description=made["description"],
            parameters=tuple(self._parameter(one) for one in made.get("parameters", [])),
            body=None if body is None else self._body(body),
            outcomes=tuple(self._outcome(code, one) for code, one in made["responses"].items()),
            curl=curl_line(method, path, made),
        )

    def shape(self, name: str) -> Shape:
        """A named object; where it is one of several, the fields of each.

        What must be there is said of what is sent; of what is answered all is there.
        """
        made = self._document["components"]["schemas"][name]
        fields = [
            Field(field, self.words(schema), schema.get("description", ""), field in needed)
            for one in (made, *made.get("anyOf", ()))
            for needed in [one.get("required", ()) if "additionalProperties" in one else ()]
            for field, schema in one.get("properties", {}).items()
        ]
        return Shape(name, made.get("description", ""), tuple(fields))

    def words(self, schema: Schema) -> Words:
        """A schema's type for people: `integer, 1 to 200`, `list of Status`, `text or null`."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            made = self._document["components"]["schemas"][name]
            return (Word(name, name),) if _is_shape(made) else self.words(made)
        if "allOf" in schema:
            return self.words(schema["allOf"][0])
        if "enum" in schema or "const" in schema:
            values = schema.get("enum", [schema.get("const")])
            text = ", ".join(orjson.dumps(value).decode() for value in values)
            return (Word(f"one of {text}" if len(values) > 1 else text),)
        if "anyOf" in schema:
            ways = list(dict.fromkeys(self.words(one) for one in schema["anyOf"]))
            return sum(((Word(" or "), *way) for way in ways[1:]), ways[0])
        kind = schema.get("type")
        if kind == "array":
            return (Word("list of "), *self.words(schema.get("items", {})))
        if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
            inner = schema["additionalProperties"]
            return (Word("by name: "), *self.words(inner)) if inner else (Word("object"),)
        return (Word(_plain(schema)),)

    def _parameter(self, one: Schema) -> Field:
        return Field(
            one["name"],
            self.words(one["schema"]),
            one.get("description", ""),
            one.get("required", False),
            one["in"],
        )

    def _body(self, raw: Schema) -> Body:
        made = raw["content"][JSON]
        example = made.get("example")
        shown = "" if example is None else orjson.dumps(example, option=orjson.OPT_INDENT_2)
        return Body(
            self.words(made["schema"]),
            raw["required"],
            shown if isinstance(shown, str) else shown.decode(),
        )

    def _outcome(self, code: str, raw: Schema) -> Outcome:
        refused = "$ref" in raw
        made = raw
        if refused:
            made = self._document["components"]["responses"][raw["$ref"].rpartition("/")[2]]
        schema = next((one["schema"] for one in made.get("content", {}).values()), None)
        kind = () if schema is None else self.words(schema)
        phrase = HTTPStatus(int(code)).phrase
        text = made["description"].removeprefix(f"{phrase}: ")
        return Outcome(code, phrase, text, refused, kind)


def _is_shape(schema: Schema) -> bool:
    ways = [schema, *schema.get("anyOf", ())]
    return any("properties" in one for one in ways)


def _plain(schema: Schema) -> str:
    kind = str(schema.get("type", "anything"))
    if kind == "string":
        return str(schema.get("format", "text"))
    return f"{kind}{_span(schema)}"


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
        elif one.get("required") or one["schema"].get("examples"):
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
