"""Requests drawn from the OpenAPI document, against the product as a process.

No request may end in a 5xx, and every answer must be one that the document names.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.app import create_app
from server.handlers.api import DOCUMENT
from tests.conftest import make_settings
from tests.integration.calls import SENSEX
from tests.servers import Server

MADE: dict[str, Any] = json.loads(
    create_app(make_settings(Path("nowhere"), Path("nowhere.db")))[DOCUMENT].body
)


def takes_something(made: dict[str, Any]) -> bool:
    """Is there anything to get wrong? A header of free text cannot be."""
    places = {one["in"] for one in made.get("parameters", [])}
    return "requestBody" in made or bool(places - {"header"})


POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
# A WebSocket is no call with an answer.
CALLS = [
    pytest.param(method.upper(), path, mode, id=f"{mode.value} {method.upper()} {path}")
    for path, methods in MADE["paths"].items()
    for method, made in methods.items()
    for mode in (POSITIVE, NEGATIVE)
    if "/ws" not in path and (mode is POSITIVE or takes_something(made))
]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MANY = settings(
    max_examples=20,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Iterator[str]:
    with Server(tmp_path_factory.mktemp("drawn"), sample) as server:
        yield server.url


@pytest.mark.parametrize(("method", "path", "mode"), CALLS)
def test_no_request_of_the_document_breaks_the_server(
    method: str, path: str, mode: GenerationMode, site: str
) -> None:
    operation = schemathesis.openapi.from_dict(MADE)[path][method]

    @MANY
    @given(case=operation.as_strategy(generation_mode=mode))
    def draw(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base_url=site, checks=CHECKS)

    draw()
    assert healthy(site)


@pytest.mark.parametrize("path", ["/api/export/preview", "/api/export/start"])
def test_any_options_of_the_document_for_what_there_is(path: str, site: str) -> None:
    """What the document allows is taken, or refused for a contradiction between two options."""
    operation = schemathesis.openapi.from_dict(MADE)[path]["POST"]
    good = []

    @settings(MANY, max_examples=60)
    @given(case=operation.as_strategy(generation_mode=POSITIVE))
    def draw(case: schemathesis.Case[Any]) -> None:
        assert isinstance(case.body, dict)
        asked = {name: value for name, value in case.body.items() if name in {"format", "options"}}
        case.body = {**asked, "instruments": [SENSEX], "expiry_rule": {"last": 1}}
        case.headers.pop("Idempotency-Key", None)
        good.append(case.call_and_validate(base_url=site, checks=CHECKS).status_code < 300)

    draw()
    assert any(good)
    assert healthy(site)


def healthy(site: str) -> bool:
    with urllib.request.urlopen(f"{site}/api/health", timeout=30) as answer:
        return bool(json.load(answer)["status"] == "ok")
