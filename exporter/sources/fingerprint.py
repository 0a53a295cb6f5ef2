"""How a database file says that its content is still the same.

Numbers, sizes and times of the file and of its write-ahead log; every commit writes to one of
them. They are only ever looked at from outside: closing a second handle to a file would drop
the locks that SQLite holds on it in this process.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

# Two writes within a tick of the file system's clock may leave one time behind, so what was
# found less than this after a write holds for the moment but is not remembered. A write that
# seems to lie ahead, because the clock was set back, cannot share its time with one now either.
_SETTLED_AFTER_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`file` names the file; equal `content` means equal rows if `settled`."""

    file: str
    content: str
    settled: bool

    def __str__(self) -> str:
        return f"{self.file} {self.content}"


def fingerprint(path: Path) -> Fingerprint:
    """The state of the database at `path` now; raises OSError where there is none."""
    own = os.stat(path)
    newest = own.st_mtime_ns
    content = f"{own.st_size}:{own.st_mtime_ns}"
    try:
        log = os.stat(f"{path}-wal")
    except FileNotFoundError:
        log = None
    if log is not None and log.st_size:
        newest = max(newest, log.st_mtime_ns)
        content += f":{log.st_ino}:{log.st_size}:{log.st_mtime_ns}"
    return Fingerprint(
        f"{own.st_dev}:{own.st_ino}", content, abs(time.time_ns() - newest) > _SETTLED_AFTER_NS
    )
