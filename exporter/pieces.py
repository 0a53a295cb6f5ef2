"""What the text of contracts becomes on its way into a file, and the file that takes it as it is.

A container is asked twice: `packer` works on a contract while it is read, beside others; the
rest is called in the order of the file, by the one task that writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from exporter.files import Sink
from exporter.formats.base import TextFormat
from exporter.model import Member
from exporter.notes import Note, Notes
from exporter.plan import Plan

Parts = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes for the file in parts, and the text they were made of where that is still needed."""

    packed: Parts
    text: Parts = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """What is known of a contract once its last piece was made."""

    member: Member
    crc: int = 0


class Packer(Protocol):
    """Makes pieces of one contract's text; called in a thread if `heavy`."""

    heavy: bool

    def pack(self, text: Parts, *, last: bool) -> Piece: ...

    def finish(self, member: Member) -> Finished: ...


class Container(Protocol):
    """See the module. `start` is told how many rows are expected in all.

    `discard` lets go of all that is not in the file, when the export has ended otherwise.
    """

    def packer(self) -> Packer: ...

    def opening(self, number: int) -> bytes: ...

    def closing(self, number: int) -> bytes: ...

    async def begin(self) -> None: ...

    async def resume(self, contracts: int) -> None: ...

    async def start(self, number: int, rows: int) -> None: ...

    async def add(self, piece: Piece) -> None: ...

    async def end(self, finished: Finished) -> Note | None: ...

    async def close(self, summary: Mapping[str, object], notes: Notes) -> None: ...

    async def discard(self) -> None: ...


class AsItIs:
    """A packer that leaves the text alone."""

    heavy = False

    def pack(self, text: Parts, *, last: bool) -> Piece:
        return Piece(text)

    def finish(self, member: Member) -> Finished:
        return Finished(member)


class PlainFile:
    """The document itself."""

    def __init__(self, plan: Plan, text: TextFormat, out: Sink) -> None:
        self._plan, self._text, self._out = plan, text, out

    def packer(self) -> Packer:
        return AsItIs()

    def opening(self, number: int) -> bytes:
        return self._text.before(self._plan, number)

    def closing(self, number: int) -> bytes:
        return self._text.after(self._plan, number)

    async def begin(self) -> None:
        await self._out.write(self._text.head(self._plan))

    async def resume(self, contracts: int) -> None:
        return

    async def start(self, number: int, rows: int) -> None:
        return

    async def add(self, piece: Piece) -> None:
        await self._out.write(*piece.packed)

    async def end(self, finished: Finished) -> Note | None:
        return None

    async def close(self, summary: Mapping[str, object], notes: Notes | None = None) -> None:
        await self._out.write(self._text.tail(self._plan, summary))

    async def discard(self) -> None:
        return


class FromTheStart:
    """What containers share whose text needs nothing around it, and that no resume can go on with.

    Their formats are not `resumable`, so no checkpoint of theirs is ever kept.
    """

    def packer(self) -> Packer:
        return AsItIs()

    def opening(self, number: int) -> bytes:
        return b""

    def closing(self, number: int) -> bytes:
        return b""

    async def resume(self, contracts: int) -> None:
        raise AssertionError("a checkpoint was kept of a format that cannot be resumed")
