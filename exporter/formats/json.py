"""JSON as in the seed: metadata, then instrument -> expiry -> contracts, then a summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import orjson

from exporter.columns import json_columns, json_template
from exporter.formats.base import constants
from exporter.model import Contract
from exporter.plan import Plan
from exporter.sources.base import RowTemplate
from exporter.symbols import strike_text


class JsonFormat:
    """One object a candle, on a line of its own."""

    extension = "json"

    def template(self, plan: Plan, number: int) -> RowTemplate:
        options = plan.spec.options
        columns = options.columns or json_columns()
        template = json_template(columns, constants(plan, number), decimals=options.decimals)
        return replace(template, keep=plan.keep)

    def head(self, plan: Plan) -> bytes:
        return b'{"metadata":' + orjson.dumps(plan.metadata()) + b',\n"data":{'

    def before(self, plan: Plan, number: int) -> bytes:
        opening = self.member_head(plan, number)
        new_instrument, new_expiry = _starts(plan, number)
        if not new_expiry:
            return b",\n" + opening
        opening = orjson.dumps(plan.contracts[number].expiry.isoformat()) + b":[\n" + opening
        if not new_instrument:
            return b",\n" + opening
        comma = b",\n" if number else b"\n"
        return comma + orjson.dumps(plan.label(number)) + b":{\n" + opening

    def after(self, plan: Plan, number: int) -> bytes:
        last = number + 1 == len(plan.contracts)
        ends_instrument, ends_expiry = (True, True) if last else _starts(plan, number + 1)
        return b"]}" + (b"]" if ends_expiry else b"") + (b"}" if ends_instrument else b"")

    def tail(self, plan: Plan, summary: Mapping[str, object]) -> bytes:
        return b'\n},\n"summary":' + orjson.dumps(summary) + b"}\n"

    def member_head(self, plan: Plan, number: int) -> bytes:
        contract = plan.contracts[number]
        fields: dict[str, object] = {}
        if plan.spec.options.include_openalgo:
            fields["openalgo_symbol"] = plan.symbols[number]
        fields["trading_symbol"] = contract.trading_symbol
        fields["strike"] = _strike(contract)
        fields["option_type"] = contract.kind
        return orjson.dumps(fields)[:-1] + b',"historical_data":[\n'

    def member_tail(self, plan: Plan, number: int) -> bytes:
        return b"]}\n"


def _strike(contract: Contract) -> object:
    if contract.strike is None:
        return None
    # The shortest text in both cases: a fragment keeps what a float might not.
    return orjson.Fragment(strike_text(contract.strike))


def _starts(plan: Plan, number: int) -> tuple[bool, bool]:
    """Is this contract the first of its instrument, of its expiry?"""
    if number == 0:
        return True, True
    here, before = plan.contracts[number], plan.contracts[number - 1]
    instrument = here.instrument_key != before.instrument_key
    return instrument, instrument or here.expiry != before.expiry
