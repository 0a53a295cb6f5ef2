"""From what a person types (a name, a date, a symbol) to a spec that the library takes."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from exporter.errors import BadInput
from exporter.model import Contract, ExportSpec, Instrument
from exporter.naming import file_label
from exporter.sources.base import Catalogue
from exporter.sources.sqlite import MarketDatabase
from exporter.spec import SEPARATOR, parse_request, ruled_expiries

# Older collectors leave the instruments table empty; these three are always offered.
_WELL_KNOWN = {
    "nifty": "NSE_INDEX|Nifty 50",
    "banknifty": "NSE_INDEX|Nifty Bank",
    "sensex": "BSE_INDEX|SENSEX",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen: expiries by instrument key, and the contracts where they were named."""

    instruments: list[str]
    expiries: dict[str, list[date]]
    contracts: list[Contract] | None = None

    def body(self) -> dict[str, Any]:
        """The selection's part of a start request."""
        return {
            "instruments": self.instruments,
            "expiries": {
                key: [day.isoformat() for day in days] for key, days in self.expiries.items()
            },
        }


def add_selection(parser: argparse.ArgumentParser, *, what: str) -> None:
    """The flags by which instruments, expiries and contracts are chosen."""
    chosen = parser.add_argument_group("what to " + what)
    chosen.add_argument(
        "symbols", nargs="*", metavar="SYMBOL",
        help="contracts by symbol, in either style: NIFTY16SEP25C22700 or NIFTY16SEP2522700CE",
    )  # fmt: skip
    chosen.add_argument(
        "--search", metavar="TEXT",
        help="contracts whose symbol begins with TEXT, such as NIFTY16SEP25; NIFTY does not find"
        " BANKNIFTY",
    )  # fmt: skip
    add_instruments(chosen)
    add_expiries(chosen)


def add_expiries(parser: argparse._ActionsContainer) -> None:
    """The flags that name expiries, or give a rule for them."""
    parser.add_argument(
        "--expiry", action="append", default=[], metavar="DATE",
        help=f"an expiry, YYYY-MM-DD, or INSTRUMENT{SEPARATOR}DATE for that instrument alone;"
        " repeatable (default: every expiry)",
    )  # fmt: skip
    parser.add_argument(
        "--last", type=_count, metavar="N", help="the newest N expiries of each instrument"
    )
    parser.add_argument("--expiry-from", metavar="DATE", help="expiries of this day and later")
    parser.add_argument("--expiry-to", metavar="DATE", help="expiries of this day and earlier")
    parser.add_argument(
        "--expiry-days", type=_count, metavar="N",
        help="expiries of today and of the last N days",
    )  # fmt: skip


def add_instruments(parser: argparse._ActionsContainer) -> None:
    """`--instrument` and `--all-instruments`."""
    parser.add_argument(
        "--instrument", action="append", default=[], metavar="NAME",
        help="key (NSE_INDEX|Nifty 50), name (Nifty 50) or symbol (NIFTY); repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--all-instruments", action="store_true", help="every instrument that has contracts"
    )


async def select(database: MarketDatabase, arguments: argparse.Namespace) -> Selection:
    """Raises BadInput that names everything that does not exist."""
    catalogue = await database.catalogue()
    if arguments.all_instruments and arguments.instrument:
        raise BadInput(["--all-instruments and --instrument exclude each other"])
    rule = expiry_rule(arguments)
    keys = instruments(catalogue, arguments)
    if arguments.symbols or arguments.search:
        return await _by_symbol(database, catalogue, arguments, keys, rule)
    dates = named_expiries(catalogue, arguments.expiry, keys)
    keys = keys or list(dates)
    if not keys:
        raise BadInput(
            ["nothing is selected: name contracts, or use --instrument, --all-instruments or"
             " --search; 'expirytrack list instruments' shows what there is"]
        )  # fmt: skip
    if not arguments.expiry:
        dates = _ruled(catalogue, keys, rule)
    return Selection(keys, dates)


def expiry_rule(arguments: argparse.Namespace) -> dict[str, object]:
    """The `expiry_rule` that the flags say. Raises BadInput where they say more than one."""
    rules: list[dict[str, object]] = []
    if arguments.last is not None:
        rules.append({"last": arguments.last})
    if arguments.expiry_days is not None:
        rules.append({"days": arguments.expiry_days})
    ends = {"from": arguments.expiry_from, "to": arguments.expiry_to}
    if any(ends.values()):
        rules.append({end: day for end, day in ends.items() if day})
    if len(rules) + bool(arguments.expiry) > 1:
        raise BadInput(
            ["--expiry, --last, --expiry-days and --expiry-from/--expiry-to exclude each other"]
        )
    return rules[0] if rules else {"all": True}


