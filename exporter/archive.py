"""Headers and central directory of a ZIP archive whose members come already compressed.

`zipfile` cannot take compressed data; its ZipInfo still writes the local headers. Sizes follow
each member in a data descriptor, so the file is written front to back. ZIP64 where needed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from zipfile import ZIP_DEFLATED, ZipInfo

from exporter.model import IST

_SIZES_FOLLOW = 0x08
# Sizes and offsets from here on need 64 bits.
LIMIT = 0xFFFFFFFF
_MANY = 0xFFFF
_VERSION, _VERSION_64 = 20, 45
_MADE_ON_UNIX = 3
_REGULAR_FILE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One finished member: where its local header is, and what it holds."""

    name: str
    offset: int
    crc: int
    size: int
    packed: int
    large: bool


def local_header(name: str, moment: datetime, *, large: bool) -> bytes:
    """What stands before a member; `large` leaves room for sizes over 4 GiB."""
    info = ZipInfo(name, _dos_time(moment))
    info.compress_type = ZIP_DEFLATED
    info.create_system = _MADE_ON_UNIX
    info.external_attr = _REGULAR_FILE
    info.flag_bits |= _SIZES_FOLLOW
    return info.FileHeader(zip64=large)


def descriptor(entry: Entry) -> bytes:
    """What stands after a member: checksum and sizes."""
    layout = "<4sLQQ" if entry.large else "<4sLLL"
    return struct.pack(layout, b"PK\x07\x08", entry.crc, entry.packed, entry.size)


def end_of_directory(entries: int, start: int, size: int) -> bytes:
    """What an archive ends with, after `entries` central headers: `size` bytes from `start` on."""
    parts = []
    if entries >= _MANY or start >= LIMIT or size >= LIMIT:
        parts.append(
            struct.pack(
                "<4sQHHLLQQQQ", b"PK\x06\x06", 44, _VERSION_64, _VERSION_64, 0, 0,
                entries, entries, size, start,
            )
        )  # fmt: skip
        parts.append(struct.pack("<4sLQL", b"PK\x06\x07", 0, start + size, 1))
    count = min(entries, _MANY)
    parts.append(
        struct.pack(
            "<4sHHHHLLH", b"PK\x05\x06", 0, 0, count, count, min(size, LIMIT),
            min(start, LIMIT), 0,
        )
    )  # fmt: skip
    return b"".join(parts)


def central_header(entry: Entry, moment: datetime) -> bytes:
    """A member's line of the directory at the end of an archive."""
    year, month, day, hour, minute, second = _dos_time(moment)
    wide = [
        value for value in (entry.size, entry.packed, entry.offset) if value >= LIMIT
    ]  # fmt: skip
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    version = _VERSION_64 if wide or entry.large else _VERSION
    name = entry.name.encode("ascii")
    header = struct.pack(
        "<4sBBHHHHHLLLHHHHHLL",
        b"PK\x01\x02",
        version,
        _MADE_ON_UNIX,
        version,
        _SIZES_FOLLOW,
        ZIP_DEFLATED,
        hour << 11 | minute << 5 | second // 2,
        year - 1980 << 9 | month << 5 | day,
        entry.crc,
        min(entry.packed, LIMIT),
        min(entry.size, LIMIT),
        len(name),
        len(extra),
        0,
        0,
        0,
        _REGULAR_FILE,
        min(entry.offset, LIMIT),
    )
    return header + name + extra


def _dos_time(moment: datetime) -> tuple[int, int, int, int, int, int]:
    local = moment.astimezone(IST)
    return local.year, local.month, local.day, local.hour, local.minute, local.second
