"""What the text is put into: a file as it is, an archive of one file, or one per contract.

A container is asked twice: `packer` works on a contract while it is read, beside others; the
rest is called in the order of the file, by the one task that writes.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Protocol

import orjson
from isal import isal_zlib

from exporter.archive import LIMIT, Entry, central_directory, descriptor, local_header
from exporter.deflate import END_OF_STREAM, RAW, MemberPacker, independent_block
from exporter.files import PartFile
from exporter.formats.base import TextFormat
from exporter.model import Level, Member
from exporter.plan import Plan

# A member this long may pass 4 GiB once it is text.
_LARGE_ROWS = 8_000_000
_REREAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes for the file, and the text they were made of."""

    packed: bytes
    text: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """What is known of a contract once its last piece was made."""

    member: Member
    crc: int = 0


class Packer(Protocol):
    """Makes pieces of one contract's text; called in a thread if `heavy`."""

    heavy: bool

    def pack(self, text: bytes, *, last: bool) -> Piece: ...

    def finish(self, member: Member) -> Finished: ...


# What a container notes down of a finished contract, to go on from after a crash; JSON values.
Note = dict[str, Any]


class Container(Protocol):
    """See the module."""

    def packer(self) -> Packer: ...

    def opening(self, number: int) -> bytes: ...

    def closing(self, number: int) -> bytes: ...

    async def begin(self) -> None: ...

    async def resume(self, notes: Sequence[Note]) -> None: ...

    async def start(self, number: int, rows: int) -> None: ...

    async def add(self, piece: Piece) -> None: ...

    async def end(self, finished: Finished) -> Note | None: ...

    async def close(self, summary: Mapping[str, object]) -> None: ...


def container(plan: Plan, text: TextFormat, out: PartFile) -> Container:
    """The container that a plan asks for."""
    if not plan.spec.archive:
        return PlainFile(plan, text, out)
    if plan.spec.separate_files:
        return SeparateFiles(plan, text, out)
    return OneFile(plan, text, out)


class AsItIs:
    """A packer that leaves the text alone."""

    heavy = False

    def pack(self, text: bytes, *, last: bool) -> Piece:
        return Piece(text, b"")

    def finish(self, member: Member) -> Finished:
        return Finished(member)


class PlainFile:
    """The document itself."""

    def __init__(self, plan: Plan, text: TextFormat, out: PartFile) -> None:
        self._plan, self._text, self._out = plan, text, out

    def packer(self) -> Packer:
        return AsItIs()

    def opening(self, number: int) -> bytes:
        return self._text.before(self._plan, number)

    def closing(self, number: int) -> bytes:
        return self._text.after(self._plan, number)

    async def begin(self) -> None:
        await self._out.write(self._text.head(self._plan))

    async def resume(self, notes: Sequence[Note]) -> None:
        return

    async def start(self, number: int, rows: int) -> None:
        return

    async def add(self, piece: Piece) -> None:
        await self._out.write(piece.packed)

    async def end(self, finished: Finished) -> Note | None:
        return None

    async def close(self, summary: Mapping[str, object]) -> None:
        await self._out.write(self._text.tail(self._plan, summary))


class _Archive:
    """What both kinds of archive share: entries, metadata.json, the central directory."""

    def __init__(self, plan: Plan, text: TextFormat, out: PartFile) -> None:
        self._plan, self._text, self._out = plan, text, out
        self._level: Level = plan.spec.options.level
        self._entries: list[Entry] = []
        self._files: list[dict[str, object]] = []
        self._begun = 0
        self._body = 0
        self._large = False

    async def _start(self, name: str, *, large: bool) -> None:
        self._begun, self._large = self._out.offset, large
        await self._out.write(local_header(name, self._plan.accepted_at, large=large))
        self._body = self._out.offset

    async def _end(self, name: str, crc: int, size: int) -> None:
        packed = self._out.offset - self._body
        # Foreseen or not: sizes that need 64 bits are said in 64 bits.
        large = self._large or max(size, packed) >= LIMIT
        entry = Entry(name, self._begun, crc, size, packed, large)
        await self._out.write(descriptor(entry))
        self._entries.append(entry)

    async def _finish(self, summary: Mapping[str, object]) -> None:
        metadata = {**self._plan.metadata(), "files": self._files, "summary": dict(summary)}
        packer = MemberPacker(self._level)
        data = await asyncio.to_thread(
            lambda: packer.pack(orjson.dumps(metadata, option=orjson.OPT_INDENT_2), last=True)
        )
        await self._start("metadata.json", large=False)
        await self._out.write(data)
        await self._end("metadata.json", packer.crc, packer.size)
        directory = central_directory(self._entries, self._out.offset, self._plan.accepted_at)
        await self._out.write(directory)


