"""What the database holds: instruments and expiries, in pages if asked."""

from __future__ import annotations

from aiohttp import web

from exporter.errors import BadInput
from exporter.spec import SEPARATOR
from server import VERSION
from server.context import Context, context
from server.described import MARKET, Answer, described
from server.errors import json_response
from server.paging import LISTED, Page, listed, page_named
from server.schemas import body_of, instruments_of, named_page_of
from server.shapes import Expiries, Expiry, Instrument, Instruments, OpenDatabase
from server.shapes_in import LIMIT_MOST, Day, ExpiriesQuery, ExpiriesRequest, InstrumentsQuery

routes = web.RouteTableDef()


@routes.get("/api/instruments")
@described(
    "List instruments",
    group="Market",
    query=InstrumentsQuery,
    answers={200: Answer("a page, or all", Instruments, headers=LISTED), 304: Answer("unchanged")},
    errors=(*MARKET, "bad_input"),
)
async def instruments(request: web.Request) -> web.Response:
    """Every instrument with its counts, and which database is open."""
    have = context(request)
    cursor, limit = named_page_of(request.query)

    async def read() -> Page:
        catalogue = await have.database.catalogue()
        found: list[Instrument] = [
            {
                "key": one.key,
                "name": one.name,
                "symbol": one.symbol,
                "expiries": one.expiries,
                "contracts": one.contracts,
            }
            for one in catalogue.instruments
        ]
        return page_named(found, [one.key for one in catalogue.instruments], cursor, limit)

    async def extra() -> dict[str, OpenDatabase]:
        return {
            "database": {
                "path": str(have.database.path),
                "demo": have.settings.demo,
                "newest_candle": await have.board.newest_candle(),
                "contracts": (await have.database.catalogue()).contracts,
            }
        }

    return await listed(request, "instruments", await _version(have), read, extra)


@routes.get("/api/expiries")
@described(
    "List expiries",
    group="Market",
    query=ExpiriesQuery,
    answers={200: Answer("a page", Expiries, headers=LISTED), 304: Answer("unchanged")},
    errors=(*MARKET, "bad_input"),
)
async def expiries(request: web.Request) -> web.Response:
    """Expiries that have contracts, newest first within each instrument."""
    have = context(request)
    cursor, limit = named_page_of(request.query, ("instrument",))
    instrument = request.query.get("instrument")

    async def read() -> Page:
        catalogue = await have.database.catalogue()
        if instrument is not None and catalogue.instrument(instrument) is None:
            raise BadInput([f"unknown instrument {instrument!r:.80}"])
        found: list[Expiry] = [
            {"instrument": one.key, "expiry": day.isoformat()}
            for one in catalogue.instruments
            if instrument in (None, one.key)
            for day in catalogue.expiries.get(one.key, ())
        ]
        names = [f"{one['instrument']}{SEPARATOR}{one['expiry']}" for one in found]
        return page_named(found, names, cursor, limit or LIMIT_MOST)

    return await listed(request, "expiries", await _version(have), read)


@routes.post("/api/export/available-expiries")
@described(
    "The expiries of some instruments",
    group="Market",
    body=ExpiriesRequest,
    example={"instruments": ["NSE_INDEX|Nifty 50"]},
    answers={200: Answer("dates by instrument key", dict[str, list[Day]])},
    errors=MARKET,
)
async def available_expiries(request: web.Request) -> web.Response:
    """Expiries that have contracts, newest first; an empty list for an unknown key."""
    keys = instruments_of(await body_of(request))
    found = (await context(request).database.catalogue()).expiries
    return json_response({key: [day.isoformat() for day in found.get(key, ())] for key in keys})


async def _version(have: Context) -> str | None:
    """Names the file's state; None in the moment after a write, when it cannot be told yet."""
    state = await have.database.identity()
    return f"{VERSION} {state}" if state.settled else None
