"""Symbols of every real contract, there and back, and everything that is none."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Contract, SymbolStyle
from exporter.symbols import (
    MONTHS,
    ParsedSymbol,
    base_symbol,
    contract_symbol,
    expiry_text,
    parse,
    strike_text,
    symbol,
)

LIST = Path(__file__).parents[1] / "data" / "openalgo_symbols.csv.gz"
EXPIRY = date(2025, 9, 16)


@dataclass(frozen=True)
class Real:
    """A line of the list of real contracts."""

    base: str
    expiry: date
    kind: str
    strike: Decimal | None
    openalgo: str
    trading_symbol: str


@pytest.fixture(scope="module")
def real() -> list[Real]:
    """All of them."""
    with gzip.open(LIST, "rt", encoding="utf-8", newline="") as lines:
        return [
            Real(
                base_symbol(line["trading_symbol"], "", ""),
                date.fromisoformat(line["expiry"]),
                line["instrument_type"],
                None if line["instrument_type"] == "FUT" else Decimal(line["strike_price"]),
                line["openalgo_symbol"],
                line["trading_symbol"],
            )
            for line in csv.DictReader(lines)
        ]


def test_the_list_is_whole(real: list[Real]) -> None:
    assert len(real) == 26_516
    assert {one.kind for one in real} == {"CE", "PE", "FUT"}
    assert any(one.strike and one.strike % 1 for one in real)
    assert {"M&M", "BAJAJ-AUTO", "360ONE", "SENSEX50"} <= {one.base for one in real}


def test_every_real_contract_has_its_openalgo_symbol(real: list[Real]) -> None:
    wrong = [
        one for one in real
        if symbol(one.base, one.expiry, one.kind, one.strike, SymbolStyle.OPENALGO) != one.openalgo
    ]  # fmt: skip
    assert not wrong


@pytest.mark.parametrize("style", SymbolStyle)
def test_every_real_symbol_gives_its_parts_back(style: SymbolStyle, real: list[Real]) -> None:
    for one in real:
        text = symbol(one.base, one.expiry, one.kind, one.strike, style)
        assert parse(text) == ParsedSymbol(one.base, one.expiry, one.kind, one.strike), text


@pytest.mark.parametrize("style", SymbolStyle)
def test_no_two_contracts_of_one_base_share_a_symbol(style: SymbolStyle, real: list[Real]) -> None:
    parts = {(one.base, one.expiry, one.kind, one.strike) for one in real}
    assert len({symbol(*one, style) for one in parts}) == len(parts)


def test_the_expirytrack_style_is_the_openalgo_one_turned_round(real: list[Real]) -> None:
    for one in real:
        text = symbol(one.base, one.expiry, one.kind, one.strike, SymbolStyle.EXPIRYTRACK)
        stem = f"{one.base}{expiry_text(one.expiry)}"
        if one.kind == "FUT":
            assert text == one.openalgo == f"{stem}FUT"
        else:
            strike = one.openalgo.removeprefix(stem).removesuffix(one.kind)
            assert text == f"{stem}{one.kind[0]}{strike}"


@pytest.mark.parametrize(
    ("kind", "strike", "expirytrack", "openalgo"),
    [
        ("CE", "22700", "NIFTY16SEP25C22700", "NIFTY16SEP2522700CE"),
        ("PE", "22700.0", "NIFTY16SEP25P22700", "NIFTY16SEP2522700PE"),
        ("CE", "292.5", "NIFTY16SEP25C292.5", "NIFTY16SEP25292.5CE"),
        ("CE", "83.7500", "NIFTY16SEP25C83.75", "NIFTY16SEP2583.75CE"),
        ("CE", "0.0025", "NIFTY16SEP25C0.0025", "NIFTY16SEP250.0025CE"),
        ("FUT", None, "NIFTY16SEP25FUT", "NIFTY16SEP25FUT"),
    ],
)
def test_both_styles(kind: str, strike: str | None, expirytrack: str, openalgo: str) -> None:
    number = None if strike is None else Decimal(strike)
    assert symbol("NIFTY", EXPIRY, kind, number, SymbolStyle.EXPIRYTRACK) == expirytrack
    assert symbol("NIFTY", EXPIRY, kind, number, SymbolStyle.OPENALGO) == openalgo
    assert parse(expirytrack) == parse(openalgo) == ParsedSymbol("NIFTY", EXPIRY, kind, number)


@pytest.mark.parametrize(
    ("strike", "text"),
    [
        ("22700", "22700"), ("22700.00", "22700"), ("100", "100"), ("2E+4", "20000"),
        ("287.5", "287.5"), ("1.1450", "1.145"), ("5E-5", "0.00005"), ("0", "0"),
        ("1E+22", "10000000000000000000000"),
    ],
)  # fmt: skip
def test_a_strike_is_cut_nowhere(strike: str, text: str) -> None:
    assert strike_text(Decimal(strike)) == text


def test_months_are_english() -> None:
    shown = [expiry_text(date(2026, month, 5)) for month in range(1, 13)]
    assert shown == [f"05{month}26" for month in MONTHS]


@pytest.mark.parametrize(
    ("trading", "table", "name", "base"),
    [
        ("NIFTY 22700 CE 16 SEP 25", "x", "y", "NIFTY"),
        ("NIFTY 16SEP25 22700 CE", "x", "y", "NIFTY"),
        ("MIDCPNIFTY FUT 24 APR 25", "NIFTY", "Nifty 50", "MIDCPNIFTY"),
        ("NIFTYNXT50 1 CE", "", "", "NIFTYNXT50"),
        ("SENSEX50 1 CE", "SENSEX", "", "SENSEX50"),
        ("M&M 3550 CE", "", "", "M&M"),
        ("BAJAJ-AUTO 1 CE", "BAJAJAUTO", "", "BAJAJ-AUTO"),
        ("360ONE FUT", "", "", "360ONE"),
        ("  nifty\t22700", "", "", "NIFTY"),
        ("N.I_F'TY 1", "", "", "NIFTY"),
        ("निफ्टी 1 CE", "bank nifty", "", "BANKNIFTY"),
        ("", "", "Nifty 50", "NIFTY50"),
        ("ß", "", "", "SS"),
        ("", "", "", ""),
        ("指数", "指数", "指数", ""),
    ],
)
def test_the_base_is_the_contracts_own(trading: str, table: str, name: str, base: str) -> None:
    assert base_symbol(trading, table, name) == base


@pytest.mark.parametrize("kind", ["CE", "PE"])
@pytest.mark.parametrize("style", SymbolStyle)
def test_an_option_without_a_strike_has_no_symbol(kind: str, style: SymbolStyle) -> None:
    with pytest.raises(ValueError, match="has no strike"):
        symbol("NIFTY", EXPIRY, kind, None, style)


@pytest.mark.parametrize(
    "text",
    [
        "", "NIFTY", "NIFTY16SEP25", "16SEP25FUT", "NIFTY31FEB25FUT", "NIFTY00SEP25FUT",
        "NIFTY16XXX25FUT", "NIFTY16SEP25C", "NIFTY16SEP25CE", "NIFTY16SEP2522700",
        "nifty16SEP25FUT",
        "NIFTY16SEP25C22700CE", "NIFTY16SEP25C.5", "NIFTY16SEP25C5.", "NIFTY16SEP25C1e3",
        "NIFTY 16SEP25FUT", "NIFTY16SEP25FUT ", "NIFTY16SEP25FUT\n", "NIFTY16SEP25C२२७००",
    ],
)  # fmt: skip
def test_what_is_no_symbol_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a symbol|a day that does not exist"):
        parse(text)


bases = st.from_regex(r"[A-Z&][A-Z0-9&-]{0,14}", fullmatch=True)
strikes = st.decimals("0.0001", 10**7, places=4)
dates = st.dates(date(2000, 1, 1), date(2099, 12, 31))


@given(bases, dates, st.sampled_from(["CE", "PE", "FUT"]), strikes, st.sampled_from(SymbolStyle))
def test_any_symbol_gives_itself_back(
    base: str, expiry: date, kind: str, strike: Decimal, style: SymbolStyle
) -> None:
    wanted = None if kind == "FUT" else strike
    text = symbol(base, expiry, kind, wanted, style)
    found = parse(text)
    assert symbol(found.base, found.expiry, found.kind, found.strike, style) == text


def test_a_contracts_symbol_is_of_its_own_parts() -> None:
    one = Contract(
        "NSE_FO|1", "NSE_INDEX|Nifty 50", "Nifty 50", EXPIRY, "PE", Decimal("22700.0"), "", "NIFTY"
    )
    assert contract_symbol(one, SymbolStyle.EXPIRYTRACK) == "NIFTY16SEP25P22700"
    assert one.segment == "NSE_FO"
