"""Market databases with flipped bytes and lost ends: no export may be short without saying so.

A digit that changed inside of a stored value cannot be seen, and is not counted.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from exporter.errors import Code, ExportError
from exporter.sources.sqlite import MarketDatabase
from tests import makers
from tests.conformance.judge import everything, produce
from tests.faults.asking import Asking, asking
from tests.faults.sizes import cases, told
from tests.servers import Server

_WIDTHS = (1, 1, 1, 8, 64, 4096)


def dense_database(path: Path) -> Path:
    """Few candles for each contract, so that random bytes are often those of its tables."""
    with makers.Maker(path) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        for number in range(120):
            made.contract(
                strike=22000 + 50 * (number // 2 % 30),
                kind=("CE", "PE")[number % 2],
                expiry=("2025-09-16", "2025-09-23")[number // 60],
                trading_symbol=f"NIFTY {number}",
                candles=makers.plain(4),
            )
    return path


def request_of(path: Path) -> Any:
    return {key: value for key, value in everything(path).items() if key != "accepted_at"}


def flipped(content: bytes, random: Random) -> bytes:
    """Some bytes in a row, anywhere, are other ones."""
    spoilt = bytearray(content)
    at, width = random.randrange(len(content)), random.choice(_WIDTHS)
    for place in range(at, min(len(content), at + width)):
        spoilt[place] ^= random.randrange(1, 256)
    return bytes(spoilt)


def cut(content: bytes, random: Random) -> bytes:
    """The end is gone."""
    return content[: random.randrange(len(content))]


async def outcome(ask: Asking, body: Any, undisturbed: bytes) -> str:
    """`same`, `digit`, `short` (a violation), or the code of the failure."""
    task_id, code = await ask.begin(body)
    if code:
        return code
    task = await ask.finished(task_id)
    if task["status"] != "completed":
        await ask.forget(task_id)
        return str(task["error_code"])
    content = await ask.content(task)
    await ask.forget(task_id)
    if content == undisturbed:
        return "same"
    lines = len(content.splitlines())
    assert lines == task["rows_done"] + 1
    wanted = len(undisturbed.splitlines()) - task["duplicates_dropped"]
    return "digit" if lines == wanted else "short"


@pytest.mark.parametrize("kind", ["flipped", "cut"])
@cases(quick=8, many=100, whole=200)
async def test_a_damaged_database_never_gives_a_short_file_in_silence(
    kind: str, cases: int, tmp_path: Path, sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two databases in turn, so that the tables of contracts and of candles are both hit."""
    spoil = {"flipped": flipped, "cut": cut}[kind]
    sources = [dense_database(tmp_path / "dense.db"), sample]
    path, spare = tmp_path / "market.db", tmp_path / "spare.db"
    found: Counter[str] = Counter()
    violations = []
    path.write_bytes(sources[0].read_bytes())
    with Server(tmp_path / "server", path, "--keep-free", "0") as server:
        async with asking(server.url) as ask:
            for source in sources:
                body, whole = request_of(source), source.read_bytes()
                _replace(path, spare, whole)
                task = await ask.finished(await ask.start(body))
                undisturbed = await ask.content(task)
                await ask.forget(task["task_id"])
                for number in range(cases // 2):
                    random = Random(f"{kind} {source.name} {number}")
                    _replace(path, spare, spoil(whole, random))
                    result = await outcome(ask, body, undisturbed)
                    found[result] += 1
                    if result in ("short", "internal"):
                        violations.append((source.name, number, result))
                _replace(path, spare, whole)
                task = await ask.finished(await ask.start(body))
                assert await ask.content(task) == undisturbed, "the server has recovered"
                await ask.forget(task["task_id"])
        assert not list(server.exports.glob("*-*"))
    told(capsys, f"3 database {kind}", cases=cases, violations=len(violations), **found)
    assert violations == []


def _replace(path: Path, spare: Path, content: bytes) -> None:
    spare.write_bytes(content)
    makers.settle(spare)
    os.replace(spare, path)


async def refusal(path: Path, request: Mapping[str, Any], folder: Path) -> str:
    """The message of an export that fails because the database is damaged."""
    database = MarketDatabase(path, readers=1)
    try:
        with pytest.raises(ExportError) as failed:
            await produce(database, request, folder)
    finally:
        await database.close()
    assert failed.value.code is Code.DATABASE_UNREADABLE
    assert not folder.exists()
    return failed.value.message


def _in_index(path: Path, index: str, text: bytes) -> int:
    """Where `text` stands in the first page of an index."""
    with closing(sqlite3.connect(path)) as database:
        ((root,),) = database.execute("SELECT rootpage FROM sqlite_schema WHERE name=?", (index,))
    return path.read_bytes().index(text, (root - 1) * 4096, root * 4096)


def _write(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)
    makers.settle(path)


def _small(path: Path, candles: list[tuple[Any, ...]]) -> str:
    with makers.Maker(path) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        made.contract(strike=22700)
        return made.contract(strike=22750, candles=candles)


async def test_an_index_whose_times_lead_back_ends(tmp_path: Path) -> None:
    """A time of another type is beyond all times: jumping on from it leads to itself, for ever."""
    path = tmp_path / "loop.db"
    key = _small(path, [row for day in "567" for row in makers.plain(2, f"2025-09-0{day}")])
    request = everything(path)
    entry = f"{key}{makers.stamp(0, '2025-09-06')}".encode()
    at = _in_index(path, "sqlite_autoindex_historical_data_1", entry)
    assert path.read_bytes()[at - 2] == 13 + 2 * 25, "text of 25 bytes"
    _write(path, at - 2, bytes([12 + 2 * 25]))
    assert key in await refusal(path, request, tmp_path / "out")


@pytest.mark.parametrize("stamp", ["2025-09l06", "2025-09-04"])
async def test_an_index_with_other_times_than_the_rows(stamp: str, tmp_path: Path) -> None:
    path = tmp_path / "times.db"
    key = _small(path, [row for day in "567" for row in makers.plain(1, f"2025-09-0{day}")])
    request = everything(path)
    entry = f"{key}{makers.stamp(0, '2025-09-06')}".encode()
    at = _in_index(path, "sqlite_autoindex_historical_data_1", entry)
    _write(path, at + len(key), stamp.encode())
    assert key in await refusal(path, request, tmp_path / "out")


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ("contracts", b"NSE_FO|40002"),
        ("sqlite_autoindex_contracts_1", b"NSE_FO|40002"),
        ("contracts", b"NSE_INDEX|Nifty 50"),
        ("idx_instrument_expiry", b"NSE_INDEX|Nifty 50"),
        ("idx_instrument_expiry", b"2025-09-16"),
        ("contracts", b"2025-09-16"),
    ],
)
async def test_a_contract_that_its_index_does_not_find_is_not_left_out(
    index: str, text: bytes, tmp_path: Path
) -> None:
    """Neither the row nor the index can be told to be right, so the export says so."""
    path = tmp_path / "contracts.db"
    _small(path, makers.plain(3))
    request = everything(path)
    at = _in_index(path, index, text)
    _write(path, at + len(text) - 1, b"1")
    assert "indexes disagree" in await refusal(path, request, tmp_path / "out")
