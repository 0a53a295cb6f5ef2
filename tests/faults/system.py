"""Stands between a server process and its file calls: counts them, and spoils the Nth.

The counting is over all threads of the process, in the order in which the system was asked,
which strace's injection (a counter for each thread) cannot give. Linux 5.9 or newer.
"""

from __future__ import annotations

import errno
import fcntl
import heapq
import os
import platform
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

# Which argument says the file: `fd` a descriptor, `path` an address, by position.
_CALLS: dict[str, dict[str, dict[int, tuple[str, tuple[int, ...]]]]] = {
    "x86_64": {
        "write": {1: ("fd", (0,)), 18: ("fd", (0,)), 20: ("fd", (0,)), 296: ("fd", (0,))},
        "sync": {74: ("fd", (0,)), 75: ("fd", (0,))},
        "rename": {82: ("path", (0, 1)), 264: ("path", (1, 3)), 316: ("path", (1, 3))},
        "open": {2: ("path", (0,)), 257: ("path", (1,))},
        "mkdir": {83: ("path", (0,)), 258: ("path", (1,))},
        "remove": {84: ("path", (0,)), 87: ("path", (0,)), 263: ("path", (1,))},
        "cut": {77: ("fd", (0,))},
    },
    "aarch64": {
        "write": {64: ("fd", (0,)), 66: ("fd", (0,)), 68: ("fd", (0,)), 70: ("fd", (0,))},
        "sync": {82: ("fd", (0,)), 83: ("fd", (0,))},
        "rename": {38: ("path", (1, 3)), 276: ("path", (1, 3))},
        "open": {56: ("path", (1,))},
        "mkdir": {34: ("path", (1,))},
        "remove": {35: ("path", (1,))},
        "cut": {46: ("fd", (0,))},
    },
}
KINDS = ("write", "sync", "rename", "open", "mkdir", "remove", "cut")
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTICE, _ANSWER = "QIIiIQ6Q", "QqiI"
_GO_ON = 1
_LONGEST_PATH = 4096


