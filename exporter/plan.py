"""Everything that is decided about an export before its first row is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from exporter.model import IST, Contract, ExportSpec, FileFormat
from exporter.naming import MemberNames, artefact_name, labels
from exporter.sources.base import Catalogue
from exporter.symbols import contract_symbol


@dataclass(frozen=True, slots=True)
class Plan:
    """A spec with its contracts in file order, their symbols, and the names in the file."""

    spec: ExportSpec
    accepted_at: datetime
    contracts: Sequence[Contract]
    symbols: Sequence[str]
    labels: Mapping[str, str]
    name: str

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
        return {
            "exported_at": self.accepted_at.astimezone(IST).isoformat(timespec="seconds"),
            "instruments": list(self.spec.instruments),
            "format": "OpenAlgo" if self.spec.options.include_openalgo else "Standard",
            "version": "1.0",
        }


def make_plan(
    spec: ExportSpec, catalogue: Catalogue, contracts: Sequence[Contract], accepted_at: datetime
) -> Plan:
    """`contracts` are the source's answer for `spec`, in the order of the file."""
    names = {one.key: one.name for one in catalogue.instruments}
    pairs = [(key, names.get(key, key)) for key in spec.instruments]
    return Plan(
        spec,
        accepted_at,
        contracts,
        [contract_symbol(contract, spec.options.symbol_style) for contract in contracts],
        labels(pairs),
        artefact_name(
            [name for _, name in pairs],
            FileFormat.ZIP.value if spec.archive else spec.format.value,
            accepted_at,
            spec.options.include_openalgo,
        ),
    )
