"""The contracts of a selection that its filters leave, and where the money is."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from exporter.filters import (
    Money,
    Selection,
    by_expiry,
    money_by_parity,
    money_of_future,
    strikes_near,
    wanted_contract,
)
from exporter.model import Contract, ExportSpec
from exporter.sources.census import Census
from exporter.sources.reader import Reader
from exporter.windows import window_of


async def choose(
    reader: Reader, census: Census, found: Sequence[Contract], spec: ExportSpec
) -> Selection:
    """What the filters of `spec` leave of all contracts of its expiries. Raises ExportError."""
    options = spec.options
    kept, money = list(found), list[Money]()
    if options.strikes_around is not None:
        kept = []
        for group in by_expiry(found).values():
            money.append(await _money(reader, group))
            near = strikes_near(group, money[-1], options.strikes_around)
            kept += [one for one in group if one.strike is None or one.strike in near]
    kept = [
        one
        for one in kept
        if wanted_contract(one, options) and (spec.contracts is None or one.key in spec.contracts)
    ]
    if options.only_with_candles:
        kept = [one for one in kept if await _has_candles(reader, census, one, spec)]
    return Selection(kept, money)


async def _money(reader: Reader, group: Sequence[Contract]) -> Money:
    """Of the contracts of one expiry: a future if it was traded, else the pairs of options."""
    for contract in group:
        last = await reader.last_candle(contract) if contract.kind == "FUT" else None
        if last is not None:
            return money_of_future(contract, last)
    closes: dict[tuple[Decimal, str], Decimal] = {}
    for contract in group:
        if contract.strike is None or (contract.strike, contract.kind) in closes:
            continue
        last = await reader.last_candle(contract)
        if last is not None:
            closes[contract.strike, contract.kind] = Decimal(last.close)
    return money_by_parity(group[0].instrument_key, group[0].expiry, closes)


async def _has_candles(
    reader: Reader, census: Census, contract: Contract, spec: ExportSpec
) -> bool:
    facts = census.known(contract.key) or await reader.count(contract)
    return facts.rows_in(window_of(spec.options, contract.expiry)) > 0
