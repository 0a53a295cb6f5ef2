"""Names of files, members and instruments: safe everywhere, and no two alike."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import IST
from exporter.naming import MemberNames, artefact_name, file_label, labels, numbered
from exporter.sources.contracts import display_name

AT = datetime(2025, 9, 19, 9, 14, 56, 999999, IST)


@pytest.mark.parametrize(
    ("names", "extension", "openalgo", "expected"),
    [
        (["Nifty 50"], "csv", True, "OpenAlgo_ExpiryTrack_Nifty_50_20250919_091456.csv"),
        (["Bank Nifty"], "json", True, "OpenAlgo_ExpiryTrack_Bank_Nifty_20250919_091456.json"),
        (["A", "B"], "zip", True, "OpenAlgo_ExpiryTrack_All_20250919_091456.zip"),
        (["Nifty 50"], "csv", False, "ExpiryTrack_Nifty_50_20250919_091456.csv"),
        (["M&M"], "csv", True, "OpenAlgo_ExpiryTrack_M_M_20250919_091456.csv"),
        (["../../x"], "csv", True, "OpenAlgo_ExpiryTrack_.._.._x_20250919_091456.csv"),
        (["a\r\nb"], "csv", True, "OpenAlgo_ExpiryTrack_a__b_20250919_091456.csv"),
        (["निफ्टी"], "csv", True, "OpenAlgo_ExpiryTrack_" + "_" * 6 + "_20250919_091456.csv"),
    ],
)
def test_an_artefacts_name(names: list[str], extension: str, openalgo: bool, expected: str) -> None:
    assert artefact_name(names, extension, AT, openalgo) == expected


def test_the_moment_is_indian_time() -> None:
    moment = datetime(2025, 12, 31, 20, 0, 0, tzinfo=UTC)
    assert artefact_name(["X"], "csv", moment).endswith("_20260101_013000.csv")


@given(st.text())
def test_any_instruments_name_is_one_safe_file_name(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,200}", artefact_name([name], "csv", AT))


def test_labels_change_spaces_only() -> None:
    assert file_label("Nifty 50") == "Nifty_50"
    assert file_label("M&M Fin,  x") == "M&M_Fin,__x"


def test_instruments_of_one_name() -> None:
    pairs = [
        ("BCD_FO|USDINR", "USDINR"), ("NCD_FO|USDINR", "USDINR"), ("NCD_FO|OTHER", "USDINR"),
        ("NCD_FO|THIRD", "USDINR"), ("A|b", "USDINR_NCD_FO"), ("NSE_INDEX|Nifty 50", "Nifty 50"),
    ]  # fmt: skip
    assert dict(labels(pairs)) == {
        "BCD_FO|USDINR": "USDINR",
        "NCD_FO|USDINR": "USDINR_NCD_FO",
        "NCD_FO|OTHER": "USDINR_NCD_FO_2",
        "NCD_FO|THIRD": "USDINR_NCD_FO_3",
        "A|b": "USDINR_NCD_FO_A",
        "NSE_INDEX|Nifty 50": "Nifty_50",
    }


@given(st.lists(st.tuples(st.text(max_size=3), st.sampled_from(["A B", "A_B", "C", ""]))))
def test_no_two_labels_are_alike(pairs: list[tuple[str, str]]) -> None:
    unique = list(dict(pairs).items())
    found = labels(unique)
    assert len(set(found.values())) == len(unique)


def test_members_of_one_symbol() -> None:
    names = MemberNames()
    claimed = [
        names.claim(symbol, segment, "csv")
        for symbol, segment in [
            ("USDINR12DEC25FUT", "NCD_FO"), ("USDINR12DEC25FUT", "BCD_FO"),
            ("USDINR12DEC25FUT", "BCD_FO"), ("USDINR12DEC25FUT", "BCD_FO"),
            ("usdinr12dec25fut", "X"), ("M&M30SEP25FUT", "NSE_FO"), ("A/../B", "C"),
        ]
    ]  # fmt: skip
    assert claimed == [
        "USDINR12DEC25FUT.csv",
        "USDINR12DEC25FUT_BCD_FO.csv",
        "USDINR12DEC25FUT_BCD_FO_2.csv",
        "USDINR12DEC25FUT_BCD_FO_3.csv",
        "usdinr12dec25fut_X.csv",
        "M&M30SEP25FUT.csv",
        "A_.._B.csv",
    ]


@given(st.lists(st.tuples(st.sampled_from(["A", "a", "A_B", "B"]), st.sampled_from(["B", "b/"]))))
def test_no_two_members_are_alike_on_any_file_system(pairs: list[tuple[str, str]]) -> None:
    names = MemberNames()
    claimed = [names.claim(*pair, "csv") for pair in pairs]
    assert len({name.casefold() for name in claimed}) == len(pairs)
    assert not any("/" in name for name in claimed)


@pytest.mark.parametrize(
    ("key", "symbol", "name"),
    [
        ("NSE_INDEX|Nifty 50", "NIFTY", "Nifty 50"),
        ("NSE_INDEX|Nifty Bank", "BANKNIFTY", "Bank Nifty"),
        ("BSE_INDEX|SENSEX", "", "Sensex"),
        ("NSE_EQ|INE101A01026", "M&M", "M&M"),
        ("NCD_FO|USDINR", "", "USDINR"),
        ("A|B|C", "", "B|C"),
        ("NOBAR", "", "NOBAR"),
        ("SEGMENT|", "", "SEGMENT|"),
    ],
)
def test_display_names(key: str, symbol: str, name: str) -> None:
    assert display_name(key, symbol) == name


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("x_1.csv", "x_1_2.csv"), ("x_1.csv.gz", "x_1_2.csv.gz"), ("a.b_1.zip", "a.b_1_2.zip"),
        ("a.b_1.json.zst", "a.b_1_2.json.zst"), ("plain", "plain_2"), ("x.gz", "x_2.gz"),
    ],
)  # fmt: skip
def test_a_number_stands_before_the_endings(name: str, second: str) -> None:
    assert numbered(name, 2) == second
