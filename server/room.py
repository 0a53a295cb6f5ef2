"""Will an export fit on the disk? Asked before it is accepted, and again before it runs."""

from __future__ import annotations

import asyncio
from datetime import datetime

from exporter.errors import ExportError
from exporter.filters import row_filter
from exporter.model import ExportSpec
from exporter.preview import preview
from exporter.sources.sqlite import MarketDatabase
from server.artefacts import Artefacts

# No format makes more of a candle than this many times what it takes in the database with its
# indexes; where all of it would fit, nobody has to wait for an estimate.
_LARGEST_GROWTH = 8


async def check_room(
    database: MarketDatabase,
    artefacts: Artefacts,
    spec: ExportSpec,
    accepted_at: datetime,
    *,
    written: int = 0,
) -> None:
    """Raises ExportError(STORAGE_FULL), with both sizes, for an export that would not fit.

    `written` bytes of it are on the disk already. An export that cannot be estimated is let
    through: what is wrong with it, the export itself says.
    """
    if row_filter(spec.options) is not None:
        # The estimate is of all rows, and may be many times what the filter lets through.
        return
    if await asyncio.to_thread(_surely_fits, database, artefacts):
        return
    try:
        size = (await preview(database, spec, accepted_at)).sizes[spec.format.value]
    except ExportError:
        return
    await asyncio.to_thread(artefacts.reserve, size - written)


def _surely_fits(database: MarketDatabase, artefacts: Artefacts) -> bool:
    try:
        return artefacts.room() >= _LARGEST_GROWTH * database.path.stat().st_size
    except OSError:
        return False
