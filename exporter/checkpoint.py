"""Where an interrupted export goes on from, and the notes that stand beside its part file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from exporter.containers import Note
from exporter.errors import ExportError
from exporter.files import PartFile, storage, unbroken


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


class Notes:
    """One JSON line per finished contract, made durable with each checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._pending: list[bytes] = []

    def add(self, note: Note | None) -> None:
        if note is not None:
            self._pending.append(orjson.dumps(note) + b"\n")

    def take(self) -> bytes:
        """What was added since the last call."""
        data, self._pending = b"".join(self._pending), []
        return data

    async def append(self, data: bytes) -> None:
        """Make `data` durable after the last durable byte."""
        if not data:
            return
        with storage(self.path.parent):
            await unbroken(asyncio.to_thread(self._append, data))
        self.size += len(data)

    async def load(self, size: int) -> Sequence[Note] | None:
        """The notes of a checkpoint, or None if they are not all there."""
        if not size:
            return []
        with storage(self.path.parent):
            data = await unbroken(asyncio.to_thread(self._head, size))
        if len(data) != size:
            return None
        self.size = size
        return [orjson.loads(line) for line in data.splitlines()]

    async def remove(self) -> None:
        with storage(self.path.parent):
            await unbroken(asyncio.to_thread(self.path.unlink, True))

    def _head(self, size: int) -> bytes:
        if not self.path.is_file():
            return b""
        with self.path.open("rb") as file:
            return file.read(size)

    def _append(self, data: bytes) -> None:
        with self.path.open("r+b" if self.path.exists() else "w+b") as file:
            file.seek(self.size)
            file.write(data)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())


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
