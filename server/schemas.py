"""Requests, parsed once at the edge: bodies and query strings into typed values, or refused."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any
from uuid import UUID

import orjson
from aiohttp import web

from exporter.errors import BadInput
from exporter.spec import spec_to_json
from server.errors import Refused
from server.shapes_in import EXPIRIES_MOST, LIMIT_DEFAULT, LIMIT_MOST
from server.tasks import Task


async def body_of(request: web.Request) -> object:
    """The JSON body. Raises BadInput where it is not JSON."""
    raw = await request.read()
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadInput([f"the body is not JSON: {error}"]) from None


def instruments_of(body: object) -> list[str]:
    """The keys of `available-expiries`. Raises BadInput."""
    if not isinstance(body, dict):
        raise BadInput(["the body must be a JSON object with instruments"])
    problems = [f"unknown key {key!r:.80}" for key in body if key != "instruments"]
    keys = body.get("instruments")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        problems.append("instruments must be a list of instrument keys")
    if problems:
        raise BadInput(problems)
    assert isinstance(keys, list)
    return keys


def task_id_of(request: web.Request) -> str:
    """The task id of the address. Raises Refused(not_found) for what cannot be one."""
    text = request.match_info["task_id"]
    try:
        if str(UUID(text)) == text:
            return text
    except ValueError:
        pass
    raise Refused("not_found", "there is no such task")


async def empty_of(request: web.Request) -> dict[str, Any]:
    """The body of a call that takes none: nothing, or an empty object. Raises BadInput."""
    if await request.read():
        body = await body_of(request)
        if body != {}:
            raise BadInput(["this call takes no body"])
    return {}


def page_of(query: Mapping[str, str], also: Container[str] = ()) -> tuple[int | None, int]:
    """Cursor and limit of a list that takes the parameters `also` besides. Raises BadInput."""
    problems = _unknown(query, also)
    cursor = _whole("cursor", query.get("cursor") or None, 1, 2**62, problems)
    limit = _whole("limit", query.get("limit"), 1, LIMIT_MOST, problems)
    if problems:
        raise BadInput(problems)
    return cursor, limit or LIMIT_DEFAULT


def named_page_of(
    query: Mapping[str, str], also: Container[str] = ()
) -> tuple[str | None, int | None]:
    """Cursor and limit (None: all) of a list whose cursors are names. Raises BadInput."""
    problems = _unknown(query, also)
    limit = _whole("limit", query.get("limit"), 1, EXPIRIES_MOST, problems)
    if problems:
        raise BadInput(problems)
    return query.get("cursor") or None, limit


def request_again(task: Task) -> dict[str, Any]:
    """The body of `start` that asks for the same export once more."""
    raw = spec_to_json(task.parsed_spec)
    raw.pop("contracts", None)
    return raw


def _unknown(query: Mapping[str, str], also: Container[str]) -> list[str]:
    return [
        f"unknown parameter {key!r:.80}"
        for key in query
        if key not in {"cursor", "limit"} and key not in also
    ]


def _whole(name: str, text: str | None, least: int, most: int, problems: list[str]) -> int | None:
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
        return int(text)
    problems.append(f"{name} {text!r:.80} is not a whole number from {least} to {most}")
    return None
