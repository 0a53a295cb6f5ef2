"""One server per task database and per exports folder."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock, Timeout


class LockedError(Exception):
    """Another server holds the place; the message says which process."""


class Lock:
    """A lock file, and beside it the process id of whoever holds it. Methods block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holder = path.with_name(f"{path.name}.pid")
        self._lock = FileLock(path, is_singleton=False, thread_local=False)

    def take(self) -> None:
        """Raises LockedError; a folder that cannot be written is not locked, and says so later."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(blocking=False)
            self._holder.write_text(f"{os.getpid()}\n", "ascii")
        except Timeout:
            raise LockedError(
                f"{self._path.parent} is in use by another server (process {self._who()});"
                " stop it, or give this one its own --exports and --tasks"
            ) from None
        except OSError:
            # Nobody can write there, so nobody can harm it; exports say what is wrong.
            return

    def release(self) -> None:
        if self._lock.is_locked:
            self._holder.unlink(missing_ok=True)
            self._lock.release()

    def _who(self) -> str:
        try:
            return self._holder.read_text("ascii").strip() or "unknown"
        except OSError:
            return "unknown"
