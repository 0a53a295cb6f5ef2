"""`expirytrack list` and `expirytrack demo`: what a database holds, and one to try things on."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from exporter.demo import make_demo_database
from exporter.errors import BadInput
from exporter.model import SymbolStyle
from exporter.sources.sqlite import MarketDatabase
from exporter.symbols import contract_symbol, strike_text
from server.cli_codes import Exit
from server.cli_select import Selection, add_instruments, add_selection, make_spec, select
from server.cli_select import instruments as chosen_instruments
from server.cli_text import size_text, table, write_json
from server.settings import add_arguments, settings_from

Record = dict[str, Any]
_Heads = tuple[str, ...]


def add_list(parser: argparse.ArgumentParser) -> None:
    """`list instruments`, `list expiries`, `list contracts`."""
    kinds = parser.add_subparsers(metavar="WHAT", required=True)
    one = kinds.add_parser("instruments", help="keys, names, symbols and counts")
    _finish(one, _instruments, right=(3, 4))
    one = kinds.add_parser("expiries", help="the expiries of each instrument, newest first")
    add_instruments(one)
    _finish(one, _expiries, right=())
    one = kinds.add_parser("contracts", help="contracts with their symbols in both styles")
    add_selection(one, what="list")
    _finish(one, _contracts, right=(5,))


def add_demo(parser: argparse.ArgumentParser) -> None:
    """`demo PATH`."""
    parser.add_argument("path", type=Path, metavar="PATH", help="where to make the database")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser.add_argument("--json", action="store_true", help="a JSON object, for scripts")
    parser.set_defaults(run=run_demo)


def run_demo(arguments: argparse.Namespace) -> Exit:
    """Make the demo database. Raises ExportError."""
    path: Path = arguments.path
    if path.exists() and not arguments.force:
        raise BadInput([f"{path} exists; --force replaces it"])
    make_demo_database(path)
    size = path.stat().st_size
    if arguments.json:
        write_json({"path": str(path), "size": size})
    else:
        print(f"{path}  {size_text(size)}")
    return Exit.DONE


def _finish(
    parser: argparse.ArgumentParser,
    read: Callable[[MarketDatabase, argparse.Namespace], Awaitable[list[Record]]],
    right: tuple[int, ...],
) -> None:
    add_arguments(parser, ("db",))
    parser.add_argument("--json", action="store_true", help="a JSON array, for machines")

    async def records(arguments: argparse.Namespace) -> list[Record]:
        database = MarketDatabase(settings_from(arguments).db)
        try:
            return await read(database, arguments)
        finally:
            await database.close()

    def run(arguments: argparse.Namespace) -> Exit:
        found = asyncio.run(records(arguments))
        if arguments.json:
            write_json(found)
        elif found:
            heads = [name.upper().replace("_", " ") for name in found[0]]
            rows = [["" if cell is None else cell for cell in one.values()] for one in found]
            print(table(heads, rows, right), end="")
        return Exit.DONE

    parser.set_defaults(run=run)


async def _instruments(database: MarketDatabase, _: argparse.Namespace) -> list[Record]:
    return [
        {
            "key": one.key,
            "name": one.name,
            "symbol": one.symbol,
            "expiries": one.expiries,
            "contracts": one.contracts,
        }
        for one in (await database.catalogue()).instruments
    ]


async def _expiries(database: MarketDatabase, arguments: argparse.Namespace) -> list[Record]:
    catalogue = await database.catalogue()
    keys = set(chosen_instruments(catalogue, arguments))
    return [
        {"instrument": one.key, "name": one.name, "expiry": day.isoformat()}
        for one in catalogue.instruments
        if not keys or one.key in keys
        for day in catalogue.expiries.get(one.key, ())
    ]


async def _contracts(database: MarketDatabase, arguments: argparse.Namespace) -> list[Record]:
    selection = await select(database, arguments)
    found = selection.contracts
    if found is None:
        found = await _all_of(database, selection)
    return [
        {
            "symbol": contract_symbol(one, SymbolStyle.EXPIRYTRACK),
            "openalgo_symbol": contract_symbol(one, SymbolStyle.OPENALGO),
            "instrument": one.instrument_key,
            "expiry": one.expiry.isoformat(),
            "type": one.kind,
            "strike": None if one.strike is None else strike_text(one.strike),
            "trading_symbol": one.trading_symbol,
            "key": one.key,
        }
        for one in found
    ]


async def _all_of(database: MarketDatabase, selection: Selection) -> list[Any]:
    spec, _ = await make_spec(database, selection, "csv", {})
    return await database.contracts(spec)
