"""What cannot be read fails the export by name; nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import Code, ExportError
from exporter.model import FileFormat
from exporter.sources.sqlite import MarketDatabase
from tests import makers, oracle
from tests.conformance.judge import everything, judged, produce

Opener = Callable[[Path], MarketDatabase]
BAD = [
    *((name, row, False) for name, row in makers.BAD_CANDLES.items()),
    *((name, row, True) for name, row in makers.BAD_LOOSE.items()),
]


def bad_value(row: tuple[Any, ...]) -> Any:
    """The field that is wrong: the one that an ordinary candle does not have."""
    return next(
        value
        for value, good in zip(row, (makers.stamp(0), 1, 1, 1, 1, 1, 1), strict=True)
        if value != good
    )


@pytest.mark.parametrize("file_format", [FileFormat.CSV, FileFormat.ZIP])
@pytest.mark.parametrize(("name", "row", "loose"), BAD, ids=[case[0] for case in BAD])
async def test_a_bad_row_is_named(
    name: str,
    row: tuple[Any, ...],
    loose: bool,
    file_format: FileFormat,
    tmp_path: Path,
    opened: Opener,
) -> None:
    path = tmp_path / "bad.db"
    with makers.Maker(path, loose=loose) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        made.contract(strike=22650, trading_symbol="NIFTY 22650 CE", candles=makers.plain())
        key = made.contract(candles=[*makers.plain()[:2], row])
    request = everything(path, file_format)
    with pytest.raises(oracle.OracleError) as expected:
        oracle.load(path, request)
    assert (expected.value.code, expected.value.contract) == ("bad_row", key)
    with pytest.raises(ExportError) as failed:
        await produce(opened(path), request, tmp_path / "out")
    assert failed.value.code is Code.BAD_ROW
    assert key in failed.value.message
    value = bad_value(row)
    shown = {str(value), repr(value)} | ({"NULL", "null"} if value is None else set())
    assert any(text in failed.value.message for text in shown)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("file_format", list(FileFormat))
@pytest.mark.parametrize(
    "contract",
    [
        {"strike": None},
        {"strike": None, "kind": "PE"},
        {"instrument": "NSE|指数", "trading_symbol": "指数 1 CE"},
        {"instrument": "NSE|指数", "trading_symbol": ""},
    ],
    ids=["call-without-strike", "put-without-strike", "foreign-base", "no-base"],
)
async def test_a_contract_without_a_symbol_is_named(
    contract: dict[str, Any], file_format: FileFormat, tmp_path: Path, opened: Opener
) -> None:
    path = tmp_path / "bad.db"
    with makers.Maker(path) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        made.instrument("NSE|指数", "指数")
        made.contract(makers.BANK, trading_symbol="BANKNIFTY 1 CE", candles=makers.plain())
        key = made.contract(**contract)
    request = everything(path, file_format)
    with pytest.raises(oracle.OracleError) as expected:
        oracle.load(path, request)
    assert (expected.value.code, expected.value.contract) == ("bad_contract", key)
    database = opened(path)
    with pytest.raises(ExportError) as failed:
        await produce(database, request, tmp_path / "out")
    assert failed.value.code is Code.BAD_CONTRACT
    assert key in failed.value.message
    other = {
        **request,
        "instruments": [makers.BANK],
        "expiries": {makers.BANK: [makers.EXPIRY]},
    }
    await judged(database, other, tmp_path / "out")
