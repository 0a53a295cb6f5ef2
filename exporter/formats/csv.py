"""CSV as the spec has it: a header always, `\\n`, text guarded against spreadsheets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from exporter.columns import csv_columns, csv_head, csv_template
from exporter.formats.base import constants
from exporter.model import Column
from exporter.plan import Plan
from exporter.sources.base import RowTemplate

_BOM = b"\xef\xbb\xbf"


class CsvFormat:
    """One line a candle."""

    extension = "csv"

    def template(self, plan: Plan, number: int) -> RowTemplate:
        options = plan.spec.options
        template = csv_template(
            self.columns(plan),
            constants(plan, number),
            delimiter=options.delimiter,
            decimals=options.decimals,
        )
        return replace(template, keep=plan.keep)

    def columns(self, plan: Plan) -> tuple[Column, ...]:
        """The columns in order."""
        options = plan.spec.options
        return options.columns or csv_columns(
            openalgo=options.include_openalgo, metadata=options.include_metadata
        )

    def head(self, plan: Plan) -> bytes:
        options = plan.spec.options
        line = csv_head(self.columns(plan), options.delimiter).encode()
        return (_BOM if options.excel else b"") + line

    def before(self, plan: Plan, number: int) -> bytes:
        return b""

    def after(self, plan: Plan, number: int) -> bytes:
        return b""

    def tail(self, plan: Plan, summary: Mapping[str, object]) -> bytes:
        return b""

    def member_head(self, plan: Plan, number: int) -> bytes:
        return self.head(plan)

    def member_tail(self, plan: Plan, number: int) -> bytes:
        return b""
