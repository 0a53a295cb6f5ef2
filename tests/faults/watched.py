"""Runs a program whose calls to the system wait for the word of another process.

`python watched.py ADDRESS NUMBERS PROGRAM...`: a filter of the kernel (seccomp, user
notification) holds the calls with these numbers, its descriptor goes to whoever listens at the
abstract socket ADDRESS, and PROGRAM takes this process over. Needs Linux 5.9; neither root nor a
tool. Started by `tests.faults.system`.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
import sys

_NO_NEW_PRIVILEGES = 38
_SET_FILTER, _WITH_LISTENER = 1, 8
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000


def _program(numbers: list[int]) -> bytes:
    """Load the call's number; those of `numbers` jump to the last line, the others leave."""
    lines = [(_LOAD, 0, 0, 0)]
    lines += [(_EQUAL, len(numbers) - place, 0, one) for place, one in enumerate(numbers)]
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _NOTIFY)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def install(numbers: list[int]) -> int:
    """Hold these calls from now on; the descriptor that tells of them. Raises OSError."""
    system = ctypes.CDLL(None, use_errno=True)
    code = _program(numbers)
    held = ctypes.create_string_buffer(code)
    handed = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    )
    system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    call = _SECCOMP[platform.machine()]
    listener = int(system.syscall(call, _SET_FILTER, _WITH_LISTENER, handed))
    if listener < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"this system lets no filter tell of calls: {os.strerror(number)}")
    return listener


def main() -> None:
    _, address, numbers, *program = sys.argv
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as desk:
        desk.connect(f"\0{address}")
        listener = install([int(one) for one in numbers.split(",")])
        socket.send_fds(desk, [b"."], [listener])
        os.close(listener)
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
