"""JSON Lines: one object a candle, with the columns that CSV has, so that a line needs no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from exporter.columns import csv_columns, json_template
from exporter.formats.base import constants
from exporter.plan import Plan
from exporter.sources.base import RowTemplate


class JsonLinesFormat:
    """One object a candle and a line, numbers as numbers; nothing around them."""

    extension = "jsonl"

    def template(self, plan: Plan, number: int) -> RowTemplate:
        options = plan.spec.options
        columns = options.columns or csv_columns(
            openalgo=options.include_openalgo, metadata=options.include_metadata
        )
        template = json_template(
            columns, constants(plan, number), decimals=options.decimals, lines=True
        )
        return replace(template, keep=plan.keep)

    def head(self, plan: Plan) -> bytes:
        return b""

    def before(self, plan: Plan, number: int) -> bytes:
        return b""

    def after(self, plan: Plan, number: int) -> bytes:
        return b""

    def tail(self, plan: Plan, summary: Mapping[str, object]) -> bytes:
        return b""

    def member_head(self, plan: Plan, number: int) -> bytes:
        return b""

    def member_tail(self, plan: Plan, number: int) -> bytes:
        return b""
