"""What a text format is: the bytes around the rows of each contract, and the row itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from exporter.columns import csv_columns
from exporter.model import Column
from exporter.plan import Plan
from exporter.sources.base import RowTemplate
from exporter.symbols import strike_text


class TextFormat(Protocol):
    """Numbers are those of `plan.contracts`; all bytes are UTF-8."""

    extension: str

    def template(self, plan: Plan, number: int) -> RowTemplate:
        """How a row of this contract is written."""

    def head(self, plan: Plan) -> bytes:
        """What one document of all contracts begins with."""

    def before(self, plan: Plan, number: int) -> bytes:
        """What stands before a contract's rows in that document."""

    def after(self, plan: Plan, number: int) -> bytes:
        """What stands after them."""

    def tail(self, plan: Plan, summary: Mapping[str, object]) -> bytes:
        """What the document ends with; `summary` is what is known only then."""

    def member_head(self, plan: Plan, number: int) -> bytes:
        """What a file of this contract alone begins with."""

    def member_tail(self, plan: Plan, number: int) -> bytes:
        """What that file ends with."""


class Bare:
    """A text format's part that says: nothing stands around the rows."""

    def head(self, plan: Plan) -> bytes:
        return b""

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


def asked_columns(plan: Plan) -> tuple[Column, ...]:
    """The columns of a table of candles in order, as they were asked for (spec, "CSV")."""
    options = plan.spec.options
    return options.columns or csv_columns(
        openalgo=options.include_openalgo, metadata=options.include_metadata
    )


def constants(plan: Plan, number: int) -> dict[str, str]:
    """The columns that are the same in every row of a contract, as text."""
    contract = plan.contracts[number]
    return {
        "openalgo_symbol": plan.symbols[number],
        "instrument": plan.label(number),
        "expiry": contract.expiry.isoformat(),
        "strike": "" if contract.strike is None else strike_text(contract.strike),
        "option_type": contract.kind,
        "trading_symbol": contract.trading_symbol,
    }
