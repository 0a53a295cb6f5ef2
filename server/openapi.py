"""The OpenAPI 3.1 document, made of the router, the descriptions beside the handlers, and types.

Schemas come from the types by msgspec; options come from their registry, error codes from
server/errors.py. Nothing about a route is written here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, get_type_hints

import msgspec
from aiohttp import web

from server import VERSION, shapes, shapes_health, shapes_in
from server.described import JSON, Answer, Operation, operation_of
from server.errors import STATUS
from server.openapi_parts import (
    expiry_rule_schema,
    option_parameters,
    options_schema,
)

Schema = dict[str, Any]

_REF = "#/components/schemas/{name}"
_ABOUT = (
    "Exports of expired Indian futures and options candles from an ExpiryTrack database."
    " Every time is Indian time. Every error has one shape, with a code for programs and a"
    " sentence for people; what is unknown or malformed is refused with 400 and every problem"
    " named. Lists come in pages: `next_cursor` and the `Link` header lead on. Where an answer"
    " has an `ETag`, `If-None-Match` gives 304 for nothing. A server with a token takes it as"
    " `Authorization: Bearer TOKEN`. What GET answers, HEAD answers without the body."
)
GROUPS: Mapping[str, str] = {
    "Market": "What the database holds, and what can be asked of an export.",
    "Exports": "Start an export as a task, or take a CSV at once.",
    "Tasks": "Follow tasks, fetch their files, and tidy up.",
    "Templates": "Requests that are kept under a name.",
    "Schedules": "Exports that are started again and again.",
    "Server": "How the server is, and this document.",
}
_UUID: Schema = {"type": "string", "format": "uuid"}


def described_routes(app: web.Application) -> Iterable[tuple[str, str, Operation]]:
    """Path, method and description of every route that has one; HEAD goes with its GET."""
    for path, method, handler in routes_of(app):
        operation = operation_of(handler)
        if operation is not None:
            yield path, method, operation


def routes_of(app: web.Application) -> Iterable[tuple[str, str, Any]]:
    """Path, method and handler of every route that takes requests of its own."""
    for route in app.router.routes():
        if route.resource is not None and route.method != "HEAD":
            yield route.resource.canonical, route.method, route.handler


def make_document(app: web.Application) -> Schema:
    """The document of this application's routes."""
    return _Maker(app).document()


