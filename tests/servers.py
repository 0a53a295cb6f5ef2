"""The product as a process of its own, on a free port of 127.0.0.1; ends with its `with` block."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[1]
_PATIENCE_S = 60.0


class Server:
    """Keeps its exports, its task table and its log in `folder`, across restarts.

    `port` 0 takes a free one at the first start and keeps it for the following ones.
    """

    def __init__(
        self,
        folder: Path,
        database: Path | None = None,
        *flags: str,
        port: int = 0,
        environ: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        module: str = "server",
    ) -> None:
        self.folder = folder
        self.exports = folder / "exports"
        self.tasks = folder / "tasks.db"
        self.log = folder / "server.log"
        self.url = ""
        self.port = port
        self._database = database
        self._flags = flags
        self._environ = dict(environ or {})
        self._prefix = prefix
        self._module = module
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Returns when the server has said its address. Raises AssertionError with its log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            *self._prefix, sys.executable, "-m", self._module, "--port", str(self.port),
            "--exports", str(self.exports), "--tasks", str(self.tasks), *self._flags,
        ]  # fmt: skip
        if self._database is not None:
            command += ["--db", str(self._database)]
        kept = {key: value for key, value in os.environ.items()
                if not key.startswith("EXPIRYTRACK_")}  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                env={**kept, **self._environ},
            )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            code = self.process.wait(_PATIENCE_S)
            raise AssertionError(f"the server ended with {code}:\n{self.said()}")
        self.port = int(self.url.rpartition(":")[2])
        return self

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text("utf-8", "replace")

    def kill(self) -> None:
        """As by a power cut: no handler of the process runs."""
        assert self.process is not None
        self.process.kill()
        self.wait()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """The exit code, once it has ended."""
        assert self.process is not None
        code = self.process.wait(_PATIENCE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.wait()
