"""What is known of the contracts that are in an artefact so far, kept on the disk.

An archive's directory and its metadata are written from these notes at the end, and a resume
goes on from them; so nothing of a finished contract stays in memory.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from exporter.files import storage, unbroken

# What a container notes down of one finished contract; JSON values.
Note = dict[str, Any]

_HELD = 256 << 10
_READ = 256 << 10
_CHUNK = 256


class Notes:
    """One JSON line per finished contract, made durable with each checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._pending: list[bytes] = []
        self._held = 0

    @property
    def heavy(self) -> bool:
        """Is it time to put them on the disk?"""
        return self._held >= _HELD

    def add(self, note: Note | None) -> None:
        if note is not None:
            line = orjson.dumps(note) + b"\n"
            self._pending.append(line)
            self._held += len(line)

    def take(self) -> bytes:
        """What was added since the last call."""
        data, self._pending, self._held = b"".join(self._pending), [], 0
        return data

    async def append(self, data: bytes) -> None:
        """Make `data` durable after the last durable byte."""
        if not data:
            return
        with storage(self.path.parent):
            await unbroken(asyncio.to_thread(self._append, data))
        self.size += len(data)

    async def reopen(self, size: int) -> bool:
        """Go on after the first `size` bytes, if they are there."""
        with storage(self.path.parent):
            if await unbroken(asyncio.to_thread(self._there)) < size:
                return False
        self.size = size
        return True

    async def chunks(self) -> AsyncIterator[Sequence[Note]]:
        """All notes in order, `_CHUNK` at a time whatever was on the disk and what in memory."""
        lines: list[bytes] = []
        offset, rest = 0, b""
        while offset < self.size:
            with storage(self.path.parent):
                data = await asyncio.to_thread(self._part, offset, min(_READ, self.size - offset))
            offset += len(data)
            *whole, rest = (rest + data).split(b"\n")
            lines += whole
            while len(lines) >= _CHUNK:
                yield _parsed(lines[:_CHUNK])
                del lines[:_CHUNK]
        lines += self._pending
        for start in range(0, len(lines), _CHUNK):
            yield _parsed(lines[start : start + _CHUNK])

    async def remove(self) -> None:
        with storage(self.path.parent):
            await unbroken(asyncio.to_thread(self.path.unlink, True))
        self.size = 0

    def _there(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def _part(self, offset: int, size: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(offset)
            data = file.read(size)
        if len(data) != size:
            raise OSError(f"{self.path.name} is shorter than it was")
        return data

    def _append(self, data: bytes) -> None:
        with self.path.open("r+b" if self.path.exists() else "w+b") as file:
            file.seek(self.size)
            file.write(data)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())


def _parsed(lines: Sequence[bytes]) -> Sequence[Note]:
    return [orjson.loads(line) for line in lines]
