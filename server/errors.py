"""What a failure looks like to a client: one shape, one place that knows the HTTP status."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from aiohttp import web

from exporter.errors import Code, ExportError

STATUS: Mapping[str, int] = {
    Code.BAD_INPUT: 400,
    Code.NOT_INSTALLED: 501,
    Code.BAD_CONTRACT: 422,
    Code.BAD_ROW: 422,
    Code.DATABASE_MISSING: 503,
    Code.DATABASE_UNREADABLE: 503,
    Code.DATABASE_SCHEMA: 503,
    Code.DATABASE_BUSY: 503,
    Code.DATABASE_CHANGED: 503,
    Code.STORAGE_FULL: 507,
    Code.STORAGE_DENIED: 503,
    Code.STORAGE_FAILED: 503,
    Code.TOO_MANY_ROWS: 422,
    Code.TOO_MANY_TRIES: 422,
    Code.INTERNAL: 500,
    "not_ready": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method": 405,
    "conflict": 409,
    "gone": 410,
    "precondition": 412,
    "too_large": 413,
    "range": 416,
    "misdirected": 421,
    "busy": 429,
    "unavailable": 503,
}


class Refused(Exception):
    """A request that is answered with an error of a known code (see STATUS)."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)


def json_response(
    value: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """JSON by orjson; never kept by caches, since everything here changes."""
    return web.Response(
        body=orjson.dumps(value),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def error_response(
    code: str,
    message: str,
    *,
    status: int | None = None,
    problems: tuple[str, ...] = (),
    id: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """The one error shape of every route."""
    return json_response(
        {"error": message, "code": str(code), "problems": list(problems), "id": id},
        status=status or STATUS[code],
        headers=headers,
    )


def response_of(error: ExportError | Refused) -> web.Response:
    """The answer for a failure of a known kind."""
    if isinstance(error, Refused):
        return error_response(error.code, error.message, headers=error.headers)
    headers = {"Retry-After": "5"} if error.code is Code.DATABASE_BUSY else None
    return error_response(error.code, error.message, problems=error.problems, headers=headers)
