"""A visit to a live server: endpoints, formats, integrity, files, and measured rates as a table.

    python tests/test_web_export.py --url http://127.0.0.1:5000

needs nothing but Python. It exports a little in every form, holds the files against each other,
prints what it found, removes its exports again, and exits with 1 if anything was wrong. pytest
runs the same against a server of its own.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE_S = 600.0
POLL_S = 0.1
COLUMNS = [
    "openalgo_symbol", "date", "time", "timestamp", "open", "high", "low", "close", "volume", "oi",
]  # fmt: skip
STATUS_FIELDS = {
    "task_id", "status", "progress", "status_message", "file_path", "error", "error_code",
    "warnings", "created_at", "started_at", "finished_at", "rows_done", "rows_total", "bytes_done",
    "rate", "eta_s", "contract", "attempt", "resumed_from_rows", "sha256", "size", "seq",
}  # fmt: skip
NAME = re.compile(r"OpenAlgo_ExpiryTrack_[A-Za-z0-9._-]+_[0-9]{8}_[0-9]{6}\.(csv|json|zip)")
STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+05:30")
UNKNOWN = "00000000-0000-4000-8000-000000000000"
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "CSV": ("csv", {}),
    "JSON": ("json", {}),
    "ZIP": ("zip", {}),
    "ZIP, one file": ("zip", {"separate_files": False}),
    "CSV, separate files": ("csv", {"separate_files": True}),
    "JSON, separate files": ("json", {"separate_files": True}),
}


@dataclass
class Answer:
    """One answer of the server, errors included."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Export:
    """A finished export with its file, and how long each step took."""

    status: dict[str, Any]
    file: bytes
    accepted_s: float
    finished_s: float
    downloaded_s: float


