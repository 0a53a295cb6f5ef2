"""Where an interrupted export goes on from, and how that becomes durable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from exporter.errors import ExportError
from exporter.files import PartFile, unbroken
from exporter.notes import Notes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A contract boundary up to which the part file is on the disk.

    `offset` and `digest` are of the part file, `content` is the database's at the start,
    `notes` the length of the notes file in bytes.
    """

    name: str
    content: str
    contracts: int
    contracts_total: int
    offset: int
    digest: str
    rows: int
    dropped: int
    empty: int
    notes: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Checkpoint:
        return cls(**raw)


class Saver:
    """Makes checkpoints durable beside the work, one at a time.

    Waiting for the disk in between would leave every reader waiting too.
    """

    def __init__(
        self, out: PartFile, notes: Notes, save: Callable[[Checkpoint], Awaitable[None]]
    ) -> None:
        self._out = out
        self._notes = notes
        self._save = save
        self._saving: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        return self._saving is not None and not self._saving.done()

    async def begin(self, point: Callable[[], Checkpoint]) -> None:
        """Start with what is in the file now. Raises the error of the one before."""
        await self.settled()
        await self._out.hand_over()
        self._saving = asyncio.create_task(self._make_durable(point(), self._notes.take()))

    async def settled(self) -> None:
        """Until nothing is under way; raises its error."""
        saving, self._saving = self._saving, None
        if saving is not None:
            await unbroken(_result(saving))

    async def over(self) -> None:
        """Until nothing is under way, whatever came of it."""
        with suppress(ExportError):
            await self.settled()

    async def _make_durable(self, point: Checkpoint, notes: bytes) -> None:
        await self._out.sync()
        await self._notes.append(notes)
        await self._save(replace(point, notes=self._notes.size))


async def _result(task: asyncio.Task[None]) -> None:
    await task
