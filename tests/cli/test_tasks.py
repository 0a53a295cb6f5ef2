"""`expirytrack serve`, `history` and `purge`: over HTTP, and on the task database itself."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from server.client import Client
from tests import makers
from tests.cli.conftest import Call, Start
from tests.servers import Server


def export(url: str, count: int = 1) -> list[str]:
    """Exports on a server, one after the other."""

    async def run() -> list[str]:
        request = {"instruments": [makers.NIFTY], "expiries": {makers.NIFTY: ["2025-12-16"]}}
        ids = []
        async with Client(url) as client:
            for _ in range(count):
                ids.append(await client.start(request))
                assert (await client.wait(ids[-1]))["status"] == "completed"
        return ids

    return asyncio.run(run())


def test_history_over_http(server: Server, call: Call) -> None:
    ids = export(server.url, 3)
    ran = call("history", "--url", server.url, "--json")
    assert [task["task_id"] for task in ran.json][:3] == ids[::-1]
    assert len(call("history", "--url", server.url, "--json", "--limit", "2").json) == 2
    text = call("history", "--url", server.url).out.decode()
    assert text.splitlines()[0].split() == [
        "ACCEPTED", "STATE", "ROWS", "SIZE", "TASK", "FILE", "OR", "REASON",
    ]  # fmt: skip
    assert ids[0] in text
    assert call("history", "--url", server.url, "--state", "failed", "--json").json == []
    assert call("history", "--url", server.url, "--limit", "0").code == 2


def test_purge_over_http(server: Server, call: Call) -> None:
    ran = call("purge", "--url", server.url, "--json")
    assert ran.code == 0
    assert set(ran.json) == {"removed", "bytes"}
    told = call("purge", "--url", server.url, "--keep-days", "1")
    assert told.code == 2
    assert "go with --tasks" in told.err


def test_nobody_answers(call: Call, unused_tcp_port: int) -> None:
    for command in ("history", "purge"):
        ran = call(command, "--url", f"http://127.0.0.1:{unused_tcp_port}")
        assert ran.code == 1
        assert "no server answers at" in ran.err


def test_without_a_server_the_task_database_itself_is_read(
    sample: Path, call: Call, room: Path
) -> None:
    with Server(room, sample, "--keep-free", "0") as server:
        ids = export(server.url, 2)
        busy = call("purge", "--tasks", "tasks.db", "--exports", "exports")
        assert busy.code == 1
        assert "in use by another server" in busy.err
        assert server.stop() == 0
    found = call("history", "--tasks", "tasks.db", "--json").json
    assert [task["task_id"] for task in found] == ids[::-1]
    assert len(call("history", "--tasks", "tasks.db", "--json", "--limit", "1").json) == 1
    files = [path for path in (room / "exports").glob("*/*") if path.suffix == ".csv"]
    assert len(files) == 2
    purge = ("purge", "--tasks", "tasks.db", "--exports", "exports")
    assert call(*purge).out == b"0 files removed, 0 bytes\n"
    largest = max(path.stat().st_size for path in files)
    assert call(*purge, "--keep-bytes", largest, "--json").json["removed"] == 1
    states = [task["status"] for task in call("history", "--tasks", "tasks.db", "--json").json]
    assert states == ["completed", "expired"]


def test_a_task_database_that_is_not_there_is_not_made(call: Call, room: Path) -> None:
    for command in ("history", "purge"):
        ran = call(command, "--tasks", "none.db")
        assert ran.code == 3
        assert "there is no task database at none.db" in ran.err
    assert list(room.glob("none.db*")) == []


def test_a_newer_task_database_is_refused(sample: Path, call: Call, room: Path) -> None:
    subprocess.run(["sqlite3", "tasks.db", "PRAGMA user_version=9999"], check=True)
    ran = call("history", "--tasks", "tasks.db")
    assert ran.code == 3
    assert "made by a newer version" in ran.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_serves_until_it_is_told_to_stop(
    sample: Path, start: Start, number: signal.Signals
) -> None:
    process = start(
        "serve", "--db", sample, "--port", "0", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert process.stdout is not None
    url = process.stdout.readline().decode().strip()
    with urllib.request.urlopen(f"{url}/api/health") as answer:
        assert json.load(answer)["database"]["path"] == str(sample)
    process.send_signal(number)
    rest, _ = process.communicate(timeout=60)
    assert (process.returncode, rest) == (0, b"")


def test_serve_refuses_what_it_cannot_use(call: Call) -> None:
    ran = call("serve", "--port", "many")
    assert ran.code == 2
    assert "--port 'many'" in ran.err
