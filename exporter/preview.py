"""What an export would be, shown before it is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from exporter.columns import cells
from exporter.formats.base import asked_columns, constants
from exporter.formats.csv import CsvFormat
from exporter.formats.registry import FORMATS, text_format
from exporter.model import Compression, ExportSpec, FileFormat
from exporter.plan import Plan, make_plan
from exporter.sources.sqlite import MarketDatabase
from exporter.values import Candle
from exporter.windows import window_of

_SAMPLE_ROWS = 5
_MEMBER_OVERHEAD = 400
_FRAME_OVERHEAD = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """Counts, sizes in bytes by format, and the first lines as the file will have them.

    `careful_contracts` leave the fast way because of how their rows are stored.
    """

    contracts: int
    rows: int
    exact: bool
    sizes: Mapping[str, int]
    file_name: str
    columns: list[str]
    sample: list[list[str]]
    text: str
    warnings: tuple[str, ...]
    careful_contracts: int


async def preview(database: MarketDatabase, spec: ExportSpec, accepted_at: datetime) -> Preview:
    """Raises ExportError (BAD_CONTRACT, BAD_ROW, DATABASE_*) as the export itself would."""
    selection = await database.select(spec)
    plan = make_plan(spec, await database.catalogue(), selection, accepted_at)
    selected = plan.contracts
    windows = [window_of(spec.options, contract.expiry) for contract in selected]
    found = await database.head(selected, windows, _SAMPLE_ROWS, plan.keep)
    estimate = await database.estimate(spec, selected)
    table = CsvFormat()
    number, candles = 0, list[Candle]()
    if found is not None:
        number, candles = selected.index(found[0]), found[1]
    lines = [table.template(plan, number).build(candle) for candle in candles] if selected else []
    columns = asked_columns(plan)
    head = table.head(plan).decode()
    warnings = plan.remarks()
    if not estimate.rows and estimate.exact:
        warnings.append("the selection has no candles: the file will have its header and no rows")
    elif estimate.empty_contracts:
        warnings.append(
            f"{estimate.empty_contracts} of {estimate.contracts} contracts have no candles"
        )
    if plan.keep is not None and estimate.rows:
        warnings.append(
            "rows are filtered: the number of rows and the sizes are the most there can be"
        )
    if estimate.careful_contracts:
        warnings.append(
            f"{estimate.careful_contracts} of {estimate.contracts} contracts hold rows in other"
            " than the usual form and are read more slowly"
        )
    return Preview(
        contracts=estimate.contracts,
        rows=estimate.rows,
        exact=estimate.exact,
        sizes=sizes(plan, candles, number, estimate.rows),
        file_name=plan.name,
        columns=[column.title for column in columns],
        sample=[
            cells(columns, constants(plan, number), candle, spec.options.decimals)
            for candle in candles
        ],
        text=head + "".join(lines),
        warnings=tuple(warnings),
        careful_contracts=estimate.careful_contracts,
    )


def sizes(plan: Plan, candles: list[Candle], number: int, rows: int) -> dict[str, int]:
    """Estimated bytes of the selection in each format, from the first rows' length."""
    estimated: dict[str, int] = {}
    for kind in FileFormat:
        text = text_format(replace(plan.spec, format=kind))
        size = 0
        if candles:
            template = text.template(plan, number)
            lines = [template.build(candle) + template.separator for candle in candles]
            size = rows * sum(len(line.encode()) for line in lines) // len(lines)
        size += len(plan.contracts) * len(text.after(plan, number) if plan.contracts else b"")
        archive = kind is FileFormat.ZIP or plan.spec.options.separate_files is True
        if not FORMATS[kind].compressible and kind is not FileFormat.ZIP:
            size //= FORMATS[kind].deflated
        elif archive:
            size = size // FORMATS[kind].deflated + len(plan.contracts) * _MEMBER_OVERHEAD
        elif plan.spec.options.compression is not Compression.NONE:
            size = size // FORMATS[kind].deflated + len(plan.contracts) * _FRAME_OVERHEAD
        estimated[kind.value] = size + len(text.head(plan))
    return estimated
