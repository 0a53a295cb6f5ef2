"""What the API takes, as types. The rules that a type cannot say are in exporter/spec.py and
server/schemas.py; the limits here are theirs."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from exporter.model import FileFormat
from server.states import State

LIMIT_DEFAULT = 50
LIMIT_MOST = 200
EXPIRIES_MOST = 1000
LONGEST_NAME = 100
LONGEST_NOTE = 2000
LONGEST_SEARCH = 200
LONGEST_KEY = 200
MOST_KEPT = 100_000

Day = Annotated[str, Meta(extra_json_schema={"format": "date"}, examples=["2025-09-16"])]
Uuid = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
# Filled in from the registry of exporter/spec.py.
CsvColumn = str
Cursor = Annotated[
    str, Meta(description="the `next_cursor` of the page before", min_length=1, max_length=200)
]
NumberCursor = Annotated[
    str, Meta(description="the `next_cursor` of the page before", pattern="^[1-9][0-9]{0,17}$")
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


TasksQuery = TypedDict(
    "TasksQuery",
    {
        "state": Annotated[State, Meta(description="only tasks in this state")],
        "q": Annotated[
            str,
            Meta(
                description="words, each of which must stand in the id, the file's name, the note"
                " or an instrument",
                max_length=LONGEST_SEARCH,
            ),
        ],
        "format": Annotated[FileFormat, Meta(description="only exports of this format")],
        "instrument": Annotated[str, Meta(description="only exports of this instrument's key")],
        "from": Annotated[Day, Meta(description="accepted on this day or later")],
        "to": Annotated[Day, Meta(description="accepted on this day or before")],
        "schedule": Annotated[Uuid, Meta(description="only what this schedule has run")],
        "template": Annotated[Uuid, Meta(description="only what was run from this template")],
        "cursor": NumberCursor,
        "limit": Limit,
    },
    total=False,
)
TasksQuery.__doc__ = "Parameters of the list of tasks."


class RunsQuery(TypedDict, total=False):
    """Parameters of the list of a schedule's runs."""

    cursor: NumberCursor
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


class NoteRequest(TypedDict):
    """What to remember of a task; null removes it."""

    note: Annotated[str, Meta(max_length=LONGEST_NOTE)] | None


class StartHeaders(TypedDict, total=False):
    """What calls that start an export heed."""

    Idempotency_Key: Annotated[
        str,
        Meta(
            description="the same key with the same body starts one task, however often it is sent",
            min_length=1,
            max_length=LONGEST_KEY,
            pattern="^[ -~]+$",
        ),
    ]


class Nothing(TypedDict):
    """A call that takes no body may have an empty one."""


class TemplateRequest(TypedDict):
    """A template as it is kept."""

    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    note: NotRequired[Annotated[str, Meta(max_length=LONGEST_NOTE)] | None]
    request: ExportRequest


class TemplateImport(TypedDict):
    """A template's file."""

    expirytrack_template: Literal[1]
    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    request: ExportRequest


class ScheduleRequest(TypedDict):
    """A schedule: either of `template_id` and `request` says what runs."""

    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    cron: Annotated[str, Meta(description="five fields, Indian time", examples=["30 16 * * 1-5"])]
    template_id: NotRequired[Uuid | None]
    request: NotRequired[ExportRequest | None]
    paused: NotRequired[bool]
    missed: NotRequired[Literal["run", "skip"]]
    only_new: NotRequired[bool]
    keep_runs: NotRequired[Annotated[int, Meta(ge=1, le=MOST_KEPT)] | None]
    keep_days: NotRequired[Annotated[int, Meta(ge=1, le=MOST_KEPT)] | None]


class CronRequest(TypedDict):
    """A cron expression to be explained."""

    cron: Annotated[str, Meta(examples=["30 16 * * 1-5"])]


class CompareQuery(TypedDict):
    """Which two tasks."""

    a: Annotated[Uuid, Meta(description="one task's id")]
    b: Annotated[Uuid, Meta(description="the other's")]


StreamQuery = TypedDict(
    "StreamQuery",
    {
        "instruments": Annotated[
            list[str],
            Meta(
                description="an instrument's key; repeat it for several; by default those that the"
                " expiries name",
                examples=[["NSE_INDEX|Nifty 50"]],
            ),
        ],
        "expiries": Annotated[
            list[str], Meta(description="`instrument~~~date`, repeat it for several; or a rule:")
        ],
        "last": Annotated[
            int,
            Meta(ge=1, description="the newest N expiries of each instrument", examples=[1]),
        ],
        "days": Annotated[int, Meta(ge=1, description="expired in the last N days")],
        "all": Annotated[Literal["true"], Meta(description="every expiry")],
        "from": Annotated[Day, Meta(description="expiries of this day and later")],
        "to": Annotated[Day, Meta(description="expiries of this day and earlier")],
    },
    total=False,
)
StreamQuery.__doc__ = "What a stream is of."
