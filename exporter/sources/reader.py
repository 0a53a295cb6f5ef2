"""Reads one contract after another, the fast way where that is right, else the careful way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TypeVar

import aiosqlite
import apsw

from exporter.errors import Code, ExportError
from exporter.model import Contract, Window
from exporter.sources import careful, plain
from exporter.sources.base import Block, RowFilter, RowTemplate
from exporter.sources.census import Census
from exporter.sources.facts import Facts, Stretch
from exporter.sources.pool import Pool
from exporter.sources.schema import Schema
from exporter.sources.trouble import patiently, translated
from exporter.values import Candle

T = TypeVar("T")

# About a megabyte of text, so that a writer never waits long and memory stays small.
_BLOCK_ROWS = 8000
# Contracts read together at the most, however few rows they have.
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Wanted:
    """A contract's rows of some days, and how they are written; `number` is its place."""

    number: int
    contract: Contract
    template: RowTemplate
    window: Window


@dataclass(frozen=True, slots=True)
class Reading:
    """Some rows of the contract of that number; `ends` says that they are its last."""

    number: int
    block: Block
    ends: bool


_NOTHING = Block(b"", 0, "", "")
_NO_ROWS = Stretch(date.min, date.min, 0, None)


def _as_they_are(reads: Sequence[plain.Read], _: str) -> Sequence[plain.Read]:
    return reads


