"""Where an export's file goes: the exports folder, a file or folder of the user's, or a stream.

Whatever the place, nothing stands there before the whole file does.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from exporter.errors import Code, ExportError
from exporter.files import storage, sync_folder
from exporter.naming import numbered

STDOUT = "-"
_TEMPORARY = ".expirytrack-"


class Delivery(Protocol):
    """A folder to write the artefact into, and what becomes of it then."""

    @property
    def folder(self) -> Path: ...

    def deliver(self, artefact: Path) -> str:
        """Bring the finished file to its place; returns where that is."""


@contextmanager
def delivery(output: str | None, exports: Path) -> Generator[Delivery]:
    """The delivery that `-o` asks for; what is temporary is gone afterwards.

    Raises ExportError(STORAGE_*).
    """
    if output is None:
        # Beside the server's folders, and not named like one: those it removes with their tasks.
        with storage(exports):
            exports.mkdir(parents=True, exist_ok=True)
        output = str(exports)
    target = None if output == STDOUT else Path(output)
    special = target is not None and target.exists() and not target.is_file()
    stream = target is None or (special and not target.is_dir())
    beside = None if stream or target is None else target if special else target.parent
    with _temporary(beside) as folder:
        if stream:
            yield _Streamed(folder, target)
        elif special and target is not None:
            yield _Dropped(folder, target)
        elif target is not None:
            yield _Placed(folder, target)


@contextmanager
def _temporary(beside: Path | None) -> Generator[Path]:
    """A folder on the disk of the final place, so that a rename suffices."""
    if beside is not None and not beside.is_dir():
        raise ExportError(Code.STORAGE_DENIED, f"there is no folder {beside}")
    with storage(beside or Path(tempfile.gettempdir())):
        made = tempfile.TemporaryDirectory(
            prefix=_TEMPORARY, dir=beside, ignore_cleanup_errors=True
        )
    with made as name:
        yield Path(name)


@dataclass(frozen=True, slots=True)
class _Placed:
    """The very file that was named."""

    folder: Path
    target: Path

    def deliver(self, artefact: Path) -> str:
        with storage(self.target.parent):
            os.replace(artefact, self.target)
            sync_folder(self.target.parent)
        return str(self.target)


@dataclass(frozen=True, slots=True)
class _Dropped:
    """A folder: the file keeps its name there, with a number if that is taken."""

    folder: Path
    target: Path

    def deliver(self, artefact: Path) -> str:
        number = 1
        place = self.target / artefact.name
        with storage(self.target):
            while not _claimed(artefact, place):
                number += 1
                place = self.target / numbered(artefact.name, number)
            sync_folder(self.target)
        return str(place)


@dataclass(frozen=True, slots=True)
class _Streamed:
    """Standard output, or a device or pipe that was named."""

    folder: Path
    target: Path | None

    def deliver(self, artefact: Path) -> str:
        if self.target is None:
            _pour(artefact, sys.stdout.buffer)
            return "standard output"
        with storage(self.target.parent), self.target.open("wb") as stream:
            _pour(artefact, stream)
        return str(self.target)


def _pour(artefact: Path, stream: BinaryIO) -> None:
    with artefact.open("rb") as file:
        shutil.copyfileobj(file, stream, 1 << 20)
    stream.flush()


def _claimed(artefact: Path, place: Path) -> bool:
    """Move to a name that nobody has; False if somebody has it, even since a moment ago."""
    if os.name == "nt":
        # A rename never replaces there.
        try:
            artefact.rename(place)
        except FileExistsError:
            return False
        return True
    try:
        place.hardlink_to(artefact)
    except FileExistsError:
        return False
    except OSError:
        # A file system without links: the best that is left.
        if place.exists():
            return False
        os.replace(artefact, place)
        return True
    artefact.unlink()
    return True
