"""The OpenAPI document: sound, complete, the same as what the server does, and quick to ask for."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import make_mocked_request
from openapi_spec_validator import OpenAPIV31SpecValidator

from exporter.columns import COLUMNS
from exporter.options import LONGEST_TITLE, OPTIONS, Option, parse_options
from server.app import create_app
from server.described import operation_of
from server.errors import STATUS
from server.handlers import pages
from server.handlers.api import DOCUMENT, browse
from server.openapi import GROUPS, described_routes, routes_of
from server.openapi_parts import option_schema
from server.openapi_view import View
from tests.conftest import make_settings
from tests.documented import load, problems
from tests.integration.calls import Client

APP = create_app(make_settings(Path("nowhere"), Path("nowhere.db")))
BODY = APP[DOCUMENT].body
MADE: dict[str, Any] = json.loads(BODY)
VIEW: View = APP[DOCUMENT].view
OPERATIONS = [
    (method, path, made) for path, methods in MADE["paths"].items()
    for method, made in methods.items()
]  # fmt: skip
IDS = [f"{method} {path}" for method, path, _ in OPERATIONS]


def test_an_independent_validator_finds_it_sound() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(MADE).iter_errors()] == []


def test_every_route_is_described_but_the_pages() -> None:
    """A route without `@described` fails here; so does a description that no route has."""
    own = {getattr(route, "handler", None) for route in pages.routes} | {browse}
    bare = {
        (method, path)
        for path, method, handler in routes_of(APP)
        if operation_of(handler) is None and handler not in own
    }
    assert bare == {("GET", "/static")}
    assert {(method, path) for method, path, _ in OPERATIONS} == {
        (method.lower(), path) for path, method, _ in described_routes(APP)
    }


@pytest.mark.parametrize(("method", "path", "made"), OPERATIONS, ids=IDS)
def test_an_operation_says_what_a_stranger_must_know(
    method: str, path: str, made: dict[str, Any]
) -> None:
    assert made["summary"]
    assert made["description"].endswith(".")
    assert made["tags"][0] in GROUPS
    for parameter in made.get("parameters", []):
        assert parameter["in"] == "path" or parameter["description"]
    body = made.get("requestBody")
    if body is not None and body["required"]:
        content = body["content"]["application/json"]
        assert list(problems(BODY, content["schema"], content["example"])) == []


def test_operation_ids_are_unique() -> None:
    ids = [made["operationId"] for _, _, made in OPERATIONS]
    assert len(set(ids)) == len(ids)


def test_every_code_of_an_error_is_said_somewhere() -> None:
    said = {
        code
        for response in MADE["components"]["responses"].values()
        for code in response["content"]["application/json"]["schema"]["allOf"][1]["properties"][
            "code"
        ]["enum"]
    }
    # A method that no route has is nowhere in the document; the other is how a task fails,
    # not how a call does.
    assert set(STATUS) - said == {"method", "too_many_tries"}


def test_every_answer_of_a_named_shape_is_shown_on_the_page() -> None:
    shown = {shape.name for shape in VIEW.shapes}
    for group in VIEW.groups:
        for call in group.calls:
            words = [word for one in call.outcomes for word in one.kind]
            words += [word for field in call.parameters for word in field.kind]
            words += list(call.body.kind) if call.body else []
            assert {word.shape for word in words if word.shape} <= shown
    assert sum(len(group.calls) for group in VIEW.groups) == len(OPERATIONS)


@pytest.mark.parametrize(
    "call", [call for group in VIEW.groups for call in group.calls], ids=lambda call: call.id
)
async def test_a_line_for_a_shell_makes_the_call(call: Any) -> None:
    words = shlex.split(call.curl.replace("\\\n", " "))
    url = urlsplit(words[-1])
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    path = f"{url.path}?{url.query}" if url.query else url.path
    match = await APP.router.resolve(make_mocked_request(method, path))
    assert match.route.resource is not None
    assert (method, match.route.resource.canonical) == (call.method, call.path)
    if "-d" in words:
        json.loads(words[words.index("-d") + 1])


async def test_every_example_works_with_the_sample_database(client: Client) -> None:
    """Each body that the document shows is taken, and answered as it says."""
    for method, path, made in OPERATIONS:
        content = made.get("requestBody", {}).get("content", {}).get("application/json", {})
        if "example" in content and "{" not in path:
            answer = await client.request(method, path, json=content["example"])
            assert answer.status < 300, (path, await answer.text())


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_option_takes_what_its_schema_takes(option: Option) -> None:
    """At every limit that the schema names, and just beyond it."""
    schema = option_schema(option)
    assert list(problems(BODY, schema, option.default)) == []
    tried: list[object] = [None, True, False, -1, 0, 1, 1.5, "", "x", [], {}, *option.choices]
    tried += [list(option.choices), ["x"], "2025-09-16", "2025-02-30", "09:15", "24:00", "9:15"]
    tried += [limit + step for limit in (option.least, option.most) if limit is not None
              for step in (-1, 0, 1)]  # fmt: skip
    if option.kind == "columns":
        named = {"name": "close", "as": "x" * LONGEST_TITLE}
        tried += [list(COLUMNS), [named], [named | {"as": "x" * (LONGEST_TITLE + 1)}],
                  [named | {"as": ""}], [{"name": "close"}], [{"as": "x"}],
                  [named | {"more": 1}], ["close", "close"]]  # fmt: skip
    for value in tried:
        refused: list[str] = []
        parse_options({option.name: value}, refused)
        wrong = list(problems(BODY, schema, value))
        assert bool(wrong) == bool(refused), (value, wrong, refused)


async def test_the_document_is_asked_for_once(client: Client) -> None:
    answer = await client.get("/api/openapi.json")
    assert answer.status == 200
    assert answer.content_type == "application/json"
    assert load(await answer.read())["openapi"].startswith("3.1")
    again = await client.get("/api/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")
    head = await client.head("/api/openapi.json")
    assert head.headers["Content-Length"] == answer.headers["Content-Length"]


async def test_the_page_shows_every_call_under_the_policy(client: Client) -> None:
    answer = await client.get("/api")
    text = await answer.text()
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for _, path, made in OPERATIONS:
        assert path in text
        assert f'id="{made["operationId"]}"' in text
    assert "<style" not in text
    assert "style=" not in text
    assert text.count("<script") == text.count('<script type="module" src=') + 1
