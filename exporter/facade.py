"""The library's public face, with the names of the seed document."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from exporter.model import Artefact, now_ist
from exporter.pipeline import run_export
from exporter.sources.sqlite import MarketDatabase
from exporter.spec import parse_request

T = TypeVar("T")


class DataExporter:
    """Exports from one ExpiryTrack database into one folder.

    Each method has an asynchronous twin whose name ends in `_async`; the plain ones run an
    event loop of their own and cannot be called from within one. Every export gets a folder of
    its own, so two in one second never share a file. Errors are `exporter.errors.ExportError`.
    """

    def __init__(
        self,
        database: str | Path = "data/expirytrack.db",
        exports: str | Path = "exports",
    ) -> None:
        self._database = Path(database)
        self._exports = Path(exports)

    def export_to_csv(
        self,
        instruments: Sequence[str],
        expiries: Mapping[str, Sequence[str | date]],
        **options: object,
    ) -> Path:
        """The path of a CSV file; options are those of the API (include_metadata=True, ...)."""
        return Path(_run(self.export_async("csv", instruments, expiries, **options)).path)

    def export_to_json(
        self,
        instruments: Sequence[str],
        expiries: Mapping[str, Sequence[str | date]],
        **options: object,
    ) -> Path:
        """The path of a JSON file."""
        return Path(_run(self.export_async("json", instruments, expiries, **options)).path)

    def export_to_zip(
        self,
        instruments: Sequence[str],
        expiries: Mapping[str, Sequence[str | date]],
        **options: object,
    ) -> Path:
        """The path of a ZIP archive."""
        return Path(_run(self.export_async("zip", instruments, expiries, **options)).path)

    def get_available_expiries(self, instruments: Sequence[str]) -> dict[str, list[str]]:
        """Expiries that have contracts, newest first; an empty list for an unknown key."""
        return _run(self.get_available_expiries_async(instruments))

    async def export_async(
        self,
        format: str,
        instruments: Sequence[str],
        expiries: Mapping[str, Sequence[str | date]],
        **options: object,
    ) -> Artefact:
        """Run one export and return what came out. Raises ExportError."""
        database = MarketDatabase(self._database)
        try:
            body = {
                "instruments": list(instruments),
                "expiries": {key: [_day(day) for day in days] for key, days in expiries.items()},
                "format": format,
                "options": options,
            }
            spec, _ = parse_request(body, await database.catalogue())
            # Not named like a task's folder: those a server removes with their tasks.
            folder = self._exports / f"library-{uuid4()}"
            return await run_export(database, spec, accepted_at=now_ist(), folder=folder)
        finally:
            await database.close()

    async def get_available_expiries_async(
        self, instruments: Sequence[str]
    ) -> dict[str, list[str]]:
        """See `get_available_expiries`."""
        database = MarketDatabase(self._database)
        try:
            catalogue = await database.catalogue()
        finally:
            await database.close()
        return {
            key: [day.isoformat() for day in catalogue.expiries.get(key, ())] for key in instruments
        }


def _day(day: object) -> object:
    return day.isoformat() if isinstance(day, date) else day


def _run(action: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(action)
