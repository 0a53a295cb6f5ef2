"""What holds for every request: the door, security headers, and errors in one shape."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from exporter.errors import Code, ExportError
from server.door import Door
from server.errors import Refused, error_response, response_of
from server.faults import log_unknown

log = logging.getLogger(__name__)

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Without a referrer at all a form's own Origin is "null", which the door refuses.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_SENTENCES = {
    404: "there is nothing at this address",
    405: "this address does not take that method",
    413: "the request is larger than 1 MiB",
    417: "the expectation cannot be met",
}
_CODES = {404: "not_found", 405: "method", 413: "too_large"}


async def secure(_: web.Request, response: web.StreamResponse) -> None:
    """A signal of `on_response_prepare`: every answer carries the security headers."""
    harden(response)


def harden(response: web.StreamResponse) -> None:
    """What a response must carry, whoever makes it."""
    # Versions of what runs here are nobody's business outside.
    response.headers["Server"] = "expirytrack-export"
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    # Pages and scripts change with the version: ask each time, and be told that nothing changed.
    response.headers.setdefault("Cache-Control", "no-cache")


def errors_and_door(door: Door) -> Middleware:
    """The outermost middleware: refuses who may not come in, and answers every failure."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            door.check(request)
            return await handler(request)
        except (ExportError, Refused) as error:
            return response_of(error)
        except web.HTTPException as error:
            return http_response(error)
        except web.RequestPayloadError:
            return error_response(Code.BAD_INPUT, "the body is not encoded as its headers say")
        except ConnectionError:
            raise  # The client has left; there is nobody to answer.
        except Exception as error:
            # The one place where a defect of a handler ends, whatever it is.
            told = log_unknown(log, f"{request.method} {request.path}", error)
            return error_response(Code.INTERNAL, told.message, id=told.id)

    return middleware


def http_response(error: web.HTTPException) -> web.Response:
    """The answer for what aiohttp itself refuses or sends elsewhere."""
    if error.status < 400:
        return web.Response(status=error.status, headers={"Location": error.headers["Location"]})
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    return error_response(
        _CODES.get(error.status, "bad_input"),
        _SENTENCES.get(error.status, error.reason),
        status=error.status,
        headers=headers,
    )
