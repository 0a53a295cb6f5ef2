"""Exports that wait until the test lets them go, in place of the real ones."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from exporter.control import Control
from exporter.errors import ExportError, Suspended
from exporter.model import Artefact, Progress


class Gate:
    """Stands where `run_export` is; every call waits in `arrived` until it is let go."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[Call] = asyncio.Queue()

    @classmethod
    def install(cls, monkeypatch: pytest.MonkeyPatch) -> Gate:
        gate = cls()
        monkeypatch.setattr("server.runner.run_export", gate.run)
        return gate

    async def run(self, database: Any, spec: Any, **how: Any) -> Artefact:
        call = Call(how)
        self.arrived.put_nowait(call)
        return await call.result()


class Call:
    """One export under way."""

    def __init__(self, how: dict[str, Any]) -> None:
        self.how = how
        self.folder: Path = how["folder"]
        self.control: Control = how["control"]
        self.cancelled = asyncio.Event()
        self._go: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def task_id(self) -> str:
        return self.folder.name

    def tell(self, done: int, total: int, contract: str = "NIFTY16SEP25FUT") -> None:
        """Report progress as the exporter does."""
        self.how["observe"](Progress(done, total, done * 100, 1, 2, contract, "Writing"))

    def finish(self) -> None:
        self._go.set_result(None)

    def fail(self, error: ExportError | RuntimeError | Suspended) -> None:
        self._go.set_exception(error)

    async def result(self) -> Artefact:
        asked = asyncio.ensure_future(self.control.asked())
        try:
            await asyncio.wait({self._go, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not self._go.done():
                raise Suspended
            self._go.result()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        finally:
            asked.cancel()
        self.folder.mkdir(parents=True)
        path = self.folder / "export.csv"
        path.write_bytes(b"x\n")
        return Artefact(str(path), 2, "0" * 64, 1, 1, 0, 0, ())
