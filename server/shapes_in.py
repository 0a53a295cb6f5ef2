"""What the API takes, as types. The rules that a type cannot say are in exporter/spec.py and
server/schemas.py; the limits here are theirs."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from exporter.model import FileFormat
from server.states import State

LIMIT_DEFAULT = 50
LIMIT_MOST = 200
EXPIRIES_MOST = 1000

Day = Annotated[str, Meta(extra_json_schema={"format": "date"}, examples=["2025-09-16"])]
Uuid = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
# Filled in from the registry of exporter/spec.py.
CsvColumn = str
Cursor = Annotated[
    str, Meta(description="the `next_cursor` of the page before", min_length=1, max_length=200)
]
Limit = Annotated[
    int, Meta(ge=1, le=LIMIT_MOST, description=f"how many at most (default: {LIMIT_DEFAULT})")
]


class Options(TypedDict, total=False):
    """What can be chosen about a file besides what is in it; absent is the default."""


class ExpiryRule(TypedDict, total=False):
    """Which expiries, by a rule; its schema is made in server/openapi_parts.py."""


class ExportRequest(TypedDict):
    """What to export."""

    instruments: Annotated[list[str], Meta(min_length=1, description="instrument keys")]
    expiries: NotRequired[
        Annotated[
            dict[str, list[Day]] | list[str],
            Meta(description="dates by instrument key, or a list of `instrument~~~date`"),
        ]
    ]
    expiry_rule: NotRequired[ExpiryRule]
    format: NotRequired[FileFormat]
    options: NotRequired[Options]


class ExpiriesRequest(TypedDict):
    """Whose expiries to list."""

    instruments: list[str]


class InstrumentsQuery(TypedDict, total=False):
    """Parameters of the list of instruments."""

    cursor: Cursor
    limit: Annotated[
        int, Meta(ge=1, le=EXPIRIES_MOST, description="how many at most (default: all)")
    ]


class ExpiriesQuery(TypedDict, total=False):
    """Parameters of the list of expiries."""

    instrument: Annotated[str, Meta(description="of this instrument only, by its key")]
    cursor: Cursor
    limit: Annotated[
        int, Meta(ge=1, le=EXPIRIES_MOST, description=f"how many at most (default: {LIMIT_MOST})")
    ]


class TasksQuery(TypedDict, total=False):
    """Parameters of the list of tasks."""

    state: Annotated[State, Meta(description="only tasks in this state")]
    cursor: Annotated[
        str, Meta(description="the `next_cursor` of the page before", pattern="^[1-9][0-9]{0,17}$")
    ]
    limit: Limit


class PageQuery(TypedDict, total=False):
    """Parameters of every other list."""

    cursor: Cursor
    limit: Limit


class DownloadHeaders(TypedDict, total=False):
    """Headers that a download heeds; underscores stand for hyphens."""

    Range: Annotated[str, Meta(description="a part of the file", examples=["bytes=1000-"])]
    If_Range: Annotated[str, Meta(description="only of this very file, by its ETag")]
    If_Match: Annotated[str, Meta(description="412 if the file is another one")]
    If_None_Match: Annotated[str, Meta(description="304 if it is this one")]


class ConditionalHeaders(TypedDict, total=False):
    """What an answer with an entity tag heeds; added where 304 is an answer."""

    If_None_Match: Annotated[str, Meta(description="the ETag of what the client has")]
