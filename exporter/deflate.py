"""Raw deflate at three levels. Which library and level serve which is measured in docs."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from hashlib import sha256
from typing import Protocol

from isal import isal_zlib

from exporter.model import Level

RAW = -zlib.MAX_WBITS
# An empty last block: ends a stream whose other blocks were flushed on byte boundaries.
END_OF_STREAM = b"\x03\x00"


class Deflater(Protocol):
    """A zlib compressobj."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self, mode: int = ..., /) -> bytes: ...


def deflater(level: Level) -> Deflater:
    """A compressor for one stream of raw deflate."""
    if level is Level.SMALL:
        return zlib.compressobj(6, zlib.DEFLATED, RAW)
    strength = 1 if level is Level.FAST else 3
    compressor: Deflater = isal_zlib.compressobj(strength, isal_zlib.DEFLATED, RAW)
    return compressor


def independent_block(text: Sequence[bytes], level: Level) -> bytes:
    """`text` as blocks of a stream that can be joined to others and followed by an end."""
    if not any(text):
        return b""
    compressor = deflater(level)
    packed = [compressor.compress(part) for part in text]
    return b"".join((*packed, compressor.flush(zlib.Z_FULL_FLUSH)))


class MemberPacker:
    """One archive member as a stream: what goes in is counted, summed and compressed.

    Runs where it is called; the heavy calls release the GIL.
    """

    def __init__(self, level: Level) -> None:
        self._deflater = deflater(level)
        self._digest = sha256()
        self.crc = 0
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def pack(self, data: bytes, *, last: bool) -> bytes:
        """The compressed bytes that are ready; all of them after the `last` data."""
        self.crc = isal_zlib.crc32(data, self.crc)
        self.size += len(data)
        self._digest.update(data)
        packed = self._deflater.compress(data)
        return packed + self._deflater.flush() if last else packed
