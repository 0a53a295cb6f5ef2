"""Holds what a server answers against its own OpenAPI document, route by route.

Stricter than the document: a field that it does not name is wrong too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from aiohttp import web
from jsonschema import Draft202012Validator

from server.handlers.api import DOCUMENT

JSON = "application/json"


class Judge:
    """Watches applications; `wrong` has a line for each answer that is not as documented."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.seen: set[tuple[str, str, int]] = set()

    def watch(self, app: web.Application) -> None:
        """Before the application starts."""
        app.on_response_prepare.append(self._look)

    async def _look(self, request: web.Request, response: web.StreamResponse) -> None:
        path = request.path
        if not path.startswith("/api/") and path != "/metrics":
            return
        document = request.app[DOCUMENT].body
        resource = request.match_info.route.resource
        if resource is None:
            self._judge(request, response, error_schema(document))
            return
        method = "get" if request.method == "HEAD" else request.method.lower()
        made = load(document)["paths"][resource.canonical][method]["responses"]
        answer = made.get(str(response.status))
        if answer is None:
            self.wrong.append(f"{request.method} {path}: {response.status} is not documented")
            return
        self.seen.add((method, resource.canonical, response.status))
        content = resolved(document, answer).get("content", {})
        if JSON in content and response.content_type == JSON:
            self._judge(request, response, content[JSON]["schema"])
        elif content and "*/*" not in content and response.content_type not in content:
            self.wrong.append(f"{request.method} {path}: {response.content_type}")

    def _judge(
        self, request: web.Request, response: web.StreamResponse, schema: dict[str, Any]
    ) -> None:
        assert isinstance(response, web.Response)
        assert isinstance(response.body, bytes)
        for problem in problems(request.app[DOCUMENT].body, schema, json.loads(response.body)):
            self.wrong.append(f"{request.method} {request.path} {response.status}: {problem}")


@lru_cache(maxsize=8)
def load(document: bytes) -> dict[str, Any]:
    """The document, with every object of it closed."""
    made: dict[str, Any] = json.loads(document)
    for schema in made["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return made


def resolved(document: bytes, part: dict[str, Any]) -> dict[str, Any]:
    """What a reference to a response stands for."""
    if "$ref" not in part:
        return part
    name = part["$ref"].rpartition("/")[2]
    found: dict[str, Any] = load(document)["components"]["responses"][name]
    return found


def error_schema(document: bytes) -> dict[str, Any]:
    return {"$ref": "#/components/schemas/Error"}


def problems(document: bytes, schema: dict[str, Any], value: object) -> Iterator[str]:
    """What is wrong with a value, by a schema of the document."""
    for error in _validator(document, json.dumps(schema, sort_keys=True)).iter_errors(value):
        yield f"{error.json_path}: {error.message:.300}"


@lru_cache(maxsize=512)
def _validator(document: bytes, schema: str) -> Draft202012Validator:
    whole = {**json.loads(schema), "components": load(document)["components"]}
    Draft202012Validator.check_schema(whole)
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
