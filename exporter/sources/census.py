"""Facts of every contract: found once, kept in a small file, renewed when the data changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import orjson

from exporter.sources.driver import connect
from exporter.sources.facts import Facts, Run
from exporter.sources.fingerprint import Fingerprint

_TABLE = """
PRAGMA journal_mode=DELETE;
PRAGMA synchronous=OFF;
CREATE TABLE IF NOT EXISTS facts (
    content TEXT NOT NULL,
    contract TEXT NOT NULL,
    plain INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    first_day INTEGER NOT NULL,
    offsets BLOB NOT NULL,
    counts BLOB NOT NULL,
    first_row INTEGER,
    step INTEGER,
    PRIMARY KEY (content, contract)
) WITHOUT ROWID"""
_SAVE = """
INSERT OR REPLACE INTO facts
SELECT ?1, value->>0, value->>1, value->>2, value->>3, value->>4,
       unhex(value->>5), unhex(value->>6), value->>7, value->>8 FROM json_each(?2)"""
_BATCH = 500


class Census:
    """Facts by contract for the current fingerprint; older ones serve as estimates only.

    The file at `path` is a cache: without it, or if it is damaged, everything is counted anew.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._live = ""
        self._current: dict[str, Facts] = {}
        self._earlier: dict[str, Facts] = {}
        self._unsaved: dict[str, Facts] = {}
        self._saving = asyncio.Lock()

    @property
    def live(self) -> str:
        """The fingerprint that the facts hold for, as `fingerprint()` says it in SQL."""
        return self._live

    async def turn_to(self, state: Fingerprint) -> None:
        """Make `state` the current one; facts of another state become estimates."""
        live = str(state)
        if live == self._live:
            return
        kept = {} if self._live else await self._load(state)
        if live == self._live:
            return
        self._earlier.update(self._current)
        self._current, self._unsaved, self._live = dict(kept), {}, live

    def known(self, contract: str) -> Facts | None:
        """What holds now."""
        return self._current.get(contract)

    def guess(self, contract: str) -> Facts | None:
        """What holds now, else what held before the database changed."""
        return self._current.get(contract) or self._earlier.get(contract)

    def learn(self, contract: str, facts: Facts, live: str) -> None:
        """Keep facts that were found in a snapshot of fingerprint `live`; unsettled ones never."""
        if live == self._live:
            self._current[contract] = facts
            self._unsaved[contract] = facts

    async def save(self, state: Fingerprint) -> None:
        """Write down what was learnt, if the file has been at rest long enough to tell."""
        if self._path is None or not state.settled or str(state) != self._live:
            return
        async with self._saving:
            batch, self._unsaved = self._unsaved, {}
            items = list(batch.items())
            for start in range(0, len(items), _BATCH):
                part = dict(items[start : start + _BATCH])
                await self._with_file(_SAVE, (state.content, orjson.dumps(_rows(part)).decode()))
            if items:
                await self._with_file("DELETE FROM facts WHERE content<>?1", (state.content,))

    async def _load(self, state: Fingerprint) -> Mapping[str, Facts]:
        if self._path is None or not state.settled or not await asyncio.to_thread(self._there):
            return {}
        rows = await self._with_file(
            "SELECT contract, plain, rows, dropped, first_day, offsets, counts, first_row, step"
            " FROM facts WHERE content=?1",
            (state.content,),
        )
        return {row[0]: _facts(*row[1:]) for row in rows}

    def _there(self) -> bool:
        return self._path is not None and self._path.is_file()

    async def _with_file(self, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        assert self._path is not None
        try:
            return await self._once(self._path, sql, parameters)
        except (apsw.NotADBError, apsw.CorruptError, apsw.SQLError):
            await asyncio.to_thread(self._path.unlink, True)
            return await self._once(self._path, sql, parameters)

    @staticmethod
    async def _once(path: Path, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        connection = await connect(path, readonly=False)
        try:
            await connection.executescript(_TABLE)
            return list(await connection.execute_fetchall(sql, parameters))
        finally:
            await connection.close()


def _facts(plain: int, *rest: Any) -> Facts:
    *numbers, first, step = rest
    facts = Facts(bool(plain), *numbers)
    return replace(facts, run=Run(first, step)) if step else facts


def _rows(batch: Mapping[str, Facts]) -> list[list[Any]]:
    return [
        [
            contract, int(facts.plain), facts.rows, facts.dropped, facts.first_day,
            facts.offsets.hex(), facts.counts.hex(),
            *((facts.run.first, facts.run.step) if facts.run else (None, None)),
        ]
        for contract, facts in batch.items()
    ]  # fmt: skip
