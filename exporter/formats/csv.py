"""CSV as the spec has it: a header always, `\\n`, text guarded against spreadsheets."""

from __future__ import annotations

from dataclasses import replace

from exporter.columns import csv_head, csv_template
from exporter.formats.base import Bare, asked_columns, constants
from exporter.plan import Plan
from exporter.sources.base import RowTemplate

_BOM = b"\xef\xbb\xbf"


class CsvFormat(Bare):
    """One line a candle."""

    extension = "csv"

    def template(self, plan: Plan, number: int) -> RowTemplate:
        options = plan.spec.options
        template = csv_template(
            asked_columns(plan),
            constants(plan, number),
            delimiter=options.delimiter,
            decimals=options.decimals,
        )
        return replace(template, keep=plan.keep)

    def head(self, plan: Plan) -> bytes:
        options = plan.spec.options
        line = csv_head(asked_columns(plan), options.delimiter).encode()
        return (_BOM if options.excel else b"") + line
