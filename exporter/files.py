"""The artefact while it is being written: beside its final name, hashed as it grows.

Order of publishing: part file, fsync, rename, fsync of the folders (docs/states.md).
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Coroutine, Generator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import aiofiles
from aiofiles.threadpool.binary import AsyncBufferedIOBase

from exporter.errors import Code, ExportError

T = TypeVar("T")

_BUFFER = 1 << 20
_LOOK_AT_DISK_EVERY = 64 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


@contextmanager
def storage(folder: Path) -> Generator[None]:
    """Turns errors of the file system into ExportErrors that say what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise full(folder) from error
        if error.errno in _DENIED:
            raise ExportError(
                Code.STORAGE_DENIED,
                f"the exports folder {folder} cannot be written ({error.strerror}); check its"
                " rights or choose another with --exports",
            ) from error
        raise ExportError(
            Code.STORAGE_FAILED, f"writing to {folder} failed: {error.strerror or error}"
        ) from error


def full(folder: Path) -> ExportError:
    return ExportError(
        Code.STORAGE_FULL,
        f"the disk of {folder} has no room left; delete old exports or choose another folder",
    )


async def unbroken(action: Coroutine[Any, Any, T]) -> T:
    """Runs `action` to its end even if the caller is cancelled meanwhile, and only then gives way.

    A thread cannot be cancelled: closing a file under its write would be worse than waiting.
    """
    task = asyncio.ensure_future(action)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except BaseException:
            break
    if cancelled is not None:
        # The outcome is of no use to a caller who has left, but must not be reported as unseen.
        task.exception()
        raise cancelled
    return task.result()


class Sink(Protocol):
    """Where an export's bytes go; `offset` counts them."""

    offset: int

    async def write(self, *parts: bytes) -> None: ...


class PartFile:
    """`<name>.part` in the task's folder; `publish` gives it its name once it is whole."""

    def __init__(self, folder: Path, name: str, *, keep_free: int = 0) -> None:
        self.final = folder / name
        self.part = folder / f"{name}.part"
        self.offset = 0
        self._folder = folder
        self._keep_free = keep_free
        self._looked_at = 0
        self._file: AsyncBufferedIOBase | None = None
        self._digest = sha256()
        self._pending: list[bytes] = []
        self._held = 0
        self._renamed = False

    @property
    def digest(self) -> str:
        """SHA-256 of all that was flushed."""
        return self._digest.copy().hexdigest()

    async def create(self) -> None:
        """Begin an empty part file, in a folder that is made if need be."""
        with storage(self._folder):
            await unbroken(asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True))
            await self._open("w+b")

    async def reopen(self, offset: int, digest: str) -> bool:
        """Go on after `offset` bytes if they are there and their SHA-256 is `digest`."""
        with storage(self._folder):
            if not await asyncio.to_thread(self.part.is_file):
                return False
            file = await self._open("r+b")
            left = offset
            while left:
                data = await file.read(min(_BUFFER, left))
                if not data:
                    break
                await asyncio.to_thread(self._digest.update, data)
                left -= len(data)
            if left or self.digest != digest:
                await self.close()
                self._digest = sha256()
                return False
            await file.truncate(offset)
            await file.seek(offset)
        self.offset = offset
        return True

    async def read(self, start: int, size: int) -> bytes:
        """Bytes that were written earlier, for work that goes on after a restart."""
        assert self._file is not None
        with storage(self._folder):
            await self._file.seek(start)
            data = await self._file.read(size)
            await self._file.seek(self.offset)
            return bytes(data)

    async def write(self, *parts: bytes) -> None:
        """Append; large enough heaps go to the disk, so memory stays bounded."""
        self._pending += parts
        size = sum(map(len, parts))
        self._held += size
        self.offset += size
        if self._held >= _BUFFER:
            await self.flush()

    async def flush(self) -> None:
        if not self._pending:
            return
        assert self._file is not None
        heap, self._pending, self._held = self._pending, [], 0
        with storage(self._folder):
            await unbroken(self._write_and_hash(heap))
            if self._keep_free and self.offset - self._looked_at >= _LOOK_AT_DISK_EVERY:
                self._looked_at = self.offset
                usage = await asyncio.to_thread(shutil.disk_usage, self._folder)
                if usage.free < self._keep_free:
                    raise full(self._folder)

    async def hand_over(self) -> None:
        """All that was written is with the system afterwards, hashed, and perhaps on the disk."""
        await self.flush()
        assert self._file is not None
        with storage(self._folder):
            await self._file.flush()

    async def sync(self) -> None:
        """All that was handed over is on the disk afterwards; writing may go on meanwhile."""
        assert self._file is not None
        with storage(self._folder):
            await unbroken(asyncio.to_thread(os.fsync, self._file.fileno()))

    async def publish(self) -> tuple[int, str]:
        """Give the whole file its final name; its size and SHA-256."""
        await self.hand_over()
        await self.sync()
        await self.close()
        with storage(self._folder):
            await unbroken(asyncio.to_thread(self._rename))
        return self.offset, self.digest

    async def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with storage(self._folder):
                await unbroken(file.close())

    async def discard(self) -> None:
        """Close and remove the file; the folder too if nothing else is in it."""
        with storage(self._folder):
            try:
                await self.close()
            finally:
                await unbroken(asyncio.to_thread(self._remove))

    async def _open(self, mode: Literal["w+b", "r+b"]) -> AsyncBufferedIOBase:
        async def opened() -> AsyncBufferedIOBase:
            self._file = await aiofiles.open(self.part, mode)
            return self._file

        # A thread opens it even if nobody waits any more: then `close` must find it.
        return await unbroken(opened())

    async def _write_and_hash(self, heap: Sequence[bytes]) -> None:
        assert self._file is not None
        await asyncio.gather(self._file.writelines(heap), asyncio.to_thread(self._hash, heap))

    def _hash(self, heap: Sequence[bytes]) -> None:
        for part in heap:
            self._digest.update(part)

    def _rename(self) -> None:
        os.replace(self.part, self.final)
        self._renamed = True
        sync_folder(self._folder)
        sync_folder(self._folder.parent)

    def _remove(self) -> None:
        self.part.unlink(missing_ok=True)
        if self._renamed:
            # Whoever left after the rename was told of no artefact, so there must be none.
            self.final.unlink(missing_ok=True)
        try:
            self._folder.rmdir()
        except OSError:
            return  # It holds something else, or is gone already: both are as they should be.


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` last through a power cut, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
