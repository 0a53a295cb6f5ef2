"""Raw deflate at three levels. Which library and level serve which is measured in docs."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from hashlib import sha256, sha512
from typing import Protocol

from isal import igzip_lib, isal_zlib

from exporter.model import Level

RAW = -zlib.MAX_WBITS
# An empty last block: ends a stream whose other blocks were flushed on byte boundaries.
END_OF_STREAM = b"\x03\x00"
# isal's levels; the smallest files are zlib's.
_STRENGTH = {Level.FAST: 1, Level.BALANCED: 3}
_GZIP_HEAD, _GZIP_TAIL = 10, 8
_SOMETHING = bytes(256)


def clear_registers() -> None:
    """Call in the thread that has used isal, before it goes on with other work.

    isal leaves the wide vector registers of x86 dirty, after which all arithmetic with doubles in
    that thread is slower: SQLite took a quarter more time to print rows, until OpenSSL's SHA-512,
    which ends by clearing them, had run once (docs/performance.md).
    """
    sha512(_SOMETHING).digest()


class Deflater(Protocol):
    """A zlib compressobj."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self, mode: int = ..., /) -> bytes: ...


def deflater(level: Level) -> Deflater:
    """A compressor for one stream of raw deflate."""
    if level is Level.SMALL:
        return zlib.compressobj(6, zlib.DEFLATED, RAW)
    compressor: Deflater = isal_zlib.compressobj(_STRENGTH[level], isal_zlib.DEFLATED, RAW)
    return compressor


def independent_block(text: Sequence[bytes], level: Level) -> bytes:
    """`text` as blocks of a stream that can be joined to others and followed by an end."""
    if not any(text):
        return b""
    compressor = deflater(level)
    packed = [compressor.compress(part) for part in text]
    packed.append(compressor.flush(zlib.Z_FULL_FLUSH))
    clear_registers()
    return b"".join(packed)


class MemberPacker:
    """One archive member as a stream: what goes in is counted, summed and compressed.

    Runs where it is called; the heavy calls release the GIL.
    """

    def __init__(self, level: Level) -> None:
        self._level = level
        self._deflater: Deflater | None = None
        self._digest = sha256()
        self.crc = 0
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def pack(self, data: bytes, *, last: bool) -> bytes:
        """The compressed bytes that are ready; all of them after the `last` data."""
        try:
            return self._packed(data, last)
        finally:
            clear_registers()

    def _packed(self, data: bytes, last: bool) -> bytes:
        self._digest.update(data)
        self.size += len(data)
        if last and self._deflater is None and self._level is not Level.SMALL:
            return self._at_once(data)
        self.crc = isal_zlib.crc32(data, self.crc)
        self._deflater = self._deflater or deflater(self._level)
        packed = self._deflater.compress(data)
        return packed + self._deflater.flush() if last else packed

    def _at_once(self, data: bytes) -> bytes:
        """The same bytes and their checksum in one call: threads wait for each other less often."""
        packed = igzip_lib.compress(data, _STRENGTH[self._level], igzip_lib.COMP_GZIP)
        self.crc = int.from_bytes(packed[-_GZIP_TAIL : -_GZIP_TAIL + 4], "little")
        return packed[_GZIP_HEAD:-_GZIP_TAIL]
