"""Where an interrupted export goes on from, and the notes that stand beside its part file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from exporter.containers import Note
from exporter.files import storage, unbroken


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

    async def sync(self) -> None:
        """Append what is new, after the last durable byte."""
        if not self._pending:
            return
        data, self._pending = b"".join(self._pending), []
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
