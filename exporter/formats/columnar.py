"""Text between the engine and the formats that are no text: the columns that change, as CSV.

What is the same in every row of a contract is added where the file is made.
"""

from __future__ import annotations

from dataclasses import replace

from exporter.columns import as_columns, csv_template
from exporter.formats.base import Bare, asked_columns, constants
from exporter.plan import Plan
from exporter.sources.base import RowTemplate

# Made of the timestamp, which is read once for all of them.
OF_TIME = frozenset({"date", "time", "timestamp", "epoch_s", "epoch_ms"})
_CONSTANT = frozenset(
    {"openalgo_symbol", "instrument", "expiry", "strike", "option_type", "trading_symbol"}
)


def said_columns(plan: Plan) -> tuple[str, ...]:
    """What each line of the text holds; never nothing, so that lines can be counted."""
    names = [column.name for column in asked_columns(plan) if column.name not in _CONSTANT]
    values = [name for name in names if name not in OF_TIME]
    return ("timestamp", *values) if len(values) < len(names) or not values else tuple(values)


class ColumnarText(Bare):
    """Lines of `said_columns`, with commas between, and nothing around them."""

    def __init__(self, extension: str) -> None:
        self.extension = extension

    def template(self, plan: Plan, number: int) -> RowTemplate:
        columns = as_columns(said_columns(plan))
        return replace(
            csv_template(columns, {}, decimals=plan.spec.options.decimals), keep=plan.keep
        )


def constant_text(plan: Plan, number: int, name: str) -> str:
    """What a column holds in every row of a contract; empty for the strike of a future."""
    return constants(plan, number)[name]
