"""The call that holds two exports against each other."""

from __future__ import annotations

from aiohttp import web

from server.comparison import compare
from server.context import context
from server.described import TABLE, Answer, described
from server.errors import json_response
from server.schemas_kept import compared
from server.shapes import Comparison
from server.shapes_in import CompareQuery

routes = web.RouteTableDef()


@routes.get("/api/export/compare")
@described(
    "Compare two exports",
    group="Tasks",
    query=CompareQuery,
    answers={200: Answer("the first and the second, and what differs", Comparison)},
    errors=(*TABLE, "bad_input", "not_found"),
)
async def compare_two(request: web.Request) -> web.Response:
    """Rows, checksums, what was asked for and, of two archives that are there, their contracts."""
    have = context(request)
    a, b = compared(request.query)
    first, second = await have.runner.get(a), await have.runner.get(b)
    return json_response(await compare(first, second, have.artefacts))
