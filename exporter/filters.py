"""Which contracts and which rows an export wants (spec options of the groups contracts and rows).

Pure: what has to be read for it (the last candles near expiry) is handed in.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

from exporter.model import Contract, Options
from exporter.sources.base import RowFilter
from exporter.values import Candle

FUTURE, PARITY = "future", "parity"
_MINUTES = ("00:00", "23:59")


@dataclass(frozen=True, slots=True)
class Money:
    """Where the money of one expiry is: what the underlying is taken to be worth at its end.

    `method` is FUTURE (the close of the future's last candle), PARITY (strike + call - put of the
    pair whose last closes lie nearest together) or None, where neither can be said.
    """

    instrument_key: str
    expiry: date
    value: Decimal | None
    method: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Contracts in the order of the file, and the money of each expiry where that was needed."""

    contracts: Sequence[Contract]
    money: Sequence[Money] = ()


def money_of_future(future: Contract, last: Candle) -> Money:
    """`last` is the future's last candle."""
    return Money(future.instrument_key, future.expiry, Decimal(last.close), FUTURE)


def money_by_parity(
    instrument_key: str, expiry: date, closes: Mapping[tuple[Decimal, str], Decimal]
) -> Money:
    """From the last closes by (strike, CE or PE); of pairs alike, the one of the lower strike.

    Where call and put are worth the same the strike is the forward price, and near there both are
    traded most; interest over the last minutes is nothing.
    """
    pairs = [
        (abs(close - closes[strike, "PE"]), strike, close - closes[strike, "PE"])
        for (strike, kind), close in closes.items()
        if kind == "CE" and (strike, "PE") in closes
    ]
    if not pairs:
        return Money(instrument_key, expiry, None, None)
    _, strike, difference = min(pairs)
    return Money(instrument_key, expiry, strike + difference, PARITY)


def strikes_near(contracts: Iterable[Contract], money: Money, around: int) -> frozenset[Decimal]:
    """The strike nearest to the money (of two, the lower) and `around` on each side of it.

    Every strike where the money is not known: none can be said to be near.
    """
    strikes = sorted({one.strike for one in contracts if one.strike is not None})
    if money.value is None or not strikes:
        return frozenset(strikes)
    above = bisect_left(strikes, money.value)
    nearest = min(
        range(max(0, above - 1), min(above + 1, len(strikes))),
        key=lambda place: abs(strikes[place] - (money.value or 0)),
    )
    return frozenset(strikes[max(0, nearest - around) : nearest + around + 1])


def wanted_contract(contract: Contract, options: Options) -> bool:
    """By its type and strike alone; futures have no strike and stay."""
    if options.option_types is not None and contract.kind not in options.option_types:
        return False
    strike = contract.strike
    return strike is None or (
        (options.strike_from is None or strike >= options.strike_from)
        and (options.strike_to is None or strike <= options.strike_to)
    )


def by_expiry(contracts: Sequence[Contract]) -> Mapping[tuple[str, date], list[Contract]]:
    """Contracts of one instrument and expiry together, in their order."""
    groups: dict[tuple[str, date], list[Contract]] = {}
    for contract in contracts:
        groups.setdefault((contract.instrument_key, contract.expiry), []).append(contract)
    return groups


def row_filter(options: Options) -> RowFilter | None:
    """What rows are wanted, said in SQL and in Python; None where every row is.

    A minute takes in its seconds: 15:30:59 is not after 15:30.
    """
    first = _MINUTES[0] if options.from_time is None else _minute(options.from_time)
    last = _MINUTES[1] if options.to_time is None else _minute(options.to_time)
    volume = options.min_volume or None
    conditions: list[str] = []
    if first > _MINUTES[0]:
        conditions.append(f"substr(timestamp,12,5)>='{first}'")
    if last < _MINUTES[1]:
        conditions.append(f"substr(timestamp,12,5)<='{last}'")
    if volume is not None:
        conditions.append(f"volume>={volume}")
    if not conditions:
        return None

    def wanted(candle: Candle) -> bool:
        return first <= candle.time[:5] <= last and (volume is None or int(candle.volume) >= volume)

    return RowFilter(" AND ".join(conditions), wanted)


def _minute(at: time) -> str:
    return at.isoformat("minutes")
