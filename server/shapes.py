"""What the API answers with, as types: handlers are checked against them by mypy, answers by the
tests, and the document (server/openapi.py) is made of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

from exporter.model import FileFormat
from server.shapes_in import CsvColumn, ExportRequest, Options
from server.states import State

Cursor = Annotated[str | None, Meta(description="give it as `cursor` to go on; null at the end")]
Moment = Annotated[
    str,
    Meta(
        description="Indian time with milliseconds",
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+05:30$",
        examples=["2025-09-19T09:14:56.789+05:30"],
    ),
]
Day = Annotated[str, Meta(extra_json_schema={"format": "date"}, examples=["2025-09-16"])]
Uuid = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256")]
Count = Annotated[int, Meta(ge=0)]
Texts = list[str]


class Error(TypedDict):
    """The one shape of every error."""

    error: Annotated[str, Meta(description="a sentence for a person", min_length=1)]
    code: Annotated[str, Meta(description="what kind of failure, for programs")]
    problems: Annotated[Texts, Meta(description="a sentence for each, where there are several")]
    id: Annotated[str | None, Meta(description="to look for in the log, after a defect")]


class Instrument(TypedDict):
    """An underlying with its counts."""

    key: Annotated[str, Meta(examples=["NSE_INDEX|Nifty 50"])]
    name: Annotated[str, Meta(examples=["Nifty 50"])]
    symbol: Annotated[str, Meta(examples=["NIFTY"])]
    expiries: Count
    contracts: Count


class OpenDatabase(TypedDict):
    """Which database is open."""

    path: str
    demo: Annotated[bool, Meta(description="is it the invented one?")]
    newest_candle: str | None
    contracts: Count


class Instruments(TypedDict):
    """Instruments in the order the wizard offers them."""

    instruments: list[Instrument]
    database: OpenDatabase
    next_cursor: Cursor


class Expiry(TypedDict):
    """One expiry of an instrument that has contracts."""

    instrument: str
    expiry: Day


class Expiries(TypedDict):
    """Expiries by instrument, newest first within each."""

    expiries: list[Expiry]
    next_cursor: Cursor


class Preview(TypedDict):
    """What an export would be."""

    contracts: Count
    rows: Annotated[int, Meta(ge=0, description="candles; exact, or an estimate: see `exact`")]
    exact: bool
    sizes: Annotated[dict[str, int], Meta(description="estimated bytes by format")]
    file_name: str
    columns: Annotated[Texts, Meta(description="the header of a CSV")]
    sample: Annotated[list[Texts], Meta(description="the first rows, cell by cell")]
    text: Annotated[str, Meta(description="the first lines of a CSV as they stand in the file")]
    warnings: Texts
    careful_contracts: Annotated[int, Meta(ge=0, description="contracts that are read slowly")]


class Started(TypedDict):
    """The task that was accepted."""

    task_id: Uuid


class Spec(TypedDict):
    """What a task was asked for, checked against the database."""

    instruments: Texts
    expiries: dict[str, list[Day]]
    format: FileFormat
    options: Options
    contracts: NotRequired[Annotated[Texts, Meta(description="only these contracts, by key")]]


class Status(TypedDict):
    """A task and where it stands; the feed sends the same."""

    task_id: Uuid
    status: State
    progress: Annotated[float, Meta(ge=0, le=100, description="percent; never falls within a try")]
    status_message: str
    file_path: Annotated[str | None, Meta(description="in the exports folder, once completed")]
    file_name: str | None
    download_url: str | None
    error: Annotated[str | None, Meta(description="why it failed")]
    error_code: str | None
    warnings: Texts
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    work_s: Annotated[float | None, Meta(description="seconds of work, whatever clocks said")]
    rows_done: Count
    rows_total: Annotated[int | None, Meta(description="the best knowledge so far")]
    bytes_done: Count
    contracts_done: Count
    contracts_total: int | None
    rate: Annotated[float | None, Meta(description="candles a second")]
    eta_s: Annotated[float | None, Meta(description="seconds left")]
    contract: Annotated[str | None, Meta(description="the symbol being written")]
    attempt: Count
    resumed_from_rows: Count
    cancel_requested: bool
    retry_of: Uuid | None
    duplicates_dropped: int | None
    size: Annotated[int | None, Meta(description="bytes of the file")]
    sha256: Digest | None
    spec: Spec
    note: Annotated[str | None, Meta(description="what a person wrote about it")]
    template_id: Uuid | None
    schedule_id: Uuid | None
    slot: Annotated[str | None, Meta(description="the moment that its schedule named")]
    seq: Annotated[int, Meta(description="grows with every change")]


class Tasks(TypedDict):
    """Tasks, newest first."""

    tasks: list[Status]
    next_cursor: Cursor


class Frame(TypedDict):
    """A text frame of the feed: a snapshot first, then changes, the final state last."""

    type: Literal["snapshot", "update", "final"]
    tasks: list[Status]


class Purged(TypedDict):
    """What a clean-up removed."""

    removed: Annotated[int, Meta(ge=0, description="files")]
    bytes: Count


class Template(TypedDict):
    """A saved request; rules such as the last four expiries stay rules."""

    id: Uuid
    name: str
    note: str | None
    request: ExportRequest
    created_at: Moment
    updated_at: Moment
    problems: Annotated[Texts, Meta(description="what does not fit the database now")]


class Templates(TypedDict):
    """Saved requests."""

    templates: list[Template]
    next_cursor: Cursor


class TemplateFile(TypedDict):
    """A template as a file, to be imported elsewhere."""

    expirytrack_template: Literal[1]
    name: str
    note: NotRequired[str | None]
    request: ExportRequest


class Run(TypedDict):
    """What became of one slot of a schedule."""

    slot: Annotated[str, Meta(description="the moment that the schedule names, Indian time")]
    task_id: Uuid | None
    outcome: Literal["started", "skipped", "failed", "nothing_new"]
    reason: str | None
    status: Annotated[State | None, Meta(description="of the task, while it is kept")]


class Runs(TypedDict):
    """Runs of a schedule, newest first."""

    runs: list[Run]
    next_cursor: Cursor


class Schedule(TypedDict):
    """An export that is started again and again."""

    id: Uuid
    name: str
    cron: Annotated[str, Meta(examples=["30 16 * * 1-5"])]
    reading: Annotated[str, Meta(description="the expression in plain words")]
    next_runs: Annotated[Texts, Meta(description="the next five, Indian time")]
    template_id: Uuid | None
    request: ExportRequest | None
    paused: bool
    missed: Annotated[Literal["run", "skip"], Meta(description="what a missed slot does")]
    only_new: Annotated[bool, Meta(description="only expiries that no run has had")]
    keep_runs: int | None
    keep_days: int | None
    last_run: Run | None
    created_at: Moment
    updated_at: Moment


class Schedules(TypedDict):
    """Schedules with their next runs."""

    schedules: list[Schedule]
    next_cursor: Cursor


class Reading(TypedDict):
    """A cron expression explained."""

    reading: str
    next_runs: Texts


class Difference(TypedDict):
    """One thing that two requests say differently."""

    what: str
    a: Any
    b: Any


class RowCounts(TypedDict):
    """Candles of two runs."""

    a: int
    b: int
    difference: int


class Digests(TypedDict):
    """Checksums of two files; `same` is null while one of them has none."""

    a: Digest | None
    b: Digest | None
    same: bool | None


class ContractCounts(TypedDict):
    """Contracts of two archives, told apart by their checksums."""

    only_a: Count
    only_b: Count
    different: Count
    examples: list[Any]


class Comparison(TypedDict):
    """Two runs side by side."""

    a: Status
    b: Status
    same: bool | None
    rows: RowCounts
    sha256: Digests
    spec: list[Difference]
    contracts: ContractCounts | None


class OptionShape(TypedDict):
    """One option of an export, as the wizard shows it."""

    name: str
    group: str
    kind: str
    choices: Annotated[list[Any] | None, Meta(description="what it may be, where that is a list")]
    default: Any
    help: str
    min: float | None
    max: float | None


class ColumnShape(TypedDict):
    """One column that a file can have."""

    name: CsvColumn
    help: str
    numeric: bool


class FormatShape(TypedDict):
    """One file format, and whether what it needs is installed."""

    name: FileFormat
    title: str
    help: str
    extension: str
    installed: bool
    install: str | None


class OptionList(TypedDict):
    """Everything that can be chosen about an export."""

    options: list[OptionShape]
    columns: list[ColumnShape]
    formats: list[FormatShape]
