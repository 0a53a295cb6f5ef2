"""How a database file says that its content is still the same.

SQLite's change counter, the WAL's salts and the wal-index header move with every commit, the
file's own size and times with every write; a replaced file has another number.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

# Two commits within a clock tick of the file system can leave equal times behind.
_SETTLED_AFTER_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`file` names the file, `content` its durable state, `live` also what is not yet synced."""

    file: str
    content: str
    live: str
    settled: bool = True


def fingerprint(path: Path) -> Fingerprint:
    """The state of the database at `path` now; raises OSError where there is none."""
    header, own = _look(path, 100)
    log, beside = _look(path.with_name(f"{path.name}-wal"), 32)
    index, _ = _look(path.with_name(f"{path.name}-shm"), 48)
    if own is None:
        raise FileNotFoundError(path)
    file = f"{own.st_dev}:{own.st_ino}"
    digest = blake2b(header[24:28] + header[92:100], digest_size=16)
    digest.update(f"{file}:{own.st_size}:{own.st_mtime_ns}".encode())
    newest = own.st_mtime_ns
    if beside is not None and beside.st_size:
        digest.update(log + f"{beside.st_size}:{beside.st_mtime_ns}".encode())
        newest = max(newest, beside.st_mtime_ns)
    content = digest.hexdigest()
    digest.update(index)
    return Fingerprint(
        file, content, digest.hexdigest(), time.time_ns() - newest > _SETTLED_AFTER_NS
    )


def _look(path: Path, length: int) -> tuple[bytes, os.stat_result | None]:
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(length), os.fstat(file.fileno())
    except FileNotFoundError:
        return b"", None