class _Maker:
    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._schemas: dict[str, Schema] = {}
        self._refusals: dict[tuple[str, ...], str] = {}

    def document(self) -> Schema:
        paths: dict[str, Schema] = {}
        self._schema(shapes.Frame)
        for path, method, operation in described_routes(self._app):
            paths.setdefault(path, {})[method.lower()] = self._operation(path, operation)
        self._schema(shapes.Error)
        self._from_registries()
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "ExpiryTrack Export",
                "version": VERSION,
                "summary": "Expired futures and options candles as CSV, JSON and ZIP.",
                "description": _ABOUT,
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": "/"}],
            "security": [{}, {"token": []}],
            "tags": [{"name": name, "description": text} for name, text in GROUPS.items()],
            "paths": paths,
            "components": {
                "schemas": dict(sorted(self._schemas.items())),
                "responses": self._responses(),
                "securitySchemes": {
                    "token": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "where the server was started with a token",
                    }
                },
            },
        }

    def _operation(self, path: str, operation: Operation) -> Schema:
        made: Schema = {
            "operationId": operation.id,
            "tags": [operation.group],
            "summary": operation.summary,
            "description": operation.description,
        }
        parameters = [*_path_parameters(path), *self._parameters(operation)]
        if parameters:
            made["parameters"] = parameters
        if operation.body is not None:
            content: Schema = {"schema": self._schema(operation.body)}
            if operation.example is not None:
                content["example"] = operation.example
            made["requestBody"] = {
                "required": operation.body_required,
                "content": {JSON: content},
            }
        responses = {
            str(status): self._answer(answer) for status, answer in operation.answers.items()
        }
        for status, codes in _by_status(operation.errors).items():
            if status in operation.answers:
                # Health says 503 in its own words, a failing task table in everybody's.
                answer = responses[str(status)]["content"][JSON]
                answer["schema"] = {"anyOf": [answer["schema"], _refusal(codes)]}
                continue
            name = self._refusals.setdefault(codes, f"Refused{status}_{len(self._refusals)}")
            responses[str(status)] = {"$ref": f"#/components/responses/{name}"}
        made["responses"] = dict(sorted(responses.items()))
        return made

    def _answer(self, answer: Answer) -> Schema:
        made: Schema = {"description": answer.text}
        if isinstance(answer.body, str):
            made["content"] = {answer.media: {"schema": {"type": "string"}}}
        elif answer.body is not None:
            made["content"] = {answer.media: {"schema": self._schema(answer.body)}}
        if answer.headers:
            made["headers"] = {
                name: {"description": text, "schema": {"type": "string"}}
                for name, text in answer.headers.items()
            }
        return made

    def _parameters(self, operation: Operation) -> list[Schema]:
        headers = operation.headers
        if headers is None and HTTPStatus.NOT_MODIFIED in operation.answers:
            headers = shapes_in.ConditionalHeaders
        found = [*self._fields(operation.query, "query"), *self._fields(headers, "header")]
        return [*found, *option_parameters()] if operation.options_in_query else found

    def _fields(self, kind: type | None, place: str) -> list[Schema]:
        if kind is None:
            return []
        needed: frozenset[str] = getattr(kind, "__required_keys__", frozenset())
        found = []
        for name, hint in get_type_hints(kind, include_extras=True).items():
            schema = dict(self._schema(hint))
            parameter: Schema = {"name": name.replace("_", "-") if place == "header" else name}
            parameter |= {"in": place, "required": name in needed}
            if "description" in schema:
                parameter["description"] = schema.pop("description")
            found.append(parameter | {"schema": schema})
        return found

    def _schema(self, kind: Any) -> Schema:
        (schema,), components = msgspec.json.schema_components([kind], ref_template=_REF)
        for name, component in components.items():
            self._schemas.setdefault(name, _in_order(name, component))
        return schema

    def _from_registries(self) -> None:
        self._schemas["Options"] = options_schema()
        self._schemas["ExpiryRule"] = expiry_rule_schema()

    def _responses(self) -> Schema:
        return {
            name: {
                "description": f"{HTTPStatus(STATUS[codes[0]]).phrase}: {', '.join(codes)}",
                "content": {JSON: {"schema": _refusal(codes)}},
            }
            for codes, name in self._refusals.items()
        }


def _path_parameters(path: str) -> list[Schema]:
    # Everything that is named in an address here is named by a UUID.
    return [
        {"name": name, "in": "path", "required": True, "schema": _UUID}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _refusal(codes: Iterable[str]) -> Schema:
    return {
        "allOf": [
            {"$ref": _REF.format(name="Error")},
            {"properties": {"code": {"enum": list(codes)}}},
        ]
    }


def _by_status(codes: Iterable[str]) -> Mapping[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for code in codes:
        status = STATUS[code]
        found[status] = (*found.get(status, ()), str(code))
    return {status: tuple(sorted(names)) for status, names in found.items()}


def _in_order(name: str, component: Schema) -> Schema:
    """A type's fields as the code has them, and closed where a request must not have others."""
    for module in (shapes_in, shapes, shapes_health):
        kind = getattr(module, name, None)
        if isinstance(kind, type) and "properties" in component:
            order = [field for field in kind.__annotations__ if field in component["properties"]]
            made = component | {
                "properties": {field: component["properties"][field] for field in order}
            }
            if "required" in component:
                made["required"] = [field for field in order if field in component["required"]]
            return made | ({"additionalProperties": False} if module is shapes_in else {})
    return component
