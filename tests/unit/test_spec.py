"""Requests: each kind of bad input is named, nothing is ignored, and a spec says itself again."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import fields
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.errors import BadInput, Code
from exporter.model import (
    ExportSpec,
    FileFormat,
    Instrument,
    Level,
    Options,
    SymbolStyle,
    TimeRange,
    Window,
)
from exporter.options import OPTION_HELP, options_to_json, parse_options
from exporter.sources.base import Catalogue
from exporter.spec import parse_request, spec_from_json, spec_to_json
from exporter.windows import window_of

NIFTY, BANK, EMPTY = "NSE_INDEX|Nifty 50", "NSE_INDEX|Nifty Bank", "BSE_INDEX|SENSEX"
CATALOGUE = Catalogue(
    instruments=(
        Instrument(NIFTY, "Nifty 50", "NIFTY", 2, 4),
        Instrument(BANK, "Bank Nifty", "BANKNIFTY", 1, 2),
        Instrument(EMPTY, "Sensex", "SENSEX", 0, 0),
        Instrument("A~~~B", "Odd", "", 1, 1),
    ),
    expiries={
        NIFTY: (date(2025, 9, 23), date(2025, 9, 16)),
        BANK: (date(2025, 9, 30),),
        "A~~~B": (date(2025, 9, 30),),
    },
    contracts=7,
)
GOOD: dict[str, Any] = {
    "instruments": [NIFTY],
    "expiries": {NIFTY: ["2025-09-16"]},
    "format": "csv",
    "options": {},
}


def test_a_plain_request() -> None:
    spec, warnings = parse_request(GOOD, CATALOGUE)
    assert spec == ExportSpec((NIFTY,), {NIFTY: (date(2025, 9, 16),)}, FileFormat.CSV, Options())
    assert warnings == ()


def test_what_is_named_twice_counts_once_and_expiries_are_put_in_order() -> None:
    spec, _ = parse_request(
        {
            "instruments": [BANK, NIFTY, BANK],
            "expiries": {NIFTY: ["2025-09-23", "2025-09-16", "2025-09-23"], BANK: ["2025-09-30"]},
            "format": "zip",
        },
        CATALOGUE,
    )
    assert spec.instruments == (BANK, NIFTY)
    assert spec.expiries[NIFTY] == (date(2025, 9, 16), date(2025, 9, 23))


def test_the_wizards_checkbox_values() -> None:
    spec, _ = parse_request(
        {
            "instruments": [NIFTY, "A~~~B"],
            "expiries": [f"{NIFTY}~~~2025-09-23", f"{NIFTY}~~~2025-09-23", "A~~~B~~~2025-09-30"],
        },
        CATALOGUE,
    )
    assert spec.expiries == {NIFTY: (date(2025, 9, 23),), "A~~~B": (date(2025, 9, 30),)}
    assert spec.format is FileFormat.CSV


@pytest.mark.parametrize("expiries", [{NIFTY: ["2025-09-16"]}, {NIFTY: ["2025-09-16"], BANK: []}])
def test_an_instrument_without_an_expiry_is_left_out_with_a_warning(
    expiries: dict[str, list[str]],
) -> None:
    body = {**GOOD, "instruments": [BANK, NIFTY, EMPTY], "expiries": expiries}
    spec, warnings = parse_request(body, CATALOGUE)
    assert spec.instruments == (NIFTY,)
    assert [warning.partition(" ")[0] for warning in warnings] == ["NSE_INDEX|Nifty", EMPTY]
    assert all("left out" in warning for warning in warnings)


def problems_of(body: Any) -> tuple[str, ...]:
    with pytest.raises(BadInput) as failed:
        parse_request(body, CATALOGUE)
    assert failed.value.code is Code.BAD_INPUT
    assert failed.value.problems
    assert failed.value.message == "; ".join(failed.value.problems)
    return failed.value.problems


def changed(*path: str, value: Any) -> dict[str, Any]:
    body = deepcopy(GOOD)
    inner = body
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return body


@pytest.mark.parametrize("body", [None, [], "x", 1, True])
def test_a_body_that_is_no_object(body: Any) -> None:
    assert "JSON object" in problems_of(body)[0]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "instruments must be"),
        (changed("instruments", value=[]), "instruments must be"),
        (changed("instruments", value=NIFTY), "instruments must be"),
        (changed("instruments", value=[1]), "instruments must be"),
        (changed("instruments", value=[NIFTY, None]), "instruments must be"),
        (changed("instruments", value=["NSE_INDEX|Nifty"]), "unknown instrument"),
        (changed("instruments", value=[NIFTY, "x" * 500]), "unknown instrument 'xxxx"),
        (changed("expiries", value=None), "expiries must be"),
        (changed("expiries", value="2025-09-16"), "expiries must be"),
        (changed("expiries", value={}), "no expiry is selected"),
        (changed("expiries", value=[]), "no expiry is selected"),
        (changed("expiries", value={NIFTY: []}), "no expiry is selected"),
        (changed("expiries", value={NIFTY: "2025-09-16"}), "must be a list of dates"),
        (changed("expiries", value={NIFTY: None}), "must be a list of dates"),
        (changed("expiries", value={NIFTY: ["2025-09-17"]}), "has no expiry 2025-09-17"),
        (changed("expiries", value={NIFTY: ["16-09-2025"]}), "is not a date"),
        (changed("expiries", value={NIFTY: ["20250916"]}), "is not a date"),
        (changed("expiries", value={NIFTY: ["2025-02-30"]}), "is not a date"),
        (changed("expiries", value={NIFTY: ["2025-09-16\n"]}), "is not a date"),
        (changed("expiries", value={NIFTY: ["२०२५-०९-१६"]}), "is not a date"),
        (changed("expiries", value={NIFTY: [20250916]}), "is not a date"),
        (changed("expiries", value={NIFTY: [None]}), "is not a date"),
        (changed("expiries", value={BANK: ["2025-09-30"]}), "which was not asked for"),
        (changed("expiries", value={BANK: []}), "which was not asked for"),
        (changed("expiries", value={"x": ["2025-09-30"]}), "which was not asked for"),
        (changed("expiries", value=[f"{BANK}~~~2025-09-30"]), "which was not asked for"),
        (changed("expiries", value=[f"{NIFTY}~2025-09-16"]), "is not of the form"),
        (changed("expiries", value=[1]), "is not of the form"),
        (changed("expiries", value=[f"{NIFTY}~~~"]), "is not a date"),
        (changed("format", value="xml"), "format 'xml' is not one of csv, json, zip"),
        (changed("format", value="CSV"), "format 'CSV'"),
        (changed("format", value=None), "format None"),
        (changed("format", value=["csv"]), "format ['csv']"),
        (changed("options", value=None), "options must be a JSON object"),
        (changed("options", value=[]), "options must be a JSON object"),
        (changed("options", "colour", value="red"), "unknown option 'colour'"),
        (changed("options", "Excel", value=True), "unknown option 'Excel'"),
        (changed("options", "excel", value=1), "excel must be true or false"),
        (changed("options", "excel", value="true"), "excel must be true or false"),
        (changed("options", "excel", value=None), "excel must be true or false"),
        (changed("options", "include_openalgo", value=0), "include_openalgo must be"),
        (changed("options", "include_metadata", value=[]), "include_metadata must be"),
        (changed("options", "separate_files", value="no"), "separate_files must be"),
        (changed("options", "symbol_style", value="zerodha"), "symbol_style 'zerodha'"),
        (changed("options", "time_range", value="2d"), "time_range '2d' is not one of all, 1d"),
        (changed("options", "time_range", value="last week"), "time_range 'last week'"),
        (changed("options", "time_range", value=7), "time_range 7"),
        (changed("options", "level", value=9), "level 9 is not one of fast"),
        (changed("options", "from_date", value="yesterday"), "from_date: 'yesterday'"),
        (changed("options", "to_date", value="2025-02-30"), "to_date: '2025-02-30'"),
        (
            changed("options", value={"from_date": "2025-09-02", "to_date": "2025-09-01"}),
            "from_date is after to_date",
        ),
        (
            changed("options", value={"from_date": "2025-09-02", "time_range": "7d"}),
            "go with time_range all only",
        ),
        (
            changed("options", value={"to_date": "2025-09-02", "time_range": "1d"}),
            "go with time_range all only",
        ),
        ({**GOOD, "instrument": NIFTY}, "unknown key 'instrument'"),
        ({**GOOD, "contracts": ["x"]}, "unknown key 'contracts'"),
    ],
)
def test_each_kind_of_bad_input_is_named(body: Any, named: str) -> None:
    assert any(named in problem for problem in problems_of(body))


def test_every_problem_is_named_at_once() -> None:
    problems = problems_of(
        {
            "instruments": [NIFTY, "nobody"],
            "expiries": {NIFTY: ["never", "2025-09-17"], BANK: ["2025-09-30"]},
            "format": "xml",
            "options": {"excel": 1, "colour": "red", "time_range": "2d"},
            "extra": 1,
        }
    )
    words = [
        "'extra'", "'nobody'", "'never'", "2025-09-17", "2025-09-30", "'xml'", "excel", "'colour'",
        "'2d'",
    ]  # fmt: skip
    assert len(problems) == len(words)
    for word in words:
        assert any(word in problem for problem in problems), word


@pytest.mark.parametrize("value", ["x" * 10**6, ["x" * 10**6], {"x" * 10**6: 1}])
def test_a_huge_value_is_not_said_back(value: Any) -> None:
    for name in ("instruments", "expiries", "format", "options"):
        for problem in problems_of(changed(name, value=value)):
            assert len(problem) < 300


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(NIFTY),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([NIFTY, BANK, "excel", "format", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # How fast a machine is, is not at issue.
@given(
    st.dictionaries(
        st.sampled_from(["instruments", "expiries", "format", "options", "x"]), json_values
    )
)
def test_no_body_gets_anything_but_a_spec_or_problems(body: dict[str, Any]) -> None:
    refused: tuple[str, ...] = ()
    try:
        assert parse_request(body, CATALOGUE)[0].instruments
    except BadInput as error:
        refused = error.problems
    assert all(refused)


dates = st.none() | st.dates(date(2020, 1, 1), date(2030, 1, 1))


@st.composite
def options(draw: st.DrawFn) -> Options:
    first, last = sorted([draw(dates), draw(dates)], key=lambda day: day or date.min)
    whole = first is None and last is None
    return Options(
        include_openalgo=draw(st.booleans()),
        include_metadata=draw(st.booleans()),
        excel=draw(st.booleans()),
        symbol_style=draw(st.sampled_from(SymbolStyle)),
        separate_files=draw(st.none() | st.booleans()),
        time_range=draw(st.sampled_from(TimeRange)) if whole else TimeRange.ALL,
        from_date=first,
        to_date=last,
        level=draw(st.sampled_from(Level)),
    )


@given(options(), st.sampled_from(FileFormat), st.none() | st.frozensets(st.text(max_size=3)))
def test_a_spec_says_itself_again(
    chosen: Options, kind: FileFormat, contracts: frozenset[str] | None
) -> None:
    spec = ExportSpec((BANK, NIFTY), CATALOGUE.expiries, kind, chosen, contracts)
    said = json.loads(json.dumps(spec_to_json(spec)))
    assert spec_from_json(said) == spec


@given(options())
def test_options_say_themselves_again_as_a_request(chosen: Options) -> None:
    problems: list[str] = []
    assert parse_options(json.loads(json.dumps(options_to_json(chosen))), problems) == chosen
    assert not problems


def test_a_task_row_that_was_tampered_with_is_refused() -> None:
    spec, _ = parse_request(GOOD, CATALOGUE)
    with pytest.raises(BadInput):
        spec_from_json({**spec_to_json(spec), "options": {"excel": "yes"}})


def test_every_option_is_explained() -> None:
    assert set(OPTION_HELP) == {field.name for field in fields(Options)}


@pytest.mark.parametrize(
    ("kind", "separate", "files", "archive"),
    [
        (FileFormat.CSV, None, False, False),
        (FileFormat.CSV, True, True, True),
        (FileFormat.JSON, None, False, False),
        (FileFormat.JSON, True, True, True),
        (FileFormat.ZIP, None, True, True),
        (FileFormat.ZIP, False, False, True),
    ],
)
def test_what_becomes_an_archive(
    kind: FileFormat, separate: bool | None, files: bool, archive: bool
) -> None:
    spec = ExportSpec((NIFTY,), CATALOGUE.expiries, kind, Options(separate_files=separate))
    assert (spec.separate_files, spec.archive) == (files, archive)


@pytest.mark.parametrize(
    ("chosen", "first", "last"),
    [
        (Options(), None, None),
        (Options(time_range=TimeRange.DAY), date(2025, 9, 16), date(2025, 9, 16)),
        (Options(time_range=TimeRange.WEEK), date(2025, 9, 10), date(2025, 9, 16)),
        (Options(time_range=TimeRange.MONTH), date(2025, 8, 18), date(2025, 9, 16)),
        (Options(time_range=TimeRange.QUARTER), date(2025, 6, 19), date(2025, 9, 16)),
        (Options(from_date=date(2025, 1, 1)), date(2025, 1, 1), None),
        (Options(to_date=date(2025, 1, 1)), None, date(2025, 1, 1)),
    ],
)
def test_windows(chosen: Options, first: date | None, last: date | None) -> None:
    window = window_of(chosen, date(2025, 9, 16))
    assert window == Window(first, last)
    assert window.open == (first is None and last is None)