@dataclass
class Visit:
    """Talks to one server and keeps the findings."""

    url: str
    token: str = ""
    findings: list[tuple[str, str, str]] = field(default_factory=list)
    rates: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    @contextmanager
    def check(self, part: str, what: str) -> Iterator[None]:
        """A finding: fine unless the block raises."""
        try:
            yield
        except (AssertionError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            self.findings.append((part, what, f"FAILED: {str(error) or type(error).__name__}"))
        else:
            self.findings.append((part, what, "ok"))

    def export(self, request: dict[str, Any]) -> Export:
        """The original wizard's way: start, ask until it is done, download."""
        begun = time.perf_counter()
        started = self.call("POST", "/api/export/start", request)
        accepted = time.perf_counter()
        same(started.status, 202)
        task_id = started.json["task_id"]
        self.tasks.append(task_id)
        while True:
            status = self.call("GET", f"/api/export/status/{task_id}").json
            if status["status"] not in {"queued", "processing"}:
                break
            if time.perf_counter() - begun > PATIENCE_S:
                raise AssertionError(f"still {status['status']} after {PATIENCE_S:.0f} s")
            time.sleep(POLL_S)
        same(status["status"], "completed")
        finished = time.perf_counter()
        file = self.call("GET", f"/api/export/download/{task_id}")
        same(file.status, 200)
        return Export(
            status, file.body, accepted - begun, finished - begun, time.perf_counter() - finished
        )


def same(actual: object, wanted: object) -> None:
    """Raises AssertionError that shows both."""
    if actual != wanted:
        raise AssertionError(f"{actual!r:.200} instead of {wanted!r:.200}")


def choose(visit: Visit) -> dict[str, Any]:
    """The newest expiries of up to two instruments, with candles if there are any."""
    found = visit.call("GET", "/api/instruments").json["instruments"]
    keys = [one["key"] for one in found if one["contracts"]][:2]
    if not keys:
        raise AssertionError("the server's database has no contracts")
    days = visit.call("POST", "/api/export/available-expiries", {"instruments": keys}).json
    return {"instruments": keys, "expiries": {key: days[key][:2] for key in keys}, "format": "csv"}


def endpoints(visit: Visit, request: dict[str, Any]) -> None:
    """Every call answers, and refuses what it should."""
    for path in ("/export", "/history", "/status", "/api/health", "/metrics"):
        with visit.check("Endpoints", f"GET {path}"):
            same(visit.call("GET", path).status, 200)
    with visit.check("Endpoints", "POST /api/export/preview"):
        shown = visit.call("POST", "/api/export/preview", request).json
        same({"csv", "json", "zip"} - set(shown["sizes"]), set())
        same(shown["columns"], COLUMNS)
    with visit.check("Endpoints", "GET /api/export/tasks"):
        same(set(visit.call("GET", "/api/export/tasks?limit=1").json), {"tasks", "next_cursor"})
    with visit.check("Endpoints", "an unknown expiry list is empty"):
        nothing = {"instruments": ["NO|Such"]}
        same(visit.call("POST", "/api/export/available-expiries", nothing).json, {"NO|Such": []})
    refused: list[tuple[str, str, str, object, int]] = [
        ("an unknown format", "POST", "start", request | {"format": "pdf"}, 400),
        ("an unknown key", "POST", "start", request | {"more": 1}, 400),
        ("an unknown option", "POST", "start", request | {"options": {"more": 1}}, 400),
        ("an unknown instrument", "POST", "start", request | {"instruments": ["NO|Such"]}, 400),
        ("an unknown task", "GET", f"status/{UNKNOWN}", None, 404),
        ("a download of nothing", "GET", f"download/{UNKNOWN}", None, 404),
        ("a path out of the folder", "GET", "download/..%2f..%2fetc%2fpasswd", None, 404),
    ]
    for what, method, path, body, status in refused:
        with visit.check("Endpoints", f"{what} is refused"):
            answer = visit.call(method, f"/api/export/{path}", body)
            same(answer.status, status)
            same(set(answer.json), {"error", "code", "problems", "id"})


def exports(visit: Visit, request: dict[str, Any]) -> dict[str, Export]:
    """One export of each form, its rates, and what its record says of the file."""
    done: dict[str, Export] = {}
    for name, (kind, options) in FORMS.items():
        with visit.check("Formats", f"{name} is exported"):
            one = visit.export(request | {"format": kind, "options": options})
            done[name] = one
            rows, size = one.status["rows_done"], len(one.file)
            visit.rates.append(
                (
                    name,
                    f"{rows:,}",
                    f"{size:,}",
                    f"{rows / one.finished_s:,.0f}",
                    f"{size / max(one.downloaded_s, 1e-9) / 1e6:,.1f}",
                )
            )
        if name in done:
            with visit.check("Files", f"{name}: record and file agree"):
                record(visit, done[name], "zip" if options.get("separate_files") else kind)
    return done


def record(visit: Visit, one: Export, extension: str) -> None:
    """Name, size, SHA-256, fields, and a part of the file that is resumed."""
    status = one.status
    same(STATUS_FIELDS - set(status), set())
    same(status["progress"], 100)
    same(status["size"], len(one.file))
    same(status["sha256"], hashlib.sha256(one.file).hexdigest())
    folder, _, name = status["file_path"].partition("/")
    same(folder, status["task_id"])
    same(bool(NAME.fullmatch(name)), True)
    same(name.rpartition(".")[2], extension)
    path = f"/api/export/download/{status['task_id']}"
    middle = len(one.file) // 2
    tag = f'"{status["sha256"]}"'
    rest = visit.call("GET", path, **{"Range": f"bytes={middle}-", "If-Range": tag})
    same((rest.status, rest.body == one.file[middle:]), (206, True))
    other = visit.call("GET", path, **{"Range": f"bytes={middle}-", "If-Range": '"another"'})
    same((other.status, other.body == one.file), (200, True))


def integrity(visit: Visit, done: dict[str, Export]) -> None:
    """The same candles in every form, in order, none twice and none lost."""
    if set(done) != set(FORMS):
        visit.findings.append(("Integrity", "all forms", "FAILED: not every form was exported"))
        return
    text = done["CSV"].file
    rows = list(csv.reader(io.StringIO(text.decode(), newline="")))
    by_symbol: dict[str, list[list[str]]] = {}
    with visit.check("Integrity", "CSV: columns, order, no instant twice"):
        same(rows[0], COLUMNS)
        same(len(rows) - 1, done["CSV"].status["rows_done"])
        same(b"\r" in text, False)
        for row in rows[1:]:
            same(len(row), len(COLUMNS))
            same(bool(STAMP.fullmatch(row[3])), True)
            same(row[3], f"{row[1]}T{row[2]}+05:30")
            by_symbol.setdefault(row[0], []).append(row)
        for found in by_symbol.values():
            stamps = [row[3] for row in found]
            same(stamps == sorted(set(stamps)), True)
    with visit.check("Integrity", "JSON: the same candles as CSV"):
        value = json.loads(done["JSON"].file, parse_float=str, parse_int=str)
        same(_rows_of(value["data"]), rows[1:])
        same(int(value["summary"]["rows"]), len(rows) - 1)
    with visit.check("Integrity", "ZIP, one file: the very bytes of the CSV"):
        members = _members(done["ZIP, one file"].file)
        same([name.rpartition(".")[2] for name in members], ["csv", "json"])
        same(next(iter(members.values())) == text, True)
    for form in ("ZIP", "CSV, separate files"):
        with visit.check("Integrity", f"{form}: together the CSV's lines"):
            members = _members(done[form].file)
            files = json.loads(members.pop("metadata.json"))["files"]
            same([one["name"] for one in files], list(members))
            for one in files:
                data = members[one["name"]]
                same(one["sha256"], hashlib.sha256(data).hexdigest())
                same(one["rows"], data.count(b"\n") - 1)
            head = text.index(b"\n") + 1
            same(b"".join(data[head:] for data in members.values()) == text[head:], True)
    with visit.check("Integrity", "JSON, separate files: together the JSON's contracts"):
        members = _members(done["JSON, separate files"].file)
        members.pop("metadata.json")
        contracts = [json.loads(data) for data in members.values()]
        whole = json.loads(done["JSON"].file)["data"]
        same(
            contracts,
            [one for days in whole.values() for found in days.values() for one in found],
        )


def _rows_of(data: dict[str, Any]) -> list[list[str]]:
    """JSON's candles as CSV's fields; numbers were kept as they are written."""
    return [
        [contract["openalgo_symbol"]]
        + ["" if candle[name] is None else candle[name] for name in COLUMNS[1:]]
        for days in data.values()
        for contracts in days.values()
        for contract in contracts
        for candle in contract["historical_data"]
    ]


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        same(archive.testzip(), None)
        names = archive.namelist()
        same(len(set(names)), len(names))
        return {name: archive.read(name) for name in names}


def tidy(visit: Visit) -> None:
    """Remove the exports of this visit; their downloads are gone then."""
    with visit.check("Files", "the exports of this visit are removed"):
        for task_id in visit.tasks:
            same(visit.call("DELETE", f"/api/export/tasks/{task_id}").status, 200)
            same(visit.call("GET", f"/api/export/download/{task_id}").status, 404)


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]], right: tuple[int, ...] = ()) -> str:
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def main(words: list[str] | None = None, say: Callable[[str], object] = print) -> int:
    """Visit a server and print what was found; 0 if all of it is right."""
    parser = argparse.ArgumentParser(description="Check a live ExpiryTrack Export server.")
    parser.add_argument("--url", default="http://127.0.0.1:5000", help="where it listens")
    parser.add_argument("--token", default="", help="if it asks for one")
    arguments = parser.parse_args(words)
    visit = Visit(arguments.url.rstrip("/"), arguments.token)
    try:
        with visit.check("Endpoints", "instruments and expiries are listed"):
            request = choose(visit)
        if visit.findings[-1][2] == "ok":
            endpoints(visit, request)
            integrity(visit, exports(visit, request))
            tidy(visit)
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        say(f"no server answers at {visit.url}: {error}")
        return 1
    say(table(("PART", "CHECK", "RESULT"), list(visit.findings)))
    if visit.rates:
        say("\nStart to finish over HTTP, polled every 0.1 s; small exports measure the polling.")
        heads = ("FORMAT", "ROWS", "BYTES", "ROWS/S", "DOWNLOAD MB/S")
        say(table(heads, list(visit.rates), right=(1, 2, 3, 4)))
    wrong = [finding for finding in visit.findings if finding[2] != "ok"]
    say(f"\n{len(visit.findings) - len(wrong)} of {len(visit.findings)} checks passed")
    return 1 if wrong else 0


def test_a_live_server_passes(sample: Path, tmp_path: Path) -> None:
    from tests.servers import Server

    with Server(tmp_path, sample, "--keep-free", "0") as server:
        # By itself, as a user would run it: nothing of the project is on its path.
        done = subprocess.run(
            [sys.executable, "-I", __file__, "--url", server.url],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "FAILED" not in done.stdout
    for form in FORMS:
        assert f"\n{form} " in done.stdout


def test_nobody_there_is_a_failure(unused_tcp_port: int) -> None:
    said: list[str] = []
    assert main(["--url", f"http://127.0.0.1:{unused_tcp_port}"], said.append) == 1
    assert said[0].startswith("no server answers at http://127.0.0.1:")


if __name__ == "__main__":
    sys.exit(main())
