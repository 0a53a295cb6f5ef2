"""CSV as the spec has it: a header always, `\\n`, text guarded against spreadsheets."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.columns import csv_columns, csv_template
from exporter.plan import Plan
from exporter.sources.base import RowTemplate
from exporter.symbols import strike_text

_BOM = b"\xef\xbb\xbf"


class CsvFormat:
    """One line a candle."""

    extension = "csv"

    def template(self, plan: Plan, number: int) -> RowTemplate:
        return csv_template(self.columns(plan), self.constants(plan, number))

    def constants(self, plan: Plan, number: int) -> dict[str, str]:
        """The columns that are the same in every row of a contract."""
        contract = plan.contracts[number]
        return {
            "openalgo_symbol": plan.symbols[number],
            "instrument": plan.label(number),
            "expiry": contract.expiry.isoformat(),
            "strike": "" if contract.strike is None else strike_text(contract.strike),
            "option_type": contract.kind,
            "trading_symbol": contract.trading_symbol,
        }

    def columns(self, plan: Plan) -> tuple[str, ...]:
        """Names of the columns in order."""
        options = plan.spec.options
        return csv_columns(openalgo=options.include_openalgo, metadata=options.include_metadata)

    def head(self, plan: Plan) -> bytes:
        line = ",".join(self.columns(plan)).encode() + b"\n"
        return (_BOM if plan.spec.options.excel else b"") + line

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
