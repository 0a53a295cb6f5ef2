"""The words of the domain as frozen values: what was asked, what there is, what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import StrEnum

IST = timezone(timedelta(hours=5, minutes=30), "IST")


class FileFormat(StrEnum):
    """What the artefact is asked to be."""

    CSV = "csv"
    JSON = "json"
    ZIP = "zip"
    JSONL = "jsonl"
    PARQUET = "parquet"
    XLSX = "xlsx"


class SymbolStyle(StrEnum):
    """How a contract's symbol is written: the seed's examples, or as OpenAlgo trades."""

    EXPIRYTRACK = "expirytrack"
    OPENALGO = "openalgo"


class TimeRange(StrEnum):
    """So many days up to and including expiry, or all that is stored."""

    ALL = "all"
    DAY = "1d"
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"

    @property
    def days(self) -> int | None:
        return None if self is TimeRange.ALL else int(self.value[:-1])


class Level(StrEnum):
    """How hard archives are compressed: least time, a good middle, least space."""

    FAST = "fast"
    BALANCED = "balanced"
    SMALL = "small"


class Delimiter(StrEnum):
    """What stands between the fields of a CSV line."""

    COMMA = "comma"
    TAB = "tab"
    SEMICOLON = "semicolon"

    @property
    def character(self) -> str:
        return {"comma": ",", "tab": "\t", "semicolon": ";"}[self.value]


class Compression(StrEnum):
    """What a CSV or JSON file is compressed with; archives compress their members themselves."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"

    @property
    def ending(self) -> str:
        """What the file's name gets at its end."""
        return {"none": "", "gzip": ".gz", "zstd": ".zst"}[self.value]


class ExcelTimes(StrEnum):
    """How a workbook says days and times: as CSV does, or as Excel's own."""

    TEXT = "text"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that was asked for, and the name it has in the file."""

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Options:
    """What the user can choose about an export besides what is in it.

    `exporter.options` explains each and reads it from a request.
    """

    include_openalgo: bool = True
    include_metadata: bool = False
    excel: bool = False
    symbol_style: SymbolStyle = SymbolStyle.EXPIRYTRACK
    separate_files: bool | None = None
    time_range: TimeRange = TimeRange.ALL
    from_date: date | None = None
    to_date: date | None = None
    level: Level = Level.BALANCED
    columns: tuple[Column, ...] | None = None
    delimiter: Delimiter = Delimiter.COMMA
    decimals: int | None = None
    option_types: tuple[str, ...] | None = None
    strike_from: Decimal | None = None
    strike_to: Decimal | None = None
    strikes_around: int | None = None
    only_with_candles: bool = False
    days_before_expiry: int | None = None
    from_time: time | None = None
    to_time: time | None = None
    min_volume: int | None = None
    compression: Compression = Compression.NONE
    excel_times: ExcelTimes = ExcelTimes.TEXT
    excel_split: bool = False


@dataclass(frozen=True, slots=True)
class ExportSpec:
    """One export as it was asked for, checked against the database.

    `instruments` keeps the order asked for; `expiries` has one entry per instrument, dates
    oldest first. `contracts` narrows the selection to these keys (None: every contract).
    """

    instruments: tuple[str, ...]
    expiries: Mapping[str, tuple[date, ...]]
    format: FileFormat
    options: Options = field(default_factory=Options)
    contracts: frozenset[str] | None = None

    @property
    def separate_files(self) -> bool:
        """One member per contract? The default is yes for ZIP, no otherwise (spec, ZIP)."""
        chosen = self.options.separate_files
        return self.format is FileFormat.ZIP if chosen is None else chosen

    @property
    def archive(self) -> bool:
        """Is the artefact a ZIP archive?"""
        return self.format is FileFormat.ZIP or self.separate_files

    @property
    def by_symbol(self) -> bool:
        """Do the contracts stand by their symbols, so that readers can leap over the others?"""
        return self.format is FileFormat.PARQUET

    @property
    def extension(self) -> str:
        """What the artefact's name ends in, without the first dot."""
        if self.archive:
            return FileFormat.ZIP.value
        return f"{self.format.value}{self.options.compression.ending}"


@dataclass(frozen=True, slots=True)
class Instrument:
    """An underlying. `name` is the display name, `symbol` the instruments table's (or '')."""

    key: str
    name: str
    symbol: str
    expiries: int
    contracts: int


@dataclass(frozen=True, slots=True)
class Contract:
    """One option or future as the contracts table has it, read once and checked.

    `kind` is CE, PE or FUT; `strike` is None for futures; `base` is the symbol's first part.
    """

    key: str
    instrument_key: str
    instrument_name: str
    expiry: date
    kind: str
    strike: Decimal | None
    trading_symbol: str
    base: str
    lot_size: int | float | None = None
    tick_size: int | float | None = None

    @property
    def segment(self) -> str:
        return self.key.partition("|")[0]


@dataclass(frozen=True, slots=True)
class Window:
    """Days that are wanted, both ends inclusive, in Indian time; None is open."""

    first: date | None = None
    last: date | None = None

    @property
    def open(self) -> bool:
        return self.first is None and self.last is None


@dataclass(frozen=True, slots=True)
class Member:
    """What is known of one contract once it has been written.

    `first` and `last` are candle times as text (`2025-09-05T15:17:00+05:30`) or None;
    `sha256` and `size` are of the uncompressed bytes and None where it has no file of its own.
    """

    name: str | None
    contract: str
    symbol: str
    instrument: str
    expiry: str
    lot_size: int | float | None
    tick_size: int | float | None
    rows: int
    first: str | None
    last: str | None
    duplicates_dropped: int
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an export stands. Counts never fall; `rows_total` is the best knowledge so far."""

    rows_done: int
    rows_total: int
    bytes_done: int
    contracts_done: int
    contracts_total: int
    contract: str | None
    message: str
    resumed_from_rows: int = 0


@dataclass(frozen=True, slots=True)
class Artefact:
    """The finished file: where it is, how large, its digest, and what went into it."""

    path: str
    size: int
    sha256: str
    rows: int
    contracts: int
    duplicates_dropped: int
    resumed_from_rows: int
    warnings: tuple[str, ...]


def now_ist() -> datetime:
    """The current moment in Indian time, with its offset."""
    return datetime.now(IST)
