"""What is known of the market database without asking it again for every page that is opened."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from exporter.errors import ExportError
from exporter.sources.sqlite import MarketDatabase
from server.faults import log_unknown

log = logging.getLogger(__name__)

# How often the database is looked at for changes, so that counts are ready before anyone asks.
_LOOK_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """The open database, or why it cannot be read (`error` and `code`)."""

    newest_candle: str | None = None
    contracts: int | None = None
    instruments: int | None = None
    size: int | None = None
    error: str | None = None
    code: str | None = None


class Board:
    """Keeps the newest candle, and counts contracts in the background."""

    def __init__(self, database: MarketDatabase) -> None:
        self._database = database
        self._newest: tuple[str, str | None] | None = None
        self._seen: tuple[str, DatabaseState] | None = None
        self._counting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._counting = asyncio.create_task(self._count())

    async def stop(self) -> None:
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.wait({self._counting})

    async def newest_candle(self) -> str | None:
        """Its time, found once for each state of the file. Raises ExportError."""
        state = str(await self._database.identity())
        if self._newest is None or self._newest[0] != state:
            self._newest = (state, await self._database.newest_candle())
        return self._newest[1]

    async def state(self) -> DatabaseState:
        """For health: never raises what a user can act on, but says it."""
        try:
            now = str(await self._database.identity())
            if self._seen is None or self._seen[0] != now:
                self._seen = (now, await self._look())
            return self._seen[1]
        except ExportError as error:
            return DatabaseState(error=error.message, code=error.code.value)
        except OSError as error:
            return DatabaseState(error=str(error.strerror), code="database_unreadable")

    async def _look(self) -> DatabaseState:
        catalogue = await self._database.catalogue()
        return DatabaseState(
            newest_candle=await self.newest_candle(),
            contracts=catalogue.contracts,
            instruments=len(catalogue.instruments),
            size=await asyncio.to_thread(lambda: self._database.path.stat().st_size),
        )

    async def _count(self) -> None:
        counted = ""
        while True:
            try:
                state = await self._database.identity()
                if state.settled and str(state) != counted:
                    number = await self._database.take_census()
                    counted = str(state)
                    if number:
                        log.info("counted the candles of %d contracts", number)
            except ExportError as error:
                log.debug("counting waits: %s", error.message)
            except Exception as error:
                # Counting is a convenience: a defect in it is logged and must not end the server.
                log_unknown(log, "counting", error)
            await asyncio.sleep(_LOOK_EVERY_S)
