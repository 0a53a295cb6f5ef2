"""JSON Lines: one object a candle, with the columns that CSV has, so that a line needs no other."""

from __future__ import annotations

from dataclasses import replace

from exporter.columns import json_template
from exporter.formats.base import Bare, asked_columns, constants
from exporter.plan import Plan
from exporter.sources.base import RowTemplate


class JsonLinesFormat(Bare):
    """One object a candle and a line, numbers as numbers; nothing around them."""

    extension = "jsonl"

    def template(self, plan: Plan, number: int) -> RowTemplate:
        template = json_template(
            asked_columns(plan),
            constants(plan, number),
            decimals=plan.spec.options.decimals,
            lines=True,
        )
        return replace(template, keep=plan.keep)
