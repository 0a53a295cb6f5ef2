"""A document compressed as it is written: gzip and Zstandard.

Each piece is compressed where it was read, and for itself, so that readers work side by side and
an interrupted export goes on between two contracts. What comes out is the usual file of its kind:
gzip has one member, Zstandard one frame after the other, which its readers take for one text.
"""

from __future__ import annotations

import asyncio
import struct
import sys
import zlib
from collections.abc import AsyncIterator, Mapping

from isal import isal_zlib

from exporter.deflate import END_OF_STREAM, RAW, independent_block
from exporter.files import PartFile
from exporter.formats.base import TextFormat
from exporter.model import Level, Member
from exporter.notes import Notes
from exporter.pieces import Finished, Packer, Parts, Piece, PlainFile
from exporter.plan import Plan

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_REREAD = 1 << 20
_GZIP = b"\x1f\x8b\x08\x00"
# Nothing is said of the compressor, and "unknown" of the system: the bytes are the same anywhere.
_GZIP_REST = b"\x00\xff"
_32_BITS = 0xFFFFFFFF
_STRENGTHS: Mapping[Level, int] = {Level.FAST: 1, Level.BALANCED: 3, Level.SMALL: 9}


async def inflated(out: PartFile, start: int) -> AsyncIterator[bytes]:
    """The text of what was deflated from offset `start` to the end of a part file."""
    inflater = zlib.decompressobj(RAW)
    for place in range(start, out.offset, _REREAD):
        packed = await out.read(place, min(_REREAD, out.offset - place))
        while packed:
            yield await asyncio.to_thread(inflater.decompress, packed, _REREAD)
            packed = inflater.unconsumed_tail


class CompressingBlocks:
    """A packer for a part of a member that all contracts share."""

    heavy = True

    def __init__(self, level: Level) -> None:
        self._level = level

    def pack(self, text: Parts, *, last: bool) -> Piece:
        return Piece((independent_block(text, self._level),), text)

    def finish(self, member: Member) -> Finished:
        return Finished(member)


class GzipFile(PlainFile):
    """A gzip file of one member; its time is the moment the export was accepted."""

    def __init__(self, plan: Plan, text: TextFormat, out: PartFile) -> None:
        super().__init__(plan, text, out)
        self._part = out
        self._level = plan.spec.options.level
        self._header = _GZIP + struct.pack("<L", _mtime(plan)) + _GZIP_REST
        self._crc = 0
        self._size = 0

    def packer(self) -> Packer:
        return CompressingBlocks(self._level)

    async def begin(self) -> None:
        await self._out.write(self._header)
        await self._add_text(self._text.head(self._plan))

    async def resume(self, contracts: int) -> None:
        """Reads what was compressed before, for the checksum of the whole."""
        async for text in inflated(self._part, len(self._header)):
            self._sum((text,))

    async def add(self, piece: Piece) -> None:
        await self._out.write(*piece.packed)
        self._sum(piece.text)

    async def close(self, summary: Mapping[str, object], notes: Notes | None = None) -> None:
        await self._add_text(self._text.tail(self._plan, summary))
        trailer = struct.pack("<LL", self._crc, self._size & _32_BITS)
        await self._out.write(END_OF_STREAM, trailer)

    async def _add_text(self, text: bytes) -> None:
        await self.add(Piece((independent_block((text,), self._level),), (text,)))

    def _sum(self, text: Parts) -> None:
        for part in text:
            self._crc = isal_zlib.crc32(part, self._crc)
            self._size += len(part)


class CompressingFrames:
    """A packer that makes a Zstandard frame of each piece."""

    heavy = True

    def __init__(self, level: Level) -> None:
        self._level = level

    def pack(self, text: Parts, *, last: bool) -> Piece:
        return Piece((frame(b"".join(text), self._level),))

    def finish(self, member: Member) -> Finished:
        return Finished(member)


class ZstdFile(PlainFile):
    """Zstandard frames, each with its size and checksum."""

    def __init__(self, plan: Plan, text: TextFormat, out: PartFile) -> None:
        super().__init__(plan, text, out)
        self._level = plan.spec.options.level

    def packer(self) -> Packer:
        return CompressingFrames(self._level)

    async def begin(self) -> None:
        await self._out.write(frame(self._text.head(self._plan), self._level))

    async def close(self, summary: Mapping[str, object], notes: Notes | None = None) -> None:
        await self._out.write(frame(self._text.tail(self._plan, summary), self._level))


def frame(text: bytes, level: Level) -> bytes:
    """A whole frame; nothing for no text."""
    if not text:
        return b""
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: _STRENGTHS[level],
        zstd.CompressionParameter.checksum_flag: 1,
    }
    return zstd.compress(text, options=options)


def _mtime(plan: Plan) -> int:
    return int(plan.accepted_at.timestamp()) & _32_BITS
