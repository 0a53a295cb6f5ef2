"""`expirytrack stream`: the server's CSV on standard output, or in a file once it is whole."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from exporter.options import OPTIONS, parse_options
from exporter.optiontext import from_text
from server.client_stream import stream_query
from tests.cli.conftest import Call, Start
from tests.makers import NIFTY
from tests.servers import Server


def test_a_stream_is_the_file_that_an_export_writes(
    call: Call, server: Server, sample: Path, tmp_path: Path
) -> None:
    how = ("--instrument", "NIFTY", "--last", "1", "--metadata", "--decimals", "2")
    streamed = call("stream", "--url", server.url, *how)
    assert streamed.code == 0, streamed.err
    exported = call("export", "--db", sample, "-q", "-o", tmp_path / "file.csv", *how)
    assert exported.code == 0, exported.err
    assert streamed.out == (tmp_path / "file.csv").read_bytes()
    kept = call("stream", "--url", server.url, *how, "-o", tmp_path / "kept.csv")
    assert (kept.code, kept.out) == (0, b"")
    assert (tmp_path / "kept.csv").read_bytes() == streamed.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.csv", "kept.csv"]


def test_what_cannot_be_streamed_is_said(call: Call, server: Server, tmp_path: Path) -> None:
    for how, code in (
        ((), 2),
        (("--instrument", "NOBODY"), 2),
        (("--instrument", "NIFTY", "--expiry", "2031-01-01"), 2),
        (("--instrument", "NIFTY", "--separate-files"), 2),
    ):
        ran = call("stream", "--url", server.url, "-o", tmp_path / "no.csv", *how)
        assert (ran.code, ran.out) == (code, b""), ran.err
        assert "error:" in ran.err
    ran = call("stream", "--url", "http://127.0.0.1:9", "--instrument", "NIFTY")
    assert (ran.code, ran.out) == (1, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_breaks_off_leaves_nothing_and_says_so(
    start: Start, slow: Path, tmp_path: Path
) -> None:
    with Server(tmp_path / "served", slow, "--keep-free", "0") as server:
        target = tmp_path / "cut.csv"
        one = start("stream", "--url", server.url, "--instrument", "NIFTY",
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
        two = start("stream", "--url", server.url, "--instrument", "NIFTY", "-o", target,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
        assert one.stdout is not None
        assert one.stdout.read(1000)
        server.kill()
        for running in (one, two):
            _, err = running.communicate(timeout=60)
            assert running.returncode == 1
            assert b"error:" in err
    assert [path.name for path in tmp_path.iterdir()] == ["served"]


def test_whoever_stops_reading_ends_it(start: Start, slow: Path, tmp_path: Path) -> None:
    """As in `expirytrack stream ... | head`."""
    with Server(tmp_path / "served", slow, "--keep-free", "0") as server:
        running = start("stream", "--url", server.url, "--instrument", "NIFTY",
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
        assert running.stdout is not None
        assert running.stdout.readline().startswith(b"openalgo_symbol,")
        running.stdout.close()
        assert running.stderr is not None
        assert (running.stderr.read(), running.wait(60)) == (b"", 141)
        running.stderr.close()


OPTION_SETS: list[dict[str, object]] = [
    {"include_openalgo": False, "excel": True, "symbol_style": "openalgo", "decimals": 0},
    {"columns": ["close", {"name": "open", "as": "O,p=e&n"}], "delimiter": "tab"},
    {"columns": ["date", "close"], "option_types": ["CE", "FUT"], "strike_from": 0.5},
    {"strike_to": 25000, "strikes_around": 3, "from_time": "09:15", "to_date": "2025-09-16"},
]


@pytest.mark.parametrize("options", OPTION_SETS)
def test_options_come_through_an_address(options: dict[str, object]) -> None:
    """What a request says is what the server reads from the query."""
    by_name = {one.name: one for one in OPTIONS}
    problems: list[str] = []
    assert parse_options(options, problems), problems
    query = stream_query({"instruments": [NIFTY], "options": options})
    assert query[0] == ("instruments", NIFTY)
    read = {name: from_text(by_name[name], text, problems) for name, text in query[1:]}
    assert (read, problems) == (options, [])