async def make_spec(
    database: MarketDatabase, selection: Selection, format: str, options: dict[str, object]
) -> tuple[ExportSpec, tuple[str, ...]]:
    """The export that is asked for, and warnings. Raises BadInput."""
    body = {**selection.body(), "format": format, "options": options}
    spec, warnings = parse_request(body, await database.catalogue())
    if selection.contracts is not None:
        spec = replace(spec, contracts=frozenset(one.key for one in selection.contracts))
    return spec, warnings


def instruments(catalogue: Catalogue, arguments: argparse.Namespace) -> list[str]:
    """The keys that were chosen, in that order. Raises BadInput."""
    if arguments.all_instruments:
        return [one.key for one in catalogue.instruments if one.contracts]
    problems: list[str] = []
    keys = [_key(catalogue, text, problems) for text in arguments.instrument]
    if problems:
        raise BadInput(problems)
    return list(dict.fromkeys(keys))


def _key(catalogue: Catalogue, text: str, problems: list[str]) -> str:
    """The key of what may be a key, a name or a symbol; a line in `problems` where it is none."""
    if catalogue.instrument(text) is not None:
        return text
    wanted = text.casefold()
    found = [one.key for one in catalogue.instruments if wanted in _names(one)]
    if not found and wanted in _WELL_KNOWN:
        found = [_WELL_KNOWN[wanted]]
    if len(found) == 1:
        return found[0]
    if found:
        problems.append(f"{text} may be any of {', '.join(found)}; give the key")
        return text
    known = {one.name: one.key for one in catalogue.instruments}
    near = difflib.get_close_matches(text, [*known, *known.values()], n=1)
    hint = f"did you mean {near[0]}?" if near else "'expirytrack list instruments' shows them"
    problems.append(f"unknown instrument {text}; {hint}")
    return text


def _names(one: Instrument) -> set[str]:
    texts = (one.key, one.name, file_label(one.name), one.symbol, one.key.partition("|")[2])
    return {text.casefold() for text in texts if text}


def named_expiries(
    catalogue: Catalogue, texts: Sequence[str], keys: Sequence[str]
) -> dict[str, list[date]]:
    """Dates by instrument; a plain date is meant for every instrument that has it."""
    problems: list[str] = []
    chosen: dict[str, list[date]] = {}
    for text in texts:
        name, _, written = text.rpartition(SEPARATOR)
        day = _day(written)
        if day is None:
            problems.append(f"expiry {text}: {written!r} is not a date of the form YYYY-MM-DD")
            continue
        if name:
            before = len(problems)
            key = _key(catalogue, name, problems)
            if len(problems) > before:
                continue
            if keys and key not in keys:
                problems.append(f"expiry {day} of {key}, which was not asked for")
            having = [key]
        else:
            having = [key for key in keys if day in catalogue.expiries.get(key, ())]
            if not keys:
                problems.append(f"expiry {day} goes with an --instrument")
            elif not having:
                problems.append(f"no selected instrument has an expiry {day}")
        for key in having:
            chosen.setdefault(key, []).append(day)
    if problems:
        raise BadInput(problems)
    return chosen


async def _by_symbol(
    database: MarketDatabase,
    catalogue: Catalogue,
    arguments: argparse.Namespace,
    keys: Sequence[str],
    rule: dict[str, object],
) -> Selection:
    """Contracts by symbol or search, narrowed by what else was given."""
    found = await database.find(symbols=arguments.symbols, search=arguments.search)
    if keys:
        found = [one for one in found if one.instrument_key in keys]
    order = list(dict.fromkeys(one.instrument_key for one in found))
    if arguments.expiry:
        dates = named_expiries(catalogue, arguments.expiry, keys or order)
    else:
        dates = _ruled(catalogue, order, rule)
    found = [one for one in found if one.expiry in dates.get(one.instrument_key, ())]
    if not found:
        raise BadInput(["no contract matches what was asked for"])
    by_key: dict[str, list[date]] = {}
    for one in found:
        by_key.setdefault(one.instrument_key, []).append(one.expiry)
    return Selection(list(by_key), by_key, found)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def _ruled(
    catalogue: Catalogue, keys: Sequence[str], rule: dict[str, object]
) -> dict[str, list[date]]:
    """What a rule takes in, newest first."""
    problems: list[str] = []
    found = ruled_expiries(rule, keys, catalogue, None, problems)
    if problems:
        raise BadInput(problems)
    return {key: sorted(days, reverse=True) for key, days in found.items()}


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)
