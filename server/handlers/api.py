"""The API's own description: the OpenAPI document, and a page to read it on."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2s
from typing import Any, Self

import orjson
from aiohttp import web

from server.conditional import tagged, unchanged
from server.described import Answer, described
from server.handlers.pages import page
from server.openapi import make_document
from server.openapi_view import View, view_of

routes = web.RouteTableDef()


@dataclass(frozen=True, slots=True)
class Document:
    """The document of one application: made once, since its routes do not change."""

    body: bytes
    tag: str
    view: View

    @classmethod
    def of(cls, app: web.Application) -> Self:
        """After the last route was added."""
        made = make_document(app)
        body = orjson.dumps(made)
        tag = f'"{blake2s(body, digest_size=16).hexdigest()}"'
        return cls(body, tag, view_of(made))


DOCUMENT: web.AppKey[Document] = web.AppKey("document", Document)


@routes.get("/api/openapi.json")
@described(
    "This document",
    group="Server",
    answers={
        200: Answer("OpenAPI 3.1", dict[str, Any], headers={"ETag": "of the document"}),
        304: Answer("unchanged"),
    },
)
async def openapi(request: web.Request) -> web.Response:
    """The OpenAPI document of this server, made from the types and registries it works by."""
    document = request.app[DOCUMENT]
    same = unchanged(request, document.tag)
    if same is not None:
        return same
    return web.Response(
        body=document.body, content_type="application/json", headers=tagged(document.tag)
    )


@routes.get("/api")
async def browse(request: web.Request) -> web.Response:
    """The same for people."""
    return page(request, "api", api=request.app[DOCUMENT].view)
