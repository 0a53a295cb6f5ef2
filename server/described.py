"""What a route takes and gives, said beside its handler in the types that the code uses itself.

`server/openapi.py` makes the document of it; a route without a description fails a test.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=Handler)

JSON = "application/json"

# Codes that come together (server/errors.py has their status): asking of the market database,
# changing the task table, writing into the exports folder.
MARKET = (
    "bad_contract", "bad_row", "database_missing", "database_unreadable", "database_schema",
    "database_busy", "database_changed", "not_installed",
)  # fmt: skip
TABLE = ("storage_full", "storage_failed")
FOLDER = (*TABLE, "storage_denied")
# What anybody may hear from any address: the door, and a defect of ours.
EVERYWHERE = ("unauthorized", "forbidden", "misdirected", "internal")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that is no error.

    `body` is a type that msgspec knows (None: no body), or the text of another media type.
    """

    text: str
    body: Any = None
    media: str = JSON
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """What one handler does; `query` and `headers` are TypedDicts, one field a parameter.

    `options_in_query` adds every option of an export as a parameter.
    """

    id: str
    summary: str
    group: str
    description: str
    answers: Mapping[int, Answer]
    errors: tuple[str, ...]
    query: type | None = None
    body: Any = None
    headers: type | None = None
    example: object = None
    body_required: bool = True
    options_in_query: bool = False


_OPERATIONS: dict[Handler, Operation] = {}


def described(
    summary: str,
    *,
    group: str,
    answers: Mapping[int, Answer],
    errors: Sequence[str] = (),
    query: type | None = None,
    body: Any = None,
    headers: type | None = None,
    example: object = None,
    body_required: bool = True,
    options_in_query: bool = False,
) -> Callable[[H], H]:
    """Describe a handler; its docstring is the description.

    `example` is a body that works with the sample database. Codes that every route shares
    are added here.
    """

    def note(handler: H) -> H:
        codes = (*errors, *(("bad_input", "too_large") if body is not None else ()), *EVERYWHERE)
        _OPERATIONS[handler] = Operation(
            f"{handler.__module__.rpartition('.')[2]}_{handler.__name__}",
            summary,
            group,
            inspect.getdoc(handler) or "",
            answers,
            tuple(dict.fromkeys(codes)),
            query,
            body,
            headers,
            example,
            body_required,
            options_in_query,
        )
        return handler

    return note


def operation_of(handler: Any) -> Operation | None:
    """The description of a route's handler, if it has one."""
    return _OPERATIONS.get(handler)
