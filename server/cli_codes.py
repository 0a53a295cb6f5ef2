"""What the command line answers to the shell, and how it ends when it is told to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from enum import IntEnum

from exporter.errors import Code, ExportError


class Exit(IntEnum):
    """Exit codes that scripts can rely on; each has a line in `EXIT_HELP`."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DATABASE = 3
    STORAGE = 4
    INTERRUPTED = 130
    READER_GONE = 141


EXIT_HELP = """exit codes:
  0    done; the file is whole
  1    the export or the request failed
  2    bad input: unknown flag, instrument, expiry, symbol or option
  3    the database is missing, locked, damaged or not ExpiryTrack's
  4    the disk is full or the folder cannot be written
  130  interrupted (Ctrl-C, SIGTERM); nothing is left behind
  141  whoever was reading standard output has gone"""

_BY_CODE: Mapping[str, Exit] = {
    Code.BAD_INPUT: Exit.USAGE,
    Code.DATABASE_MISSING: Exit.DATABASE,
    Code.DATABASE_UNREADABLE: Exit.DATABASE,
    Code.DATABASE_SCHEMA: Exit.DATABASE,
    Code.DATABASE_BUSY: Exit.DATABASE,
    Code.STORAGE_FULL: Exit.STORAGE,
    Code.STORAGE_DENIED: Exit.STORAGE,
    Code.STORAGE_FAILED: Exit.STORAGE,
}


def exit_of(error: ExportError) -> Exit:
    """The exit code that tells this failure from others."""
    return exit_of_code(error.code)


def exit_of_code(code: str) -> Exit:
    """The same for a code that a server gave."""
    return _BY_CODE.get(code, Exit.FAILED)


@contextmanager
def ends_like_ctrl_c() -> Generator[None]:
    """SIGTERM and SIGHUP, where the system has them, do what Ctrl-C does now: clean up and leave.

    Inside a running event loop that is a cancel of the main task, outside KeyboardInterrupt.
    """
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    current = signal.getsignal(signal.SIGINT)
    handler = current if callable(current) else signal.default_int_handler
    # Under nohup SIGHUP is ignored on purpose.
    before = {
        number: signal.signal(number, handler)
        for number in numbers
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)
