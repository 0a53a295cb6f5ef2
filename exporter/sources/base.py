"""The values that pass from a source of candles to the formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from exporter.model import Instrument
from exporter.values import Candle


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What there is: instruments in the order they are offered, expiries newest first."""

    instruments: tuple[Instrument, ...]
    expiries: Mapping[str, tuple[date, ...]]
    contracts: int

    def instrument(self, key: str) -> Instrument | None:
        return next((one for one in self.instruments if one.key == key), None)


@dataclass(frozen=True, slots=True)
class Estimate:
    """How much a selection holds. `exact` is False where counts are not (yet) known for sure.

    `careful` counts the contracts that leave the fast way (other timestamp forms, duplicates).
    """

    rows: int
    exact: bool
    contracts: int
    empty_contracts: int
    careful_contracts: int


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows are wanted, said twice.

    `sql` is a condition over the canonical rows' timestamp and volume, without parameters.
    """

    sql: str
    wanted: Callable[[Candle], bool]


@dataclass(frozen=True, slots=True)
class RowTemplate:
    """How one candle becomes text, said twice: for the engine and for Python.

    `sql` is an expression over timestamp, open, high, low, close, volume, oi and the bound
    constants `?4`, `?5`, ...; `build` gives the same text from a `Candle`. `separator` stands
    between the rows of one contract. Only rows that pass `keep` become text at all.
    """

    sql: str
    constants: tuple[str, ...]
    build: Callable[[Candle], str]
    separator: str
    keep: RowFilter | None = None

    @property
    def sayable(self) -> bool:
        """Can the engine say it? Its printf ends a text at NUL."""
        return not any("\0" in constant for constant in self.constants)


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of one contract, ready to be written.

    `first` and `last` are the times of its outer candles; `dropped` counts duplicates left out.
    """

    data: bytes
    rows: int
    first: str
    last: str
    dropped: int = 0
