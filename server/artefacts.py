"""The exports folder: one folder per task, named by its id, with one file under its final name."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from exporter.errors import Code, ExportError
from exporter.files import full, storage, sync_folder
from server.cli_text import size_text
from server.states import State
from server.tasks import Task

# Times of tasks are kept in milliseconds, cut off.
_PRECISION_S = 0.001
_MOST_HASHED = 1000


# What opening says of a path that leads to no file of ours.
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO}


@dataclass(frozen=True, slots=True)
class Swept:
    """What a clean-up removed; `bytes` counts file sizes."""

    removed: int = 0
    bytes: int = 0

    def __add__(self, other: Swept) -> Swept:
        return Swept(self.removed + other.removed, self.bytes + other.bytes)


class Artefacts:
    """All methods block: call them in a thread."""

    def __init__(self, root: Path, keep_free: int) -> None:
        self.root = root
        self._keep_free = keep_free
        self._hashed: dict[tuple[str, int, int, int], bool] = {}

    def folder(self, task_id: str) -> Path:
        return self.root / task_id

    def prepare(self) -> None:
        """Make the folder and see that it can be written. Raises ExportError(STORAGE_*)."""
        with storage(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            if not os.access(self.root, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
        if shutil.disk_usage(self.root).free < self._keep_free:
            raise full(self.root)

    def usage(self) -> tuple[int, int]:
        """Free and total bytes of the disk; of the nearest folder that exists."""
        folder = self.root.absolute()
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        disk = shutil.disk_usage(folder)
        return disk.free, disk.total

    def room(self) -> int:
        """Bytes that exports may still write; the rest of the free space is to be kept."""
        return max(0, self.usage()[0] - self._keep_free)

    def reserve(self, size: int) -> None:
        """Raises ExportError(STORAGE_FULL), which names both, if there is no room for `size`."""
        room = self.room()
        if size > room:
            kept = f", besides {size_text(self._keep_free)} to keep free" if self._keep_free else ""
            raise ExportError(
                Code.STORAGE_FULL,
                f"the export would have about {size_text(size)} and the disk of {self.root} has"
                f" {size_text(room)} for it{kept}; choose less, delete old exports or choose"
                " another folder",
            )

    def open(self, task: Task) -> BinaryIO | None:
        """The artefact of a completed task if it is the regular file that was written, else None.

        Symbolic links are refused wherever they stand, on the way or at its end. A file that was
        touched since it was finished is hashed once more: whoever resumes a download by its tag
        must get the rest of the same bytes. A file that is there and cannot be read now raises
        ExportError(STORAGE_FAILED).
        """
        folder = self.folder(task.task_id)
        name = task.file_name or ""
        path = folder / name
        if not name or Path(name).name != name or folder.is_symlink() or path.is_symlink():
            return None
        if path.resolve().parent != (self.root.resolve() / task.task_id):
            return None
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            handle = os.open(path, flags)
        except OSError as error:
            if error.errno in _NOT_THERE:
                return None
            raise _unreadable(name, error) from error
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size != task.size:
            os.close(handle)
            return None
        file = os.fdopen(handle, "rb", buffering=0)
        try:
            as_written = self._as_written(file, task)
        except OSError as error:
            file.close()
            raise _unreadable(name, error) from error
        if not as_written:
            file.close()
            return None
        return file

    def _as_written(self, file: FileIO, task: Task) -> bool:
        found = os.fstat(file.fileno())
        touched = max(found.st_mtime, found.st_ctime)
        if task.finished_at is None or task.sha256 is None:
            return False
        if touched <= datetime.fromisoformat(task.finished_at).timestamp() + _PRECISION_S:
            return True
        state = (task.sha256, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
        if state not in self._hashed:
            if len(self._hashed) >= _MOST_HASHED:
                self._hashed.clear()
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            self._hashed[state] = digest == task.sha256
        return self._hashed[state]

    def remove(self, task_id: str) -> Swept:
        """Remove a task's folder with the files in it; what is not ours to remove stays."""
        folder = self.folder(task_id)
        if not _is_task_id(task_id) or folder.is_symlink() or not folder.is_dir():
            return Swept()
        swept = Swept()
        with storage(self.root):
            for entry in list(os.scandir(folder)):
                if entry.is_dir(follow_symlinks=False):
                    continue
                size = entry.stat(follow_symlinks=False).st_size
                os.unlink(entry.path)
                swept += Swept(1, size)
        try:
            folder.rmdir()
        except OSError:
            return swept  # Somebody keeps something of their own in it.
        sync_folder(self.root)
        return swept

    def sweep(self, known: Mapping[str, State]) -> Swept:
        """Remove what no task can use any more: folders without a task, parts of finished ones.

        Only folders named by a task id are looked into; nothing else in the exports folder is
        touched.
        """
        swept = Swept()
        if not self.root.is_dir():
            return swept
        with storage(self.root):
            entries = [entry.name for entry in os.scandir(self.root) if _is_task_id(entry.name)]
        for name in entries:
            state = known.get(name)
            if state is None:
                swept += self.remove(name)
            elif state is State.COMPLETED:
                swept += self._parts(name)
        return swept

    def _parts(self, task_id: str) -> Swept:
        swept = Swept()
        folder = self.folder(task_id)
        if folder.is_symlink() or not folder.is_dir():
            return swept
        for path in folder.iterdir():
            if path.suffix in {".part", ".notes"} and not path.is_dir():
                swept += Swept(1, path.lstat().st_size)
                path.unlink()
        return swept


def _is_task_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _unreadable(name: str, error: OSError) -> ExportError:
    return ExportError(Code.STORAGE_FAILED, f"{name} cannot be read now: {error.strerror}")


def missing(name: str | None) -> ExportError:
    return ExportError(Code.STORAGE_FAILED, f"{name} is no longer in the exports folder")
