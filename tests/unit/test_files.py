"""The file under its part name, the call that cannot be broken off, and errors of the storage."""

from __future__ import annotations

import asyncio
import errno
import os
from hashlib import sha256
from pathlib import Path

import pytest

from exporter.errors import Code, ExportError
from exporter.files import PartFile, storage, sync_folder, unbroken


async def test_unbroken_gives_the_result() -> None:
    async def action() -> int:
        return 7

    assert await unbroken(action()) == 7


async def test_unbroken_raises_what_the_action_raises() -> None:
    async def action() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await unbroken(action())


@pytest.mark.parametrize("cancels", [1, 3])
async def test_unbroken_runs_to_its_end_and_then_gives_way(cancels: int) -> None:
    begun, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def action() -> None:
        begun.set()
        await go.wait()
        done.set()

    task = asyncio.create_task(unbroken(action()))
    await begun.wait()
    for _ in range(cancels):
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()


async def test_unbroken_forgets_the_error_of_an_action_nobody_waits_for() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def action() -> None:
        begun.set()
        await go.wait()
        raise KeyError("x")

    task = asyncio.create_task(unbroken(action()))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_unbroken_gives_way_if_the_action_itself_was_cancelled() -> None:
    async def action() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await unbroken(action())


async def test_a_part_becomes_the_file_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    out = PartFile(folder, "x.csv")
    await out.create()
    data = [b"a" * 10, b"b" * (3 << 20), b"", b"c"]
    for piece in data:
        await out.write(piece)
        assert not out.final.exists()
    content = b"".join(data)
    assert out.offset == len(content)
    assert await out.publish() == (len(content), sha256(content).hexdigest())
    assert out.final.read_bytes() == content
    assert list(folder.iterdir()) == [out.final]


async def test_a_part_goes_on_where_it_was_left(tmp_path: Path) -> None:
    out = PartFile(tmp_path, "x.csv")
    await out.create()
    await out.write(b"kept")
    await out.hand_over()
    await out.sync()
    offset, digest = out.offset, out.digest
    await out.write(b" lost")
    await out.hand_over()
    await out.sync()
    await out.close()

    again = PartFile(tmp_path, "x.csv")
    assert await again.reopen(offset, digest)
    assert await again.read(1, 2) == b"ep"
    await again.write(b" and more")
    size, whole = await again.publish()
    assert again.final.read_bytes() == b"kept and more"
    assert (size, whole) == (13, sha256(b"kept and more").hexdigest())


@pytest.mark.parametrize("offset", [3, 5])
async def test_a_part_that_is_another_is_not_reopened(offset: int, tmp_path: Path) -> None:
    (tmp_path / "x.csv.part").write_bytes(b"kept")
    out = PartFile(tmp_path, "x.csv")
    assert not await out.reopen(offset, sha256(b"kept").hexdigest())
    assert not await PartFile(tmp_path, "y.csv").reopen(0, "")
    await out.create()
    await out.write(b"new")
    assert await out.publish() == (3, sha256(b"new").hexdigest())


async def test_discarding_takes_the_folder_too_if_it_is_empty(tmp_path: Path) -> None:
    for others in ([], ["mine"]):
        folder = tmp_path / "out"
        out = PartFile(folder, "x.csv")
        await out.create()
        for name in others:
            (folder / name).touch()
        await out.write(b"x")
        await out.discard()
        await out.discard()
        assert [path.name for path in folder.glob("*")] == others


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, Code.STORAGE_FULL),
        (errno.EDQUOT, Code.STORAGE_FULL),
        (errno.EFBIG, Code.STORAGE_FULL),
        (errno.EACCES, Code.STORAGE_DENIED),
        (errno.EPERM, Code.STORAGE_DENIED),
        (errno.EROFS, Code.STORAGE_DENIED),
        (errno.ENOTDIR, Code.STORAGE_DENIED),
        (errno.EIO, Code.STORAGE_FAILED),
    ],
)
def test_an_error_of_the_storage_says_what_to_do(number: int, code: Code, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as failed, storage(tmp_path):
        raise OSError(number, os.strerror(number))
    assert failed.value.code is code
    assert str(tmp_path) in failed.value.message


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), storage(Path()):
        raise KeyError("x")


def test_a_folder_that_is_not_there_cannot_be_synced(tmp_path: Path) -> None:
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "none")
