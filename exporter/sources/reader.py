"""Reads one contract after another, the fast way where that is right, else the careful way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from pathlib import Path

import aiosqlite
import apsw

from exporter.errors import Code, ExportError
from exporter.model import Contract, Window
from exporter.sources import careful, plain
from exporter.sources.base import Block, RowFilter, RowTemplate
from exporter.sources.census import Census
from exporter.sources.facts import Facts
from exporter.sources.pool import Pool
from exporter.sources.schema import Schema
from exporter.sources.trouble import patiently, translated
from exporter.values import Candle

# About a megabyte of text, so that a writer never waits long and memory stays small.
_STRETCH_ROWS = 8000


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

    async def read(
        self, contract: Contract, template: RowTemplate, window: Window, file: str
    ) -> AsyncGenerator[Block]:
        """A contract's rows in time order from one snapshot, one per instant.

        `file` is the identity's name of the file: another file at the path is an error.
        Raises ExportError(BAD_ROW, DATABASE_*).
        """
        facts = self._census.known(contract.key)
        async with self._pool.lease() as connection:
            with translated(self._path):
                if facts is not None and self._said_by_engine(facts, template):
                    at_once = partial(
                        self._at_once, connection, contract, template, facts, window, file
                    )
                    block, done = await patiently(self._path, at_once, self._lock_wait_s)
                    if done:
                        if block is not None:
                            yield block
                        return
                await self._begin(connection)
                inside = self._in_transaction(connection, contract, template, window, file)
                async with aclosing(inside) as blocks:
                    async for block in blocks:
                        yield block
                await connection.execute_fetchall("COMMIT")

    async def _at_once(
        self,
        connection: aiosqlite.Connection,
        contract: Contract,
        template: RowTemplate,
        facts: Facts,
        window: Window,
        file: str,
    ) -> tuple[Block | None, bool]:
        """A contract in one statement, if its facts still hold and it is short enough."""
        stretches = list(facts.stretches(window, _STRETCH_ROWS))
        if len(stretches) > 1:
            return None, False
        if not stretches:
            ((state,),) = await connection.execute_fetchall("SELECT fingerprint()")
            self._must_be(file, state)
            return None, state == self._census.live
        read = await plain.read_stretch(
            connection, contract.key, template, self._schema.oi, stretches[0]
        )
        self._must_be(file, read.state)
        done = read.state == self._census.live and plain.as_counted(read, stretches[0])
        return read.block, done

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
        for stretch in facts.stretches(window, _STRETCH_ROWS):
            read = await plain.read_stretch(
                connection, contract.key, template, self._schema.oi, stretch
            )
            if not plain.as_counted(read, stretch):
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
