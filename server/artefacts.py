"""The exports folder: one folder per task, named by its id, with one file under its final name."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from exporter.errors import Code, ExportError
from exporter.files import full, storage, sync_folder
from server.cli_text import size_text
from server.states import State


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

    def open(self, task_id: str, name: str, size: int) -> BinaryIO | None:
        """The artefact if it is a regular file of this size inside the folder, else None.

        Symbolic links are refused wherever they stand, on the way or at its end.
        """
        folder = self.folder(task_id)
        path = folder / name
        if Path(name).name != name or folder.is_symlink() or path.is_symlink():
            return None
        if path.resolve().parent != (self.root.resolve() / task_id):
            return None
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            handle = os.open(path, flags)
        except OSError:
            return None
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size:
            os.close(handle)
            return None
        return os.fdopen(handle, "rb", buffering=0)

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


def missing(name: str | None) -> ExportError:
    return ExportError(Code.STORAGE_FAILED, f"{name} is no longer in the exports folder")