class Reader:
    """One contract at a time from the shared pool, each from one snapshot of the database."""

    def __init__(
        self,
        path: Path,
        pool: Pool,
        census: Census,
        schema: Schema,
        *,
        careful_only: bool,
        lock_wait_s: float,
    ) -> None:
        self._path = path
        self._pool = pool
        self._census = census
        self._schema = schema
        # Without the table's own key, even canonical rows can say one instant twice.
        self._careful_only = careful_only or not schema.keyed
        self._lock_wait_s = lock_wait_s

    async def count(self, contract: Contract) -> Facts:
        """Facts of one contract from one snapshot; remembered in the census."""
        async with self._pool.lease() as connection:
            with translated(self._path):
                await self._begin(connection)
                facts = await self._facts_here(connection, contract.key)
                await connection.execute_fetchall("COMMIT")
                return facts

    async def candles(
        self, contract: Contract, window: Window, rows: int, keep: RowFilter | None = None
    ) -> list[Candle]:
        """The first `rows` candles of the days of `window` that are wanted."""
        async with self._pool.lease() as connection:
            with translated(self._path):
                await self._begin(connection)
                order = await careful.find_order(connection, contract.key, window)
                found = await careful.first_candles(
                    connection, contract.key, self._schema.oi, order, rows, keep
                )
                await connection.execute_fetchall("COMMIT")
                return found

    async def last_candle(self, contract: Contract) -> Candle | None:
        """The newest candle of a contract, or None where it has none."""
        async with self._pool.lease() as connection:
            with translated(self._path):
                await self._begin(connection)
                facts = await self._facts_here(connection, contract.key)
                found = None
                if facts.rows and facts.plain:
                    found = await plain.last_candle(connection, contract.key, self._schema.oi)
                elif facts.rows:
                    order = await careful.find_order(connection, contract.key, Window())
                    end = len(order.rowids)
                    (found,) = await careful.candles_at(
                        connection, contract.key, self._schema.oi, order, end - 1, end
                    )
                await connection.execute_fetchall("COMMIT")
                return found

    def batches(self, wanted: Iterable[Wanted]) -> Iterator[Sequence[Wanted]]:
        """Neighbours whose rows are known to be few and plain are read together."""
        batch: list[Wanted] = []
        held = 0
        steps: set[int] = set()
        for one in wanted:
            stretch = self._at_most_one(one)
            rows = stretch.rows if stretch else 0
            alone = stretch is None
            step = {stretch.step} if stretch and stretch.rows else set()
            full = held + rows > _BLOCK_ROWS or len(batch) >= _BATCH or len(steps | step) > 1
            if batch and (alone or full):
                yield batch
                batch, held, steps = [], 0, set()
            batch.append(one)
            held, steps = held + rows, steps | step
            if alone:
                yield batch
                batch, held, steps = [], 0, set()
        if batch:
            yield batch

    async def read(
        self,
        batch: Sequence[Wanted],
        file: str,
        finish: Callable[[Sequence[Reading]], T],
        *,
        heavy: bool,
    ) -> AsyncGenerator[T]:
        """What `finish` makes of the rows of each contract, in order, some at a time.

        Rows are in time order, one per instant, each contract's from one snapshot. `finish` is
        called in a reading thread, or if it is not `heavy`, perhaps in the loop. `file` is the
        identity's name of the file: another file at the path is an error.
        Raises ExportError(BAD_ROW, DATABASE_*).
        """
        made = await self._at_once(batch, file, finish)
        if made is not None:
            yield made[0]
            return
        for one in batch:
            async with aclosing(self._one(one, file)) as blocks:
                async for block in blocks:
                    some = [Reading(one.number, block, ends=False)]
                    yield await asyncio.to_thread(finish, some) if heavy else finish(some)
            some = [Reading(one.number, _NOTHING, ends=True)]
            yield await asyncio.to_thread(finish, some) if heavy else finish(some)

    def _at_most_one(self, one: Wanted) -> Stretch | None:
        """A contract's only stretch, perhaps without rows; None if it must be read by itself."""
        facts = self._census.known(one.contract.key)
        if facts is None or not self._said_by_engine(facts, one.template):
            return None
        stretches = list(islice(facts.stretches(one.window, _BLOCK_ROWS), 2))
        if len(stretches) > 1 or (stretches and stretches[0].rows > _BLOCK_ROWS):
            return None
        return stretches[0] if stretches else _NO_ROWS

    async def _at_once(
        self, batch: Sequence[Wanted], file: str, finish: Callable[[Sequence[Reading]], T]
    ) -> tuple[T] | None:
        """What is made of short contracts, a statement each; None where facts do not hold."""
        live = self._census.live
        stretches = [self._at_most_one(one) for one in batch]
        wishes = [
            plain.Wish(one.contract.key, one.template, stretch)
            for one, stretch in zip(batch, stretches, strict=True)
            if stretch is not None and stretch.rows
        ]
        if None in stretches or len({wish.stretch.step for wish in wishes}) > 1:
            return None

        def check(reads: Sequence[plain.Read], state: str) -> tuple[str, tuple[T] | None]:
            if state != live or not all(map(plain.as_counted, reads, wishes)):
                return state, None
            found = iter(reads)
            readings = [
                Reading(one.number, next(found).block if stretch.rows else _NOTHING, ends=True)
                for one, stretch in zip(batch, stretches, strict=True)
                if stretch is not None
            ]
            return state, (finish(readings),)

        async def read() -> tuple[str, tuple[T] | None]:
            if wishes:
                step = wishes[0].stretch.step
                return await plain.read_stretches(connection, self._schema.oi, step, wishes, check)
            ((state,),) = await connection.execute_fetchall("SELECT fingerprint()")
            return await asyncio.to_thread(check, (), state)

        async with self._pool.lease() as connection:
            with translated(self._path):
                state, made = await patiently(self._path, read, self._lock_wait_s)
        self._must_be(file, state)
        return made

    async def _one(self, one: Wanted, file: str) -> AsyncGenerator[Block]:
        async with self._pool.lease() as connection:
            with translated(self._path):
                await self._begin(connection)
                inside = self._in_transaction(
                    connection, one.contract, one.template, one.window, file
                )
                async with aclosing(inside) as blocks:
                    async for block in blocks:
                        yield block
                await connection.execute_fetchall("COMMIT")

    async def _in_transaction(
        self,
        connection: aiosqlite.Connection,
        contract: Contract,
        template: RowTemplate,
        window: Window,
        file: str,
    ) -> AsyncGenerator[Block]:
        facts = await self._facts_here(connection, contract.key, file)
        if not self._said_by_engine(facts, template):
            order = await careful.find_order(connection, contract.key, window)
            async with aclosing(
                careful.read_in_order(connection, contract.key, template, self._schema.oi, order)
            ) as blocks:
                async for block in blocks:
                    yield block
            return
        for stretch in facts.stretches(window, _BLOCK_ROWS):
            wish = plain.Wish(contract.key, template, stretch)
            (read,) = await plain.read_stretches(
                connection, self._schema.oi, stretch.step, [wish], _as_they_are
            )
            if not plain.as_counted(read, wish):
                raise careful.damaged_index(contract.key, stretch.rows, read.rows)
            yield read.block

    async def _facts_here(
        self, connection: aiosqlite.Connection, contract: str, file: str | None = None
    ) -> Facts:
        """Facts inside the caller's transaction: remembered ones if they hold in this snapshot."""
        # Reading a row first fixes the snapshot that the fingerprint is then compared with.
        ((state,),) = await connection.execute_fetchall(
            "SELECT fingerprint() FROM (SELECT count(*) FROM sqlite_schema)"
        )
        if file is not None:
            self._must_be(file, state)
        known = self._census.known(contract) if state == self._census.live else None
        if known is not None:
            return known
        facts = None
        if self._schema.keyed:
            facts = await plain.take_facts(connection, contract, self._schema.oi)
        if facts is None:
            order = await careful.find_order(connection, contract, Window())
            facts = await asyncio.to_thread(order.facts)
        self._census.learn(contract, facts, state)
        return facts

    def _said_by_engine(self, facts: Facts, template: RowTemplate) -> bool:
        return facts.plain and template.sayable and not self._careful_only

    async def _begin(self, connection: aiosqlite.Connection) -> None:
        """Open a snapshot; another program's lock can keep it waiting here and not later."""

        async def begin() -> None:
            await connection.execute_fetchall("BEGIN")
            try:
                await connection.execute_fetchall("SELECT count(*) FROM sqlite_schema")
            except apsw.BusyError:
                await connection.execute_fetchall("ROLLBACK")
                raise

        await patiently(self._path, begin, self._lock_wait_s)

    def _must_be(self, file: str, state: str) -> None:
        if not state.startswith(f"{file} "):
            raise ExportError(
                Code.DATABASE_CHANGED,
                f"{self._path} was replaced by another file during the export; start it again",
            )
