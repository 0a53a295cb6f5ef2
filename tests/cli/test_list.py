"""`expirytrack list` and `expirytrack demo`."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests import makers
from tests.cli.conftest import Call


def test_instruments_stand_in_the_order_of_the_wizard(sample: Path, call: Call) -> None:
    found = call("list", "instruments", "--db", sample, "--json").json
    assert [one["name"] for one in found[:4]] == ["Nifty 50", "Bank Nifty", "Sensex", "360ONE"]
    assert found[0] == {
        "key": "NSE_INDEX|Nifty 50", "name": "Nifty 50", "symbol": "NIFTY",
        "expiries": 2, "contracts": 8,
    }  # fmt: skip


def test_text_is_aligned(sample: Path, call: Call) -> None:
    lines = call("list", "instruments", "--db", sample).out.decode().splitlines()
    assert lines[0].split() == ["KEY", "NAME", "SYMBOL", "EXPIRIES", "CONTRACTS"]
    column = lines[0].index("SYMBOL")
    assert {line[column - 2 : column] for line in lines} == {"  "}
    assert {len(line) for line in lines} == {len(lines[0])}


def test_expiries_are_newest_first(sample: Path, call: Call) -> None:
    found = call("list", "expiries", "--db", sample, "--instrument", "M&M", "--json").json
    assert [one["expiry"] for one in found] == ["2026-01-27", "2025-12-30"]
    everything = call("list", "expiries", "--db", sample, "--json").json
    with closing(sqlite3.connect(sample)) as database:
        ((count,),) = database.execute(
            "SELECT count(*) FROM (SELECT DISTINCT instrument_key, expiry_date FROM contracts)"
        )
    assert len(everything) == count


def test_contracts_carry_both_symbols(sample: Path, call: Call) -> None:
    found = call("list", "contracts", "--db", sample, "--instrument", "BCD_FO|USDINR",
                 "--last", "1", "--json").json  # fmt: skip
    assert len(found) == 5
    assert found[0]["symbol"].startswith("USDINR19DEC25")
    assert {one["expiry"] for one in found} == {"2025-12-19"}
    (one,) = call("list", "contracts", "--db", sample, "NIFTY16DEC25P25900", "--json").json
    assert one == {
        "symbol": "NIFTY16DEC25P25900", "openalgo_symbol": "NIFTY16DEC2525900PE",
        "instrument": "NSE_INDEX|Nifty 50", "expiry": "2025-12-16", "type": "PE",
        "strike": "25900", "trading_symbol": "NIFTY 25900 PE 16 DEC 25",
        "key": "NSE_FO|48221|16-12-2025",
    }  # fmt: skip
    assert b"NIFTY16DEC2525900PE" in call(
        "list", "contracts", "--db", sample, "--search", "NIFTY16"
    ).out  # fmt: skip


def test_a_terminal_gets_no_control_characters_from_the_data(call: Call, room: Path) -> None:
    with makers.Maker(room / "odd.db") as made:
        made.contract(trading_symbol="NIFTY\x1b[31m 22700\nCE")
    out = call("list", "contracts", "--db", "odd.db", "--all-instruments").out.decode()
    assert "NIFTY\\x1b[31m 22700\\nCE" in out
    assert out.count("\n") == 2


@pytest.mark.parametrize("what", ["instruments", "expiries"])
def test_a_database_that_is_not_there(call: Call, what: str) -> None:
    ran = call("list", what, "--db", "nowhere.db")
    assert (ran.code, ran.out) == (3, b"")
    assert "there is no database at nowhere.db" in ran.err


def test_demo_makes_a_database_that_exports(call: Call, room: Path) -> None:
    assert call("demo", "below/demo.db").code == 0
    found = call("list", "instruments", "--db", "below/demo.db", "--json").json
    assert len(found) == 5
    # The wizard's and the README's example.
    ran = call("export", "--db", "below/demo.db", "NIFTY16SEP2522700CE", "-o", "-")
    assert ran.out.splitlines()[1].startswith(b"NIFTY16SEP25C22700,")
    again = call("demo", "below/demo.db")
    assert (again.code, "--force" in again.err) == (2, True)
    assert call("demo", "below/demo.db", "--force").code == 0
    assert os.listdir(room / "below") == ["demo.db"]
