"""The command as a process: streams, terminals, pipes that close, and being told to stop."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from server import VERSION
from tests.cli.conftest import COMMAND, Start

PATIENCE_S = 60
CONTRACT = "NIFTY16DEC2525900CE"
REPORT = re.compile(rb"out\.csv  368 rows  [0-9,]+ bytes  sha256 [0-9a-f]{64}\n")


def files(folder: Path) -> list[str]:
    """Everything below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def everybody_listens() -> None:
    """A test run in the background may have SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_standard_output_holds_the_file_and_nothing_else(sample: Path, room: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "export", "--db", sample, CONTRACT, "-o", "-"], capture_output=True, check=True
    )
    assert done.stdout.startswith(b"openalgo_symbol,")
    assert done.stdout.count(b"\n") == 369
    assert b"standard output  368 rows" in done.stderr
    assert files(room) == []


def test_plain_lines_without_a_terminal(sample: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "export", "--db", sample, CONTRACT, "-o", "out.csv"],
        capture_output=True,
        check=True,
    )
    assert REPORT.fullmatch(done.stdout)
    lines = done.stderr.decode().splitlines()
    assert lines[0].startswith("exporting: ")
    assert lines[-1].startswith("exporting: 100%  368 of 368 rows")
    assert "\r" not in done.stderr.decode()


@pytest.mark.parametrize("locale", ["C.UTF-8", "POSIX"])
def test_a_bar_on_a_terminal_is_wiped_out_at_the_end(
    sample: Path, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setenv("PYTHONCOERCECLOCALE", "0")
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*COMMAND, "export", "--db", sample, CONTRACT, "-o", "out.csv"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # Linux says so when the other side has been closed.
        pass
    os.close(ours)
    text = shown.decode()
    assert REPORT.fullmatch(done.stdout)
    assert ("█" if locale == "C.UTF-8" else "#") in text
    assert "of 368 rows" in text
    assert "\n" not in text
    assert re.search(r"\r +\r$", text)


def test_an_archive_is_not_for_a_terminal(sample: Path, start: Start) -> None:
    ours, theirs = pty.openpty()
    process = start(
        "export", "--db", sample, CONTRACT, "-o", "-", "--format", "zip",
        stdout=theirs, stderr=subprocess.PIPE,
    )  # fmt: skip
    _, err = process.communicate(timeout=PATIENCE_S)
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 2
    assert b"an archive is not for a terminal" in err


@pytest.mark.parametrize("closing", ["2>&-", "2>&- >out.csv"])
def test_a_closed_stream_is_not_mistaken_for_another(
    sample: Path, room: Path, closing: str
) -> None:
    line = f'"$@" export --db {sample} {CONTRACT} -o - {closing}'
    done = subprocess.run(
        ["bash", "-c", line, "bash", *COMMAND], stdout=subprocess.PIPE, check=True
    )
    content = (room / "out.csv").read_bytes() if "out.csv" in closing else done.stdout
    assert content.startswith(b"openalgo_symbol,")
    assert content.count(b"\n") == 369


def test_a_reader_that_leaves_ends_it_quietly(sample: Path, room: Path, start: Start) -> None:
    process = start(
        "export", "--db", sample, "--all-instruments", "-o", "-", "-q",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"openalgo_symbol,")
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(PATIENCE_S) == 141
    assert files(room) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("place", [[], ["-o", "out.csv"], ["-o", "-"]], ids=" ".join)
def test_an_interrupt_leaves_nothing_behind(
    slow: Path,
    room: Path,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    place: list[str],
) -> None:
    (room / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(room / "temporary"))
    process = start(
        "export", "--db", slow, "--instrument", "NIFTY", *place,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=everybody_listens,
    )  # fmt: skip
    assert process.stderr is not None
    first = process.stderr.readline()
    assert first.startswith(b"exporting: ")
    assert b"100%" not in first
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert out == b""
    assert err.decode().endswith("expirytrack: note: interrupted\n")
    assert set(files(room)) <= {"temporary", "exports"}


def test_an_interrupt_while_the_reader_waits_leaves_nothing(
    sample: Path, room: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    (room / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(room / "temporary"))
    process = start(
        "export", "--db", sample, "--all-instruments", "-o", "-",
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=everybody_listens,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130
    process.stdout.close()
    assert files(room) == ["temporary"]


def test_list_ends_quietly_too(sample: Path, start: Start) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start("list", "instruments", "--db", sample, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (141, b"")


def test_the_console_script_is_installed() -> None:
    script = Path(sys.executable).with_name("expirytrack")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"expirytrack {VERSION}\n"
