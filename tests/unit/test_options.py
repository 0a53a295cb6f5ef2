"""The registry of options: each is described, read strictly, and says itself again."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import date
from typing import Any

import pytest

from exporter.errors import BadInput
from exporter.model import Options
from exporter.options import OPTIONS, parse_options
from exporter.optiontext import from_text
from exporter.spec import parse_request, spec_from_json, spec_to_json
from tests.unit.test_spec import BANK, CATALOGUE, EMPTY, GOOD, NIFTY

KINDS = {"flag", "choice", "choices", "integer", "number", "date", "time", "columns"}


def read(**raw: Any) -> Options:
    """Options that must be right."""
    problems: list[str] = []
    options = parse_options(raw, problems)
    assert not problems
    assert options is not None
    return options


def test_the_registry_describes_every_option() -> None:
    assert [one.name for one in OPTIONS] != []
    assert {one.name for one in OPTIONS} == {field.name for field in fields(Options)}
    for one in OPTIONS:
        described = one.to_json()
        assert json.loads(json.dumps(described)) == described
        assert described["kind"] in KINDS
        assert bool(one.choices) == (one.kind in {"choice", "choices", "columns"})


def test_defaults_are_what_an_empty_request_means() -> None:
    assert read() == Options() == read(**{one.name: one.default for one in OPTIONS})


@pytest.mark.parametrize(
    ("name", "raw", "named"),
    [
        ("columns", "close", "a list of columns"),
        ("columns", [], "a list of columns"),
        ("columns", ["price"], "'price' is not one of openalgo_symbol"),
        ("columns", [{"name": "close", "title": "x"}], "neither a column nor"),
        ("columns", [{"as": "x"}], "neither a column nor"),
        ("columns", [["close"]], "neither a column nor"),
        ("columns", [{"name": ["close"]}], "is not one of"),
        ("columns", ["close", "open", "close"], "the column 'close' stands there twice"),
        ("columns", ["close", {"name": "open", "as": "close"}], "the title 'close' stands"),
        ("columns", [{"name": "open", "as": ""}], "must be 1 to 60 printable"),
        ("columns", [{"name": "open", "as": "x" * 61}], "must be 1 to 60 printable"),
        ("columns", [{"name": "open", "as": "a\nb"}], "must be 1 to 60 printable"),
        ("columns", [{"name": "open", "as": "a\x00"}], "must be 1 to 60 printable"),
        ("columns", [{"name": "open", "as": "\ud800"}], "must be 1 to 60 printable"),
        ("columns", [{"name": "open", "as": None}], "must be 1 to 60 printable"),
        ("delimiter", ",", "delimiter ',' is not one of comma, tab, semicolon"),
        ("decimals", 9, "decimals must be a whole number from 0 to 8, not 9"),
        ("decimals", True, "decimals must be a whole number"),
        ("decimals", 2.0, "decimals must be a whole number"),
        ("option_types", [], "option_types must be a list of CE, PE or FUT"),
        ("option_types", "CE", "option_types must be a list"),
        ("option_types", ["CALL"], "option_types must be a list"),
        ("option_types", [["CE"]], "option_types must be a list"),
        ("strike_from", -1, "strike_from must be a number of 0 or more"),
        ("strike_to", "22700", "strike_to must be a number"),
        ("strike_to", 1e300, "strike_to must be a number"),
        ("strike_to", float("nan"), "strike_to must be a number"),
        ("strikes_around", 0, "strikes_around must be a whole number from 1 to 200"),
        ("only_with_candles", 1, "only_with_candles must be true or false"),
        ("only_with_candles", None, "only_with_candles must be true or false"),
        ("days_before_expiry", 3651, "days_before_expiry must be a whole number from 0 to 3650"),
        ("from_time", "9:15", "from_time: '9:15' is not a time of the form HH:MM"),
        ("from_time", "24:00", "from_time: '24:00' is not a time"),
        ("to_time", "15:30:00", "to_time: '15:30:00' is not a time"),
        ("min_volume", -1, "min_volume must be a whole number"),
        ("compression", "bzip2", "compression 'bzip2' is not one of none, gzip, zstd"),
    ],
)
def test_each_wrong_value_is_named(name: str, raw: Any, named: str) -> None:
    problems: list[str] = []
    assert parse_options({name: raw}, problems) is None
    assert any(named in problem for problem in problems), problems


RULES: list[tuple[Any, dict[str, list[str]]]] = [
    ({"last": 1}, {NIFTY: ["2025-09-23"], BANK: ["2025-09-30"]}),
    ({"last": 4}, {NIFTY: ["2025-09-16", "2025-09-23"], BANK: ["2025-09-30"]}),
    ({"all": True}, {NIFTY: ["2025-09-16", "2025-09-23"], BANK: ["2025-09-30"]}),
    ({"from": "2025-09-17"}, {NIFTY: ["2025-09-23"], BANK: ["2025-09-30"]}),
    ({"to": "2025-09-17"}, {NIFTY: ["2025-09-16"]}),
    ({"from": "2025-09-16", "to": "2025-09-23"}, {NIFTY: ["2025-09-16", "2025-09-23"]}),
    ({"from": "2025-09-24", "to": None}, {BANK: ["2025-09-30"]}),
    ({"days": 3}, {NIFTY: ["2025-09-23"]}),
    ({"days": 10}, {NIFTY: ["2025-09-16", "2025-09-23"]}),
]


@pytest.mark.parametrize(("rule", "meant"), RULES, ids=lambda one: str(one))
def test_a_rule_is_resolved_for_each_instrument(rule: Any, meant: dict[str, list[str]]) -> None:
    body = {"instruments": [NIFTY, BANK], "expiry_rule": rule}
    spec, warnings = parse_request(body, CATALOGUE, date(2025, 9, 26))
    assert {key: [str(day) for day in days] for key, days in spec.expiries.items()} == meant
    assert len(warnings) == 2 - len(meant)
    assert spec_from_json(json.loads(json.dumps(spec_to_json(spec)))) == spec


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({}, "expiry_rule must be one of"),
        ([], "expiry_rule must be one of"),
        (None, "expiry_rule must be one of"),
        ("last", "expiry_rule must be one of"),
        ({"last": 1, "all": True}, "expiry_rule must be one of"),
        ({"newest": 1}, "expiry_rule must be one of"),
        ({"last": 0}, "expiry_rule.last must be a whole number"),
        ({"last": "4"}, "expiry_rule.last must be a whole number"),
        ({"days": -1}, "expiry_rule.days must be a whole number"),
        ({"days": 10**9}, "expiry_rule.days must be a whole number"),
        ({"all": 1}, "expiry_rule.all must be true"),
        ({"from": "yesterday"}, "expiry_rule.from: 'yesterday' is not a date"),
        ({"from": "2025-09-17", "to": "2025-09-16"}, "from is after to"),
        ({"from": "2030-01-01"}, "no expiry is selected"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_named(rule: Any, named: str) -> None:
    with pytest.raises(BadInput) as failed:
        parse_request({"instruments": [NIFTY, BANK, EMPTY], "expiry_rule": rule}, CATALOGUE)
    assert any(named in problem for problem in failed.value.problems)


def test_a_rule_stands_instead_of_expiries() -> None:
    with pytest.raises(BadInput) as failed:
        parse_request({**GOOD, "expiry_rule": {"last": 1}}, CATALOGUE)
    assert failed.value.problems == ("expiries and expiry_rule exclude each other",)


def test_an_older_task_row_is_still_read() -> None:
    spec, _ = parse_request(GOOD, CATALOGUE)
    old = spec_to_json(spec)
    old["options"] = {"include_openalgo": True, "level": "balanced", "from_date": None}
    assert spec_from_json(old) == spec


TEXTS: dict[str, tuple[str, Any]] = {
    "flag": ("true", True),
    "choice": ("tab", "tab"),
    "choices": ("ce, FUT", ["CE", "FUT"]),
    "integer": ("75", 75),
    "number": ("292.5", 292.5),
    "date": ("2025-09-16", "2025-09-16"),
    "time": ("09:15", "09:15"),
    "columns": ("date,close=Last, price", ["date", {"name": "close", "as": "Last"}, "price"]),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_text_becomes_what_a_request_says(kind: str) -> None:
    option = next(one for one in OPTIONS if one.kind == kind)
    text, value = TEXTS[kind]
    problems: list[str] = []
    assert from_text(option, text, problems) == value
    assert not problems


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("excel", "yes", None),
        ("excel", "false", False),
        ("decimals", "two", None),
        ("decimals", "2.0", None),
        ("strike_to", "22700", 22700),
        ("strike_to", "22700.0", 22700),
        ("strike_to", "inf", None),
        ("strike_to", "", None),
        ("columns", '[{"name": "close", "as": "a,b"}]', [{"name": "close", "as": "a,b"}]),
        ("columns", "[1,", None),
    ],
)
def test_text_that_is_none_is_named(name: str, text: str, value: Any) -> None:
    option = next(one for one in OPTIONS if one.name == name)
    problems: list[str] = []
    assert from_text(option, text, problems) == value
    assert [problem.partition(" ")[0] for problem in problems] == ([name] if value is None else [])


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize(
    ("file_format", "separate"), [("zip", None), ("zip", False), ("csv", True), ("json", True)]
)
def test_an_archive_takes_no_compression_besides(
    compression: str, file_format: str, separate: bool | None
) -> None:
    options = {"compression": compression, "separate_files": separate}
    with pytest.raises(BadInput) as failed:
        parse_request({**GOOD, "format": file_format, "options": options}, CATALOGUE)
    assert "an archive is compressed anyway" in failed.value.problems[0]
