"""Every format that an artefact can have, and what is to be known of it.

A new one is a module beside this and an entry here; the wizard, the API, the command line and the
conformance suite find it by that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from exporter.containers import container
from exporter.files import PartFile
from exporter.formats.base import TextFormat
from exporter.formats.columnar import ColumnarText
from exporter.formats.csv import CsvFormat
from exporter.formats.json import JsonFormat
from exporter.formats.jsonl import JsonLinesFormat
from exporter.formats.sheets import check_sheets
from exporter.model import ExportSpec, FileFormat
from exporter.pieces import Container
from exporter.plan import Plan
from exporter.sources.sqlite import MarketDatabase

Check = Callable[[MarketDatabase, Plan], Awaitable[None]]
Make = Callable[[Plan, TextFormat, PartFile], Container]


@dataclass(frozen=True, slots=True)
class Format:
    """What people and programs are told of a format; its name is also what a file of it ends in.

    `text` says what the engine prints for a candle, `make` what becomes of it. `compressible`: may
    be packed with gzip or Zstandard as a whole, to about one part in `deflated`. `resumable`: an
    interrupted export goes on where it stopped. `check` refuses what the format cannot hold. A
    `library` beyond the product's own comes with
    the `extra`.
    """

    title: str
    help: str
    media_type: str
    text: TextFormat
    make: Make = container
    compressible: bool = True
    deflated: int = 4
    resumable: bool = True
    check: Check | None = None
    library: str = ""
    extra: str = ""

    @property
    def installed(self) -> bool:
        return not self.library or find_spec(self.library) is not None

    @property
    def install(self) -> str | None:
        """The command that installs what it needs."""
        return f"pip install 'expirytrack-export[{self.extra}]'" if self.extra else None


def _parquet(plan: Plan, text: TextFormat, out: PartFile) -> Container:
    # Heavy, and perhaps not there: imported only where it is asked for.
    from exporter.formats.parquet import ParquetFile, ParquetFolders

    return (ParquetFolders if plan.spec.separate_files else ParquetFile)(plan, text, out)


def _excel(plan: Plan, text: TextFormat, out: PartFile) -> Container:
    from exporter.formats.excel import ExcelFile

    return ExcelFile(plan, text, out)


FORMATS: Mapping[FileFormat, Format] = {
    FileFormat.CSV: Format("CSV", "Spreadsheets, pandas, most tools", "text/csv", CsvFormat()),
    FileFormat.JSON: Format(
        "JSON", "Nested by instrument, expiry, contract", "application/json", JsonFormat()
    ),
    # An archive holds CSV unless another format was asked for with separate files.
    FileFormat.ZIP: Format(
        "ZIP", "Compressed CSV with a manifest", "application/zip", CsvFormat(), compressible=False
    ),
    FileFormat.JSONL: Format(
        "JSON Lines",
        "One object a candle and a line",
        "application/x-ndjson",
        JsonLinesFormat(),
        # The keys of every line are the same.
        deflated=7,
    ),
    FileFormat.PARQUET: Format(
        "Parquet",
        "Typed columns for pandas, DuckDB, Spark",
        "application/vnd.apache.parquet",
        ColumnarText("parquet"),
        _parquet,
        compressible=False,
        deflated=6,
        resumable=False,
        library="pyarrow",
        extra="parquet",
    ),
    FileFormat.XLSX: Format(
        "Excel",
        "A workbook with a sheet for each expiry",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ColumnarText("xlsx"),
        _excel,
        compressible=False,
        deflated=2,
        resumable=False,
        check=check_sheets,
        library="xlsxwriter",
        extra="excel",
    ),
}


def text_format(spec: ExportSpec) -> TextFormat:
    """The format of the artefact's text, be it a file of its own or members of an archive."""
    return FORMATS[spec.format].text
