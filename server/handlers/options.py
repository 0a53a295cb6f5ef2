"""What an export can be asked to be, for whoever builds a form or a request of it."""

from __future__ import annotations

from aiohttp import web

from exporter.columns import COLUMNS
from exporter.formats.registry import FORMATS
from exporter.options import OPTIONS
from server.described import Answer, described
from server.errors import json_response
from server.shapes import OptionList

routes = web.RouteTableDef()


@routes.get("/api/options")
@described(
    "What can be chosen about an export",
    group="Market",
    answers={200: Answer("options, columns and formats", OptionList)},
)
async def options(request: web.Request) -> web.Response:
    """Every option, column and format with what there is to know of it."""
    return json_response(
        {
            "options": [one.to_json() for one in OPTIONS],
            "columns": [
                {"name": name, "help": one.help, "numeric": one.numeric}
                for name, one in COLUMNS.items()
            ],
            "formats": [
                {
                    "name": name.value,
                    "title": one.title,
                    "help": one.help,
                    "extension": name.value,
                    "installed": one.installed,
                    "install": one.install,
                }
                for name, one in FORMATS.items()
            ],
        }
    )
