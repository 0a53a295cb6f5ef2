"""What the text is put into: a file, plain or compressed, or an archive of one or of many."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256

import orjson
from isal import isal_zlib

from exporter.archive import (
    LIMIT,
    Entry,
    central_header,
    descriptor,
    end_of_directory,
    local_header,
)
from exporter.compressed import CompressingBlocks, GzipFile, ZstdFile, inflated
from exporter.deflate import END_OF_STREAM, MemberPacker, independent_block
from exporter.files import PartFile
from exporter.formats.base import TextFormat
from exporter.model import Compression, Level, Member
from exporter.notes import Note, Notes
from exporter.pieces import Container, Finished, Packer, Parts, Piece, PlainFile
from exporter.plan import Plan

# A member this long may pass 4 GiB once it is text.
_LARGE_ROWS = 8_000_000


def container(plan: Plan, text: TextFormat, out: PartFile) -> Container:
    """The container that a plan of a text format asks for."""
    if not plan.spec.archive:
        match plan.spec.options.compression:
            case Compression.GZIP:
                return GzipFile(plan, text, out)
            case Compression.ZSTD:
                return ZstdFile(plan, text, out)
        return PlainFile(plan, text, out)
    if plan.spec.separate_files:
        return SeparateFiles(plan, text, out)
    return OneFile(plan, text, out)


class ArchiveFile:
    """What all kinds of archive share: entries, metadata.json, the central directory.

    A note has the `entry` of the member that ends with its contract.
    """

    def __init__(self, plan: Plan, text: TextFormat, out: PartFile) -> None:
        self._plan, self._text, self._out = plan, text, out
        self._level: Level = plan.spec.options.level
        self._begun = 0
        self._body = 0
        self._large = False

    async def discard(self) -> None:
        return

    async def _start(self, name: str, *, large: bool) -> None:
        self._begun, self._large = self._out.offset, large
        await self._out.write(local_header(name, self._plan.accepted_at, large=large))
        self._body = self._out.offset

    async def _end(self, name: str, crc: int, size: int) -> Entry:
        packed = self._out.offset - self._body
        # Foreseen or not: sizes that need 64 bits are said in 64 bits.
        large = self._large or max(size, packed) >= LIMIT
        entry = Entry(name, self._begun, crc, size, packed, large)
        await self._out.write(descriptor(entry))
        return entry

    async def _finish(
        self, summary: Mapping[str, object], notes: Notes, document: Entry | None, **same: object
    ) -> None:
        """What follows the members: metadata.json and the directory.

        The one `document` of all contracts, if there is one, stands in no note; `same` holds in
        every line of `files`.
        """
        written = [document] if document else []
        written.append(await self._metadata(summary, notes, same))
        moment, start, entries = self._plan.accepted_at, self._out.offset, len(written)
        if document is None:
            async for chunk in notes.chunks():
                members = [Entry(**note["entry"]) for note in chunk if "entry" in note]
                entries += len(members)
                headers = (central_header(member, moment) for member in members)
                await self._out.write(b"".join(headers))
        await self._out.write(*(central_header(entry, moment) for entry in written))
        await self._out.write(end_of_directory(entries, start, self._out.offset - start))

    async def _metadata(
        self, summary: Mapping[str, object], notes: Notes, same: Mapping[str, object]
    ) -> Entry:
        metadata = {**self._plan.metadata(), "files": [], "summary": dict(summary)}
        # Text holds no line break of its own, so this stands there once.
        mark = b'\n  "files": ['
        head, _, tail = orjson.dumps(metadata, option=orjson.OPT_INDENT_2).partition(mark)
        await self._start("metadata.json", large=False)
        packer = MemberPacker(self._level)
        text, some = head + mark, False
        async for chunk in notes.chunks():
            lines = [_indented({**note["file"], **same}) for note in chunk]
            if lines:
                text += (b",\n" if some else b"\n") + b",\n".join(lines)
                some = True
            await self._out.write(await asyncio.to_thread(packer.pack, text, last=False))
            text = b""
        text += (b"\n  " if some else b"") + tail
        await self._out.write(await asyncio.to_thread(packer.pack, text, last=True))
        return await self._end("metadata.json", packer.crc, packer.size)


class Compressing:
    """A packer for a member of its own."""

    heavy = True

    def __init__(self, level: Level) -> None:
        self._member = MemberPacker(level)

    def pack(self, text: Parts, *, last: bool) -> Piece:
        return Piece((self._member.pack(b"".join(text), last=last),))

    def finish(self, member: Member) -> Finished:
        known = asdict(member) | {"sha256": self._member.sha256, "size": self._member.size}
        return Finished(Member(**known), self._member.crc)


class SeparateFiles(ArchiveFile):
    """An archive with a member per contract."""

    def __init__(self, plan: Plan, text: TextFormat, out: PartFile) -> None:
        super().__init__(plan, text, out)
        self._names = plan.member_names(text.extension)
        self._done = 0

    def packer(self) -> Packer:
        return Compressing(self._level)

    def opening(self, number: int) -> bytes:
        return self._text.member_head(self._plan, number)

    def closing(self, number: int) -> bytes:
        return self._text.member_tail(self._plan, number)

    async def begin(self) -> None:
        return

    async def resume(self, contracts: int) -> None:
        self._done = contracts

    async def start(self, number: int, rows: int) -> None:
        await self._start(self._names[number], large=rows > _LARGE_ROWS)

    async def add(self, piece: Piece) -> None:
        await self._out.write(*piece.packed)

    async def end(self, finished: Finished) -> Note | None:
        name = self._names[self._done]
        entry = await self._end(name, finished.crc, finished.member.size or 0)
        self._done += 1
        return {"file": _file(finished.member, name), "entry": asdict(entry)}

    async def close(self, summary: Mapping[str, object], notes: Notes) -> None:
        await self._finish(summary, notes, None)


class OneFile(ArchiveFile):
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

    async def resume(self, contracts: int) -> None:
        """Reads what was compressed before, for the checksums of the whole member."""
        header = local_header(self._name, self._plan.accepted_at, large=True)
        self._begun, self._body, self._large = 0, len(header), True
        async for text in inflated(self._out, self._body):
            await asyncio.to_thread(self._sum, (text,))

    async def start(self, number: int, rows: int) -> None:
        return

    async def add(self, piece: Piece) -> None:
        await self._out.write(*piece.packed)
        await asyncio.to_thread(self._sum, piece.text)

    async def end(self, finished: Finished) -> Note | None:
        return {"file": _file(finished.member, self._name)}

    async def close(self, summary: Mapping[str, object], notes: Notes) -> None:
        await self._add_text(self._text.tail(self._plan, summary))
        await self._out.write(END_OF_STREAM)
        entry = await self._end(self._name, self._crc, self._size)
        await self._finish(summary, notes, entry, sha256=self._digest.hexdigest())

    async def _add_text(self, text: bytes) -> None:
        if text:
            await self.add(Piece((independent_block((text,), self._level),), (text,)))

    def _sum(self, text: Parts) -> None:
        for part in text:
            self._crc = isal_zlib.crc32(part, self._crc)
            self._size += len(part)
            self._digest.update(part)


def _file(member: Member, name: str) -> dict[str, object]:
    """A line of metadata.json's `files` (spec, "ZIP")."""
    return {**asdict(member), "name": name}


def _indented(file: Mapping[str, object]) -> bytes:
    """A line of `files` as it stands in the indented document."""
    text = orjson.dumps(file, option=orjson.OPT_INDENT_2)
    return b"    " + text.replace(b"\n", b"\n    ")
