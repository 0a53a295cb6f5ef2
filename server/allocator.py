"""Keeps the C library from spreading freed memory over an arena for each thread."""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX = -8
# One for the loop's thread and one for all that read, pack and write.
_ARENAS = 2


def share_arenas() -> bool:
    """Call before threads start; False where the C library is not glibc, and all stays as it is.

    What it spares is told in docs/performance.md.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_ARENA_MAX, _ARENAS))