class Compressing:
    """A packer for a member of its own."""

    heavy = True

    def __init__(self, level: Level) -> None:
        self._member = MemberPacker(level)

    def pack(self, text: bytes, *, last: bool) -> Piece:
        return Piece(self._member.pack(text, last=last), b"")

    def finish(self, member: Member) -> Finished:
        known = asdict(member) | {"sha256": self._member.sha256, "size": self._member.size}
        return Finished(Member(**known), self._member.crc)


class SeparateFiles(_Archive):
    """An archive with a member per contract."""

    def __init__(self, plan: Plan, text: TextFormat, out: PartFile) -> None:
        super().__init__(plan, text, out)
        self._names = plan.member_names(text.extension)

    def packer(self) -> Packer:
        return Compressing(self._level)

    def opening(self, number: int) -> bytes:
        return self._text.member_head(self._plan, number)

    def closing(self, number: int) -> bytes:
        return self._text.member_tail(self._plan, number)

    async def begin(self) -> None:
        return

    async def resume(self, notes: Sequence[Note]) -> None:
        self._files = [note["file"] for note in notes]
        self._entries = [Entry(**note["entry"]) for note in notes]

    async def start(self, number: int, rows: int) -> None:
        await self._start(self._names[number], large=rows > _LARGE_ROWS)

    async def add(self, piece: Piece) -> None:
        await self._out.write(piece.packed)

    async def end(self, finished: Finished) -> Note | None:
        name = self._names[len(self._files)]
        await self._end(name, finished.crc, finished.member.size or 0)
        self._files.append(_file(finished.member, name))
        return {"file": self._files[-1], "entry": asdict(self._entries[-1])}

    async def close(self, summary: Mapping[str, object]) -> None:
        await self._finish(summary)


class CompressingBlocks:
    """A packer for a part of a member that all contracts share."""

    heavy = True

    def __init__(self, level: Level) -> None:
        self._level = level

    def pack(self, text: bytes, *, last: bool) -> Piece:
        return Piece(independent_block(text, self._level) if text else b"", text)

    def finish(self, member: Member) -> Finished:
        return Finished(member)


class OneFile(_Archive):
    """An archive of one document and metadata.json."""

    def __init__(self, plan: Plan, text: TextFormat, out: PartFile) -> None:
        super().__init__(plan, text, out)
        self._name = f"{plan.name.removesuffix('.zip')}.{text.extension}"
        self._digest = sha256()
        self._crc = 0
        self._size = 0

    def packer(self) -> Packer:
        return CompressingBlocks(self._level)

    def opening(self, number: int) -> bytes:
        return self._text.before(self._plan, number)

    def closing(self, number: int) -> bytes:
        return self._text.after(self._plan, number)

    async def begin(self) -> None:
        await self._start(self._name, large=True)
        await self._add_text(self._text.head(self._plan))

    async def resume(self, notes: Sequence[Note]) -> None:
        """Reads what was compressed before, for the checksums of the whole member."""
        self._files = [note["file"] for note in notes]
        header = local_header(self._name, self._plan.accepted_at, large=True)
        self._begun, self._body, self._large = 0, len(header), True
        inflater = zlib.decompressobj(RAW)
        for start in range(self._body, self._out.offset, _REREAD):
            packed = await self._out.read(start, min(_REREAD, self._out.offset - start))
            while packed:
                text = await asyncio.to_thread(inflater.decompress, packed, _REREAD)
                packed = inflater.unconsumed_tail
                await asyncio.to_thread(self._sum, text)

    async def start(self, number: int, rows: int) -> None:
        return

    async def add(self, piece: Piece) -> None:
        await self._out.write(piece.packed)
        await asyncio.to_thread(self._sum, piece.text)

    async def end(self, finished: Finished) -> Note | None:
        self._files.append(_file(finished.member, self._name))
        return {"file": self._files[-1]}

    async def close(self, summary: Mapping[str, object]) -> None:
        await self._add_text(self._text.tail(self._plan, summary))
        await self._out.write(END_OF_STREAM)
        await self._end(self._name, self._crc, self._size)
        for file in self._files:
            file["sha256"] = self._digest.hexdigest()
        await self._finish(summary)

    async def _add_text(self, text: bytes) -> None:
        if text:
            await self.add(Piece(independent_block(text, self._level), text))

    def _sum(self, text: bytes) -> None:
        self._crc = isal_zlib.crc32(text, self._crc)
        self._size += len(text)
        self._digest.update(text)


def _file(member: Member, name: str) -> dict[str, object]:
    """A line of metadata.json's `files` (spec, "ZIP")."""
    return {**asdict(member), "name": name}