class System:
    """A context manager; give `prefix` to `tests.servers.Server`, restarts included.

    Calls on files inside of `folders` are counted in `seen` once `count` or `spoil` was called;
    everything else passes at once.
    """

    def __init__(self, folders: Iterable[Path], kinds: Iterable[str] = KINDS) -> None:
        self.seen = 0
        self.hit = threading.Event()
        calls = _CALLS[platform.machine()]
        self._calls = {
            number: (kind, *where) for kind in kinds for number, where in calls[kind].items()
        }
        self._folders = tuple(str(folder) for folder in folders)
        self._lock = threading.Lock()
        self._only: tuple[str, ...] | None = None
        self._kinds: frozenset[str] = frozenset()
        self._nth = 0
        self._lasting = False
        self._error = 0
        self._delay = 0.0
        self._held: list[tuple[float, int, int]] = []
        self._address = f"expirytrack-{uuid4()}"
        self._desk = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._ending, self._end = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="system")
        self._numbers = ",".join(map(str, sorted(self._calls)))

    @property
    def prefix(self) -> tuple[str, ...]:
        """What stands before the command line of a process that is to be watched."""
        launcher = str(Path(__file__).with_name("watched.py"))
        return (sys.executable, "-S", launcher, self._address, self._numbers)

    def count(self, *kinds: str, only: Path | None = None) -> None:
        """Count calls of these kinds (all without any) from zero, and let them pass."""
        self._set(kinds, only=only)

    def spoil(
        self,
        nth: int,
        error: int = 0,
        *kinds: str,
        only: Path | None = None,
        lasting: bool = False,
    ) -> None:
        """Fail the Nth call from now on with `error`; with 0, kill the process instead of it.

        `hit` is set when that happens. `lasting` fails all that come after it too.
        """
        self._set(kinds, nth=nth, error=error, only=only, lasting=lasting)

    def slow(self, seconds: float, *kinds: str, only: Path | None = None) -> None:
        """Let each call of these kinds wait so long before it is made."""
        self._set(kinds, delay=seconds, only=only)

    def _set(
        self,
        kinds: tuple[str, ...],
        *,
        nth: int = 0,
        error: int = 0,
        delay: float = 0.0,
        only: Path | None = None,
        lasting: bool = False,
    ) -> None:
        with self._lock:
            self.seen = 0
            self.hit.clear()
            self._kinds = frozenset(kinds or KINDS)
            self._nth, self._error, self._delay = nth, error, delay
            self._lasting = lasting
            self._only = None if only is None else (str(only),)

    def __enter__(self) -> Self:
        self._desk.bind(f"\0{self._address}")
        self._desk.listen()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.write(self._end, b".")
        self._thread.join()
        self._desk.close()
        os.close(self._ending)
        os.close(self._end)

    def _serve(self) -> None:
        poll = select.poll()
        for descriptor in (self._desk.fileno(), self._ending):
            poll.register(descriptor, select.POLLIN)
        listeners: set[int] = set()
        while True:
            for descriptor, event in poll.poll(self._until_due()):
                if descriptor == self._ending:
                    for listener in listeners:
                        os.close(listener)
                    return
                if descriptor == self._desk.fileno():
                    with self._desk.accept()[0] as program:
                        _, (listener,), _, _ = socket.recv_fds(program, 1, 1)
                    listeners.add(listener)
                    poll.register(listener, select.POLLIN)
                elif event & select.POLLIN:
                    self._notice(descriptor)
                else:
                    poll.unregister(descriptor)
                    listeners.discard(descriptor)
                    os.close(descriptor)
            self._let_go()

    def _until_due(self) -> int | None:
        """Milliseconds until the first delayed call may go on."""
        if not self._held:
            return None
        return max(0, int((self._held[0][0] - time.monotonic()) * 1000) + 1)

    def _let_go(self) -> None:
        while self._held and self._held[0][0] <= time.monotonic():
            _, listener, id = heapq.heappop(self._held)
            _answer(listener, id)

    def _notice(self, listener: int) -> None:
        heard = bytearray(struct.calcsize(_NOTICE))
        try:
            fcntl.ioctl(listener, _RECEIVE, heard)
        except OSError:
            return  # Whoever asked is no more, or was interrupted and asks again.
        id, thread, _, number, _, _, *values = struct.unpack(_NOTICE, heard)
        with self._lock:
            if not self._meant(thread, number, values):
                _answer(listener, id)
                return
            self.seen += 1
            if self._delay:
                heapq.heappush(self._held, (time.monotonic() + self._delay, listener, id))
                return
            spoiled = self._nth and (
                self.seen >= self._nth if self._lasting else self.seen == self._nth
            )
            if not spoiled:
                _answer(listener, id)
            elif self._error:
                _answer(listener, id, self._error)
                self.hit.set()
            else:
                with suppress(ProcessLookupError):
                    os.kill(thread, signal.SIGKILL)
                self.hit.set()

    def _meant(self, thread: int, number: int, values: list[int]) -> bool:
        kind, means, places = self._calls[number]
        if not self._kinds or kind not in self._kinds:
            return False
        folders = self._only or self._folders
        for place in places:
            named = _named(thread, means, values[place])
            if named.startswith(folders):
                return True
        return False


def _named(thread: int, means: str, value: int) -> str:
    """The file that an argument of a call means; empty where it cannot be told."""
    try:
        if means == "fd":
            return os.readlink(f"/proc/{thread}/fd/{value & 0xFFFFFFFF}")
        with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
            memory.seek(value)
            # Not past the page: the next one may not be there.
            text = memory.read(min(_LONGEST_PATH, 4096 - value % 4096))
            if b"\0" not in text:
                text += memory.read(_LONGEST_PATH)
            return os.fsdecode(text.split(b"\0", 1)[0])
    except OSError:
        return ""


def _answer(listener: int, id: int, error: int = 0) -> None:
    answer = struct.pack(_ANSWER, id, 0, -error, 0 if error else _GO_ON)
    try:
        fcntl.ioctl(listener, _SEND, bytearray(answer))
    except OSError as failed:
        if failed.errno not in (errno.ENOENT, errno.EBADF, errno.EINPROGRESS):
            raise
