"""The only place that makes or reads a contract's symbol.

Rules: spec, "Symbols". A symbol is base, expiry as DDMMMYY, and FUT or strike and type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from exporter.model import Contract, SymbolStyle

# English whatever the locale: strftime("%b") would follow the server's.
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

_NOT_IN_BASE = re.compile(r"[^A-Z0-9&-]")
_SYMBOL = re.compile(
    rf"(?P<base>[A-Z0-9&-]+?)(?P<day>[0-9]{{2}})(?P<month>{'|'.join(MONTHS)})(?P<year>[0-9]{{2}})"
    r"(?:(?P<future>FUT)|(?P<side>[CP])(?P<after>[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<before>[0-9]+(?:\.[0-9]+)?)(?P<kind>CE|PE))"
)


@dataclass(frozen=True, slots=True)
class ParsedSymbol:
    """The parts of a symbol; `kind` is CE, PE or FUT, `strike` None for futures."""

    base: str
    expiry: date
    kind: str
    strike: Decimal | None


def symbol(base: str, expiry: date, kind: str, strike: Decimal | None, style: SymbolStyle) -> str:
    """The symbol of a contract, e.g. `NIFTY16SEP25C22700` or `NIFTY16SEP2522700CE`.

    Raises ValueError for an option without a strike.
    """
    stem = f"{base}{expiry_text(expiry)}"
    if kind == "FUT":
        return f"{stem}FUT"
    if strike is None:
        raise ValueError(f"an option ({kind}) of {base} has no strike")
    if style is SymbolStyle.OPENALGO:
        return f"{stem}{strike_text(strike)}{kind}"
    return f"{stem}{kind[0]}{strike_text(strike)}"


def contract_symbol(contract: Contract, style: SymbolStyle) -> str:
    """The symbol of a contract in one of the two styles."""
    return symbol(contract.base, contract.expiry, contract.kind, contract.strike, style)


def parse(text: str) -> ParsedSymbol:
    """Read a symbol of either style back into its parts; raises ValueError for anything else."""
    match = _SYMBOL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a symbol such as NIFTY16SEP25C22700")
    month = MONTHS.index(match["month"]) + 1
    try:
        expiry = date(2000 + int(match["year"]), month, int(match["day"]))
    except ValueError as error:
        raise ValueError(f"{text!r} names a day that does not exist") from error
    if match["future"]:
        return ParsedSymbol(match["base"], expiry, "FUT", None)
    kind = match["kind"] or f"{match['side']}E"
    return ParsedSymbol(match["base"], expiry, kind, Decimal(match["before"] or match["after"]))


def expiry_text(expiry: date) -> str:
    """DDMMMYY with English months."""
    return f"{expiry.day:02}{MONTHS[expiry.month - 1]}{expiry.year % 100:02}"


def strike_text(strike: Decimal) -> str:
    """A strike without a needless point or zeros: `22700`, `292.5`; never an exponent."""
    text = format(strike, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def base_symbol(trading_symbol: str, instrument_symbol: str, display_name: str) -> str:
    """The base: the trading symbol's first word, else the instrument's symbol, else its name.

    Only `A-Z 0-9 & -` are kept, upper case. Empty where nothing gives a base.
    """
    words = trading_symbol.split(maxsplit=1)
    for candidate in (words[0] if words else "", instrument_symbol, display_name):
        base = _NOT_IN_BASE.sub("", candidate.upper())
        if base:
            return base
    return ""
