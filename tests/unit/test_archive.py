"""Archives at the borders of the format, by arithmetic and sparse files, read by other programs."""

from __future__ import annotations

import io
import subprocess
import zipfile
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.archive import (
    LIMIT,
    Entry,
    central_header,
    descriptor,
    end_of_directory,
    local_header,
)
from exporter.deflate import END_OF_STREAM, RAW, MemberPacker, independent_block
from exporter.model import IST, Level

AT = datetime(2025, 9, 19, 9, 14, 57, tzinfo=IST)
GIB = 1 << 30


def member(name: str, data: bytes, offset: int, *, large: bool = False) -> tuple[bytes, Entry]:
    """A member's bytes, and what the directory says of it."""
    packer = MemberPacker(Level.BALANCED)
    packed = packer.pack(data, last=True)
    entry = Entry(name, offset, packer.crc, packer.size, len(packed), large)
    return local_header(name, AT, large=large) + packed + descriptor(entry), entry


def central_directory(entries: Sequence[Entry], start: int, moment: datetime) -> bytes:
    """What an archive ends with; `start` is the offset at which it stands."""
    headers = b"".join(central_header(entry, moment) for entry in entries)
    return headers + end_of_directory(len(entries), start, len(headers))


def accepted(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("large", [False, True])
def test_a_small_archive(large: bool, tmp_path: Path) -> None:
    body, entries = b"", []
    for number, data in enumerate([b"", b"x", b"line\n" * 10**5]):
        piece, entry = member(f"M&M-{number}.csv", data, len(body), large=large)
        body += piece
        entries.append(entry)
    content = body + central_directory(entries, len(body), AT)
    path = tmp_path / "small.zip"
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.read("M&M-2.csv") == b"line\n" * 10**5
        for info in archive.infolist():
            assert info.date_time == (2025, 9, 19, 9, 14, 56)
            assert info.external_attr >> 16 == 0o100644
    accepted("unzip", "-tqq", str(path))
    accepted("7z", "t", str(path))


def test_the_time_is_indian() -> None:
    piece, entry = member("x", b"x", 0)
    moment = datetime(2025, 12, 31, 20, 0, tzinfo=UTC)
    with zipfile.ZipFile(
        io.BytesIO(piece + central_directory([entry], len(piece), moment))
    ) as archive:
        assert archive.infolist()[0].date_time == (2026, 1, 1, 1, 30, 0)


def test_no_member_at_all() -> None:
    with zipfile.ZipFile(io.BytesIO(central_directory([], 0, AT))) as archive:
        assert archive.namelist() == []


def test_an_archive_beyond_four_gib(tmp_path: Path) -> None:
    """A hole of five GiB between two members: offsets need 64 bits, the disk holds two blocks."""
    path = tmp_path / "far.zip"
    hole = 5 * GIB
    first, first_entry = member("first.csv", b"a\n", 0)
    second, second_entry = member("second.csv", b"b\n", hole)
    with path.open("wb") as file:
        file.write(first)
        file.seek(hole)
        file.write(second)
        file.write(central_directory([first_entry, second_entry], hole + len(second), AT))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.read("second.csv") == b"b\n"
        assert archive.getinfo("second.csv").header_offset == hole
    accepted("unzip", "-tqq", str(path))
    assert "second.csv" in accepted("7z", "l", str(path))


@pytest.mark.parametrize("foreseen", [True, False])
def test_a_member_beyond_four_gib(foreseen: bool, tmp_path: Path) -> None:
    """One compressed block again and again: five GiB of text in a few MiB."""
    text = b"0" * (1 << 24)
    block = independent_block((text,), Level.SMALL)
    times = 5 * GIB // len(text)
    packed = block * times + END_OF_STREAM
    entry = Entry("big.csv", 0, 0, len(text) * times, len(packed), True)
    body = local_header("big.csv", AT, large=foreseen) + packed + descriptor(entry)
    small, small_entry = member("small.csv", b"x\n", len(body))
    body += small
    path = tmp_path / "big.zip"
    path.write_bytes(body + central_directory([entry, small_entry], len(body), AT))
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("big.csv")
        assert (info.file_size, info.compress_size) == (5 * GIB, len(packed))
        with archive.open("big.csv") as stream:
            assert stream.read(1 << 20) == b"0" * (1 << 20)
        assert archive.read("small.csv") == b"x\n"
    assert str(5 * GIB) in accepted("unzip", "-l", str(path))
    assert str(5 * GIB) in accepted("7z", "l", str(path))
    accepted("unzip", "-tqq", str(path), "small.csv")


def test_more_members_than_sixteen_bits_count(tmp_path: Path) -> None:
    body, entries = io.BytesIO(), []
    for number in range(65_536):
        piece, entry = member(f"{number}.csv", b"", body.tell())
        body.write(piece)
        entries.append(entry)
    start = body.tell()
    body.write(central_directory(entries, start, AT))
    with zipfile.ZipFile(body) as archive:
        assert len(archive.namelist()) == 65_536
        assert archive.read("65535.csv") == b""
    path = tmp_path / "many.zip"
    path.write_bytes(body.getvalue())
    assert "65536 files" in accepted("unzip", "-l", str(path))


borders = st.sampled_from([0, 1, LIMIT - 1, LIMIT, LIMIT + 1, 1 << 40])


@given(borders, borders, borders, st.booleans())
def test_the_directory_says_any_size(size: int, packed: int, offset: int, large: bool) -> None:
    entry = Entry("x", offset, 1, size, packed, large)
    directory = central_directory([entry], offset + packed, AT)
    start = (offset + packed).to_bytes(8, "little")
    wide = offset + packed >= LIMIT
    assert (b"PK\x06\x06" in directory) == (b"PK\x06\x07" in directory) == wide
    assert not wide or start in directory
    for value in (size, packed, offset):
        if value >= LIMIT:
            assert value.to_bytes(8, "little") in directory


@pytest.mark.parametrize("level", Level)
@given(pieces=st.lists(st.binary(max_size=200) | st.just(b"NIFTY16SEP25C22700," * 500)))
def test_blocks_join_into_one_stream(level: Level, pieces: list[bytes]) -> None:
    stream = b"".join(independent_block((piece,), level) for piece in pieces) + END_OF_STREAM
    inflater = zlib.decompressobj(RAW)
    assert inflater.decompress(stream) == b"".join(pieces)
    assert inflater.eof
    assert not inflater.unused_data


@pytest.mark.parametrize("level", Level)
@given(pieces=st.lists(st.binary(max_size=200) | st.just(b"NIFTY16SEP25C22700," * 500), min_size=1))
def test_a_member_is_counted_summed_and_compressed(level: Level, pieces: list[bytes]) -> None:
    packer = MemberPacker(level)
    packed = b"".join(
        packer.pack(piece, last=number == len(pieces)) for number, piece in enumerate(pieces, 1)
    )
    text = b"".join(pieces)
    assert zlib.decompress(packed, RAW) == text
    assert (packer.size, packer.crc) == (len(text), zlib.crc32(text))
    assert packer.sha256 == sha256(text).hexdigest()


def test_the_smallest_level_is_the_smallest() -> None:
    text = b"".join(b"NIFTY16SEP25C22700,%d,%d\n" % (n * n, n % 97) for n in range(20_000))
    fast, balanced, small = (len(independent_block((text,), level)) for level in Level)
    assert small < min(balanced, fast)
    assert max(balanced, fast) < len(text) // 2
