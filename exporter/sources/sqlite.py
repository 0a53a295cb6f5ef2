"""ExpiryTrack's own database as a source: opened read-only, often while the collector writes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

from exporter.errors import Code, ExportError
from exporter.filters import Selection, row_filter
from exporter.model import Contract, ExportSpec, SymbolStyle, Window
from exporter.sources import contracts
from exporter.sources.base import Catalogue, Estimate, RowFilter
from exporter.sources.census import Census
from exporter.sources.choosing import choose
from exporter.sources.facts import Facts
from exporter.sources.fingerprint import Fingerprint, fingerprint
from exporter.sources.pool import Pool
from exporter.sources.reader import Reader
from exporter.sources.schema import Schema, read_schema
from exporter.sources.trouble import patiently, translated
from exporter.symbols import ParsedSymbol, contract_symbol, parse
from exporter.values import Candle
from exporter.windows import window_of

_LOCK_WAIT_S = 90.0
_ESTIMATE_BUDGET_S = 0.2
_HEAD_BUDGET_S = 1.0
# For contracts nobody has counted yet: a weekly option traded through its last month.
_TYPICAL_ROWS = 3000
# The newest candle belongs to one of the last expiries, whatever the instrument.
_RECENT_EXPIRIES = 25


class MarketDatabase:
    """One database file, with `readers` connections that all exports share.

    `facts_path` keeps what was counted across restarts; `careful` reads every row in Python.
    """

    def __init__(
        self,
        path: Path,
        *,
        readers: int | None = None,
        facts_path: Path | None = None,
        careful: bool = False,
        lock_wait_s: float = _LOCK_WAIT_S,
    ) -> None:
        self.path = path
        self.readers = readers or (os.cpu_count() or 1) + 1
        self._careful = careful
        self._lock_wait_s = lock_wait_s
        self._pool = Pool(path, self.readers, lock_wait_s)
        self._census = Census(facts_path)
        self._looked: Fingerprint | None = None
        self._schema: Schema | None = None
        self._catalogue: tuple[str, Catalogue] | None = None
        self._refreshing = asyncio.Lock()

    async def close(self) -> None:
        """Interrupt what runs and wait until every connection's thread has ended."""
        await self._pool.close()

    async def identity(self) -> Fingerprint:
        """The file's state now: equal `content` means equal rows. Raises ExportError."""
        return (await self._refresh())[0]

    async def catalogue(self) -> Catalogue:
        """Instruments, expiries and the number of contracts; read again when the file changed.

        Raises ExportError(DATABASE_*, BAD_CONTRACT).
        """
        state, schema = await self._refresh()
        if self._catalogue is not None and self._catalogue[0] == state.content:
            return self._catalogue[1]

        async def read() -> Catalogue:
            async with self._pool.lease() as connection:
                return await contracts.read_catalogue(connection, schema)

        catalogue = await patiently(self.path, read, self._lock_wait_s)
        self._catalogue = (state.content, catalogue)
        return catalogue

    async def contracts(self, spec: ExportSpec) -> list[Contract]:
        """The contracts of a selection in the order of the file (spec, "Values").

        Raises ExportError(BAD_CONTRACT, BAD_ROW, DATABASE_*).
        """
        return list((await self.select(spec)).contracts)

    async def select(self, spec: ExportSpec) -> Selection:
        """The same, with what had to be found out to choose them."""
        _, schema = await self._refresh()

        async def read() -> list[Contract]:
            async with self._pool.lease() as connection:
                await contracts.check_indexes(connection, spec.instruments)
                return [
                    contract
                    for instrument in spec.instruments
                    for contract in await contracts.read_contracts(
                        connection, schema, instrument, spec.expiries[instrument]
                    )
                ]

        found = await patiently(self.path, read, self._lock_wait_s)
        return await choose(await self.reader(), self._census, found, spec)

    async def find(
        self, *, symbols: Sequence[str] = (), search: str | None = None
    ) -> list[Contract]:
        """Contracts by symbols of either style, or whose symbol begins with `search`.

        Raises ExportError(BAD_INPUT) that names every symbol nobody has.
        """
        wanted: dict[ParsedSymbol, str] = {}
        problems = []
        for text in symbols:
            try:
                wanted[parse(text.upper())] = text
            except ValueError as error:
                problems.append(str(error))
        found: list[Contract] = []
        missing = set(wanted)
        for contract in await self._with_symbols():
            parts = ParsedSymbol(contract.base, contract.expiry, contract.kind, contract.strike)
            if parts in wanted:
                missing.discard(parts)
                found.append(contract)
            elif search and any(
                contract_symbol(contract, style).startswith(search.upper()) for style in SymbolStyle
            ):
                found.append(contract)
        problems += [f"the database has no contract {wanted[parts]}" for parts in missing]
        if problems:
            raise ExportError(Code.BAD_INPUT, "; ".join(problems), tuple(problems))
        return found

    async def newest_candle(self) -> str | None:
        """The time of the newest candle, or None in a database without any."""
        catalogue = await self.catalogue()
        recent = sorted(
            ((days[0], key) for key, days in catalogue.expiries.items() if days), reverse=True
        )

        async def read() -> str | None:
            async with self._pool.lease() as connection:
                # Among them, since the latest expiry may be of what nobody has traded for a month.
                times = [
                    await contracts.newest_time(connection, key, expiry)
                    for expiry, key in recent[:_RECENT_EXPIRIES]
                ]
            return max(filter(None, times), default=None)

        return await patiently(self.path, read, self._lock_wait_s)

    async def estimate(
        self, spec: ExportSpec, selected: Sequence[Contract] | None = None
    ) -> Estimate:
        """How many rows a selection has: exact once every contract of it has been counted.

        Where rows are filtered, that is the most there can be.

        `selected` are the contracts of `spec`, where the caller has them already.
        """
        if selected is None:
            selected = await self.contracts(spec)
        deadline = asyncio.get_running_loop().time() + _ESTIMATE_BUDGET_S
        rows = counted = empty = leaving = 0
        unknown = 0
        for contract in selected:
            facts = self._census.known(contract.key)
            if facts is None and asyncio.get_running_loop().time() < deadline:
                facts = await self.count(contract)
            counted += facts is not None
            facts = facts or self._census.guess(contract.key)
            if facts is None:
                unknown += 1
                continue
            here = facts.rows_in(window_of(spec.options, contract.expiry))
            rows += here
            empty += not here
            leaving += not facts.plain
        known = len(selected) - unknown
        rows += unknown * (rows // known if known else _TYPICAL_ROWS)
        # Of the rows of a day, nobody knows yet how many a filter will let through.
        exact = counted == len(selected) and (not rows or row_filter(spec.options) is None)
        return Estimate(rows, exact, len(selected), empty, leaving)

    async def count(self, contract: Contract) -> Facts:
        """Facts of one contract, from one snapshot. Raises ExportError(BAD_ROW, DATABASE_*)."""
        reader = await self.reader()
        return await patiently(self.path, lambda: reader.count(contract), self._lock_wait_s)

    async def take_census(self) -> int:
        """Count what is not counted yet, giving way to exports; the number of contracts counted.

        A contract that cannot be read is left for the export that asks for it to report.
        """
        catalogue = await self.catalogue()
        counted = 0
        for key, days in catalogue.expiries.items():
            for expiry in days:
                for contract in await self._of(key, [expiry]):
                    if self._census.known(contract.key) is not None:
                        continue
                    await self._pool.uncrowded()
                    try:
                        await self.count(contract)
                    except ExportError as error:
                        if error.code is not Code.BAD_ROW:
                            raise
                    counted += 1
        await self._census.save(await self.identity())
        return counted

    async def reader(self) -> Reader:
        """What reads contracts one by one, for the length of one export."""
        _, schema = await self._refresh()
        return Reader(
            self.path,
            self._pool,
            self._census,
            schema,
            careful_only=self._careful,
            lock_wait_s=self._lock_wait_s,
        )

    async def head(
        self,
        selected: Sequence[Contract],
        windows: Sequence[Window],
        rows: int,
        keep: RowFilter | None = None,
    ) -> tuple[Contract, list[Candle]] | None:
        """The first wanted candles of the first contract that has any. Raises ExportError.

        Where a filter lets few rows through, contracts are looked into for a short while only.
        """
        reader = await self.reader()
        deadline = asyncio.get_running_loop().time() + _HEAD_BUDGET_S
        for contract, window in zip(selected, windows, strict=True):
            facts = self._census.known(contract.key) or await self.count(contract)
            if facts.rows_in(window):
                found = await reader.candles(contract, window, rows, keep)
                if found:
                    return contract, found
                if asyncio.get_running_loop().time() > deadline:
                    return None
        return None

    async def _refresh(self) -> tuple[Fingerprint, Schema]:
        async with self._refreshing:
            with translated(self.path):
                state = await asyncio.to_thread(fingerprint, self.path)
            if self._looked is not None and self._looked.file != state.file:
                await self._pool.renew()
                self._schema = None
            await self._census.turn_to(state)
            if self._schema is None:
                self._schema = await patiently(self.path, self._read_schema, self._lock_wait_s)
            self._looked = state
            return state, self._schema

    async def _read_schema(self) -> Schema:
        async with self._pool.lease() as connection:
            return await read_schema(connection, self.path)

    async def _of(
        self, instrument: str, expiries: Collection[date], *, nameless: bool = False
    ) -> list[Contract]:
        _, schema = await self._refresh()

        async def read() -> list[Contract]:
            async with self._pool.lease() as connection:
                return await contracts.read_contracts(
                    connection, schema, instrument, expiries, nameless=nameless
                )

        return await patiently(self.path, read, self._lock_wait_s)

    async def _with_symbols(self) -> list[Contract]:
        catalogue = await self.catalogue()
        return [
            contract
            for instrument in catalogue.instruments
            if instrument.expiries
            for contract in await self._of(
                instrument.key, catalogue.expiries[instrument.key], nameless=True
            )
        ]
