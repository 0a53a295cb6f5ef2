"""Everything that is decided about an export before its first row is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from exporter.filters import Money, Selection, row_filter
from exporter.model import IST, Contract, ExportSpec
from exporter.naming import MemberNames, artefact_name, labels
from exporter.sources.base import Catalogue, RowFilter
from exporter.symbols import contract_symbol
from exporter.values import decimal_text

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """A spec with its contracts in file order, their symbols, and the names in the file."""

    spec: ExportSpec
    accepted_at: datetime
    contracts: Sequence[Contract]
    symbols: Sequence[str]
    labels: Mapping[str, str]
    name: str
    money: Sequence[Money] = ()
    keep: RowFilter | None = None

    def label(self, number: int) -> str:
        """The instrument's name in the file, for the contract of that number."""
        return self.labels[self.contracts[number].instrument_key]

    def member_names(self, extension: str) -> list[str]:
        """A file name per contract, no two the same."""
        names = MemberNames()
        return [
            names.claim(symbol, contract.segment, extension)
            for symbol, contract in zip(self.symbols, self.contracts, strict=True)
        ]

    def metadata(self) -> dict[str, object]:
        """The `metadata` of JSON exports and archives (spec, "JSON")."""
        metadata: dict[str, object] = {
            "exported_at": self.accepted_at.astimezone(IST).isoformat(timespec="seconds"),
            "instruments": list(self.spec.instruments),
            "format": "OpenAlgo" if self.spec.options.include_openalgo else "Standard",
            "version": "1.0",
        }
        if self.spec.options.strikes_around is not None:
            metadata["money"] = [self._money(one) for one in self.money]
        return metadata

    def remarks(self) -> list[str]:
        """What whoever asked for the selection should be told of it."""
        unknown = [f"{one.instrument_key} {one.expiry}" for one in self.money if one.value is None]
        if not unknown:
            return []
        more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
        return [
            "neither a future nor a pair of options says where the money is, so every strike is"
            f" there: {', '.join(unknown[:_MOST_NAMED])}{more}"
        ]

    def _money(self, money: Money) -> dict[str, object]:
        value = money.value
        return {
            "instrument": self.labels[money.instrument_key],
            "expiry": money.expiry.isoformat(),
            "value": None if value is None else orjson.Fragment(decimal_text(value)),
            "method": money.method,
        }


def make_plan(
    spec: ExportSpec, catalogue: Catalogue, selection: Selection, accepted_at: datetime
) -> Plan:
    """`selection` is the source's answer for `spec`."""
    names = {one.key: one.name for one in catalogue.instruments}
    contracts, symbols = _arranged(spec, selection)
    pairs = [(key, names.get(key, key)) for key in spec.instruments]
    return Plan(
        spec,
        accepted_at,
        contracts,
        symbols,
        labels(pairs),
        artefact_name(
            [name for _, name in pairs],
            spec.extension,
            accepted_at,
            spec.options.include_openalgo,
        ),
        selection.money,
        row_filter(spec.options),
    )


def _arranged(spec: ExportSpec, selection: Selection) -> tuple[Sequence[Contract], Sequence[str]]:
    """The contracts in file order, and their symbols.

    By symbol where the format wants it: in the whole file, or in the file of each expiry.
    """
    style = spec.options.symbol_style
    pairs = [(one, contract_symbol(one, style)) for one in selection.contracts]
    if spec.by_symbol:
        pairs.sort(key=lambda pair: (pair[1], pair[0].key))
    if spec.by_symbol and spec.separate_files:
        places = {key: place for place, key in enumerate(spec.instruments)}
        pairs.sort(key=lambda pair: (places[pair[0].instrument_key], pair[0].expiry))
    return [one for one, _ in pairs], [symbol for _, symbol in pairs]
