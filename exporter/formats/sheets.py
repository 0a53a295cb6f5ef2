"""What a sheet of Excel can hold, asked before the first row is read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from exporter.errors import Code, ExportError
from exporter.model import Contract
from exporter.plan import Plan
from exporter.sources.sqlite import MarketDatabase

# Below the line of titles.
MOST_ROWS = 1_048_575
# Each has a file of its own until the workbook is closed.
MOST_SHEETS = 200


async def check_sheets(database: MarketDatabase, plan: Plan) -> None:
    """Raises ExportError(TOO_MANY_ROWS) for what a workbook cannot hold, with the count.

    Where rows are filtered nobody knows the count yet; then the export itself finds out.
    """
    groups = [list(group) for _, group in groupby(plan.contracts, expiry_of)]
    if len(groups) > MOST_SHEETS:
        raise ExportError(
            Code.TOO_MANY_ROWS,
            f"the selection has {len(groups):,} expiries, and a workbook holds {MOST_SHEETS} sheets"
            " of them; choose fewer expiries, or another format",
        )
    if plan.spec.options.excel_split:
        return
    for group in groups:
        estimate = await database.estimate(plan.spec, group)
        if estimate.exact and estimate.rows > MOST_ROWS:
            raise too_long(plan, group, estimate.rows)


def expiry_of(contract: Contract) -> tuple[str, str]:
    """What has a sheet of its own."""
    return contract.instrument_key, contract.expiry.isoformat()


def too_long(plan: Plan, contracts: Sequence[Contract], rows: int | None) -> ExportError:
    """The error of a sheet that these contracts of one expiry do not fit on."""
    first = contracts[0]
    label = plan.labels[first.instrument_key]
    counted = "more" if rows is None else f"{rows:,}"
    return ExportError(
        Code.TOO_MANY_ROWS,
        f"{label} {first.expiry} has {counted} candles, and a sheet of Excel holds"
        f" {MOST_ROWS:,}; set excel_split to go on in numbered sheets, or choose another format",
    )
