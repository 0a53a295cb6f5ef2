"""Whatever is sent to whichever route: no 5xx, and every refusal in the one error shape."""

from __future__ import annotations

import http.client
import json
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from exporter.options import OPTIONS
from server.app import create_app
from tests import makers
from tests.conftest import make_settings
from tests.faults.routes import UNKNOWN, Call, calls_of
from tests.faults.sizes import cases, told
from tests.servers import Server

CALLS = calls_of(create_app(make_settings(Path("nowhere"), Path("nowhere.db"))))
_REQUEST = {"instruments": [makers.NIFTY], "expiries": {makers.NIFTY: [makers.EXPIRY]}}

_KEYS = st.sampled_from(
    ["instruments", "expiries", "format", "options", "expiry_rule", "name", "note", "request",
     "cron", "template_id", "paused", "missed", "only_new", "keep_runs", "keep_days", "contracts",
     "expirytrack_template", "last", "from", "to", *(one.name for one in OPTIONS)]
)  # fmt: skip
_TEXTS = st.text(max_size=20) | st.sampled_from(
    [makers.NIFTY, makers.EXPIRY, f"{makers.NIFTY}~~~{makers.EXPIRY}", UNKNOWN, "csv", "zip", "all",
     "0 4 * * 1", "* * * * *", "", "\0", "../..", "9" * 400, "-1", "1e999", "queued"]
)  # fmt: skip
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
_VALUES = st.recursive(
    _SCALARS | _TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_KEYS | st.text(max_size=6), inner, max_size=5)
    ),
    max_leaves=12,
)
_NAMES = st.sampled_from(
    ["state", "cursor", "limit", "q", "format", "instrument", "from", "to", "schedule", "template",
     "a", "b", "token", "instruments", "expiries", *(one.name for one in OPTIONS)]
)  # fmt: skip
_QUERIES = st.lists(st.tuples(_NAMES | st.text(max_size=5), _TEXTS), max_size=4)
_LINES = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
_HEADERS = st.dictionaries(
    st.sampled_from(
        ["Range", "If-Range", "If-None-Match", "If-Match", "If-Modified-Since", "Accept",
         "Accept-Encoding", "Content-Type", "Content-Encoding", "Cookie", "Authorization", "Expect",
         "Idempotency-Key", "X-Forwarded-For", "X-Forwarded-Host", "Sec-WebSocket-Key", "Upgrade"]
    ),
    _LINES | st.sampled_from(["bytes=0-", "*", '"x"', "gzip", "deflate", "text/html", "websocket",
                              "application/json; charset=utf-99", "multipart/form-data; boundary=x",
                              "application/x-www-form-urlencoded", "100-continue"]),
    max_size=3,
)  # fmt: skip


def _bodies(call: Call) -> st.SearchStrategy[bytes]:
    """Anything, JSON of the right words, and what would be taken with some of it changed."""
    good = call.body(_REQUEST)
    changed = st.dictionaries(_KEYS, _VALUES, max_size=3).map(lambda some: {**good, **some})
    encoded = (_VALUES | changed).map(lambda value: json.dumps(value).encode())
    return st.binary(max_size=60) | encoded


class Site:
    """One server, asked over a connection that is opened anew where the server closes it."""

    def __init__(self, server: Server) -> None:
        parts = urlsplit(server.url)
        assert parts.hostname is not None
        self._at = (parts.hostname, parts.port or 0)
        self._connection = http.client.HTTPConnection(*self._at, timeout=60)

    def close(self) -> None:
        self._connection.close()

    def ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, str, bytes]:
        """Status, content type and content."""
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (http.client.HTTPException, ConnectionError):
            # A refused body ends the connection; once more, to see the answer to the request.
            self._connection.close()
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        if answer.status == 101:
            self._connection.close()
        return answer.status, answer.headers.get("Content-Type", ""), content

    def raw(self, sent: bytes) -> bytes:
        """What the server answers to these very bytes, until it closes."""
        with socket.create_connection(self._at, timeout=60) as connection:
            connection.sendall(sent)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("inputs")
    path = makers.settle(makers.tiny_database(folder / "market.db"))
    with Server(folder / "server", path, "--keep-free", "0") as server:
        opened = Site(server)
        yield opened
        opened.close()
        assert "unexpected error" not in server.said()


def wrong(call: Call, status: int, kind: str, content: bytes) -> str:
    """What is not as it must be with an answer; empty if nothing is."""
    if status >= 500:
        return f"{status} {content[:200]!r}"
    page = not call.path.startswith(("/api/", "/metrics")) and kind.startswith("text/html")
    if call.path.startswith("/static/") and status in (412, 416):
        return ""  # aiohttp's own answers to conditions on a file, which have no content.
    if status < 400 or call.method == "HEAD" or page:
        return ""
    try:
        value = json.loads(content)
    except ValueError:
        return f"{status} without the error shape: {content[:200]!r}"
    shape = isinstance(value, dict) and sorted(value) == ["code", "error", "id", "problems"]
    return "" if shape else f"{status} {value}"


@cases(quick=4, many=40, whole=400)
def test_no_input_breaks_a_route(
    cases: int, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """`cases` inputs for each route of the router."""
    found: Counter[int] = Counter()
    violations: list[str] = []

    def tried(call: Call) -> None:
        examples = min(cases, 10) if call.path == "/login" else cases

        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=True,
            phases=(Phase.generate,), suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(
            name=st.sampled_from([UNKNOWN, UNKNOWN.upper(), "x", "..", "\0", "\u20b9", "a b"]),
            query=_QUERIES, headers=_HEADERS, body=_bodies(call),
        )  # fmt: skip
        def ask(
            name: str, query: list[tuple[str, str]], headers: dict[str, str], body: bytes
        ) -> None:
            path = call.path.replace("{task_id}", quote(name)).replace("{id}", quote(name))
            if query:
                path += f"?{urlencode(query)}"
            sent = body if call.changing else b""
            status, kind, content = site.ask(call.method, path, sent, headers)
            found[status] += 1
            problem = wrong(call, status, kind, content)
            if problem:
                violations.append(f"{call.method} {path} {headers} {body!r}: {problem}")

        ask()

    for call in CALLS:
        tried(call)
    told(capsys, "8 inputs of every route", routes=len(CALLS), cases=found.total(),
         violations=len(violations),
         **{f"status_{status}": number for status, number in sorted(found.items())})  # fmt: skip
    assert "\n".join(violations) == ""


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET /export HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA" + b"a" * 9000 + b": x\r\n\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST /api/export/start HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/export/start HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
        b"\r\nZZ\r\n\r\n",
        b"POST /api/export/start HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /export HTTP/1.1\r\nHost: 127.0.0.1\r\nX: \x00\r\n\r\n",
        b"GET /export HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: \xff\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_in_a_few_words(sent: bytes, site: Site) -> None:
    """Before there is a request there is no route; still no 5xx, and nothing of the inside."""
    answer = site.raw(sent)
    assert answer.split(b" ", 2)[1][:1] == b"4", answer
    head, _, content = answer.partition(b"\r\n\r\n")
    assert b"aiohttp" not in head
    assert b"Content-Security-Policy" in head
    assert json.loads(content)["code"] == "bad_input"
