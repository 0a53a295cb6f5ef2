"""The door: each path x verb x Host x Origin x token, held against one rule. Bypasses: 0.

The paths are the router's, and ways to write them that might get past a comparison.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import re
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from server.app import create_app
from server.door import PAGES
from server.handlers import pages
from server.settings import SettingsError, settings_from
from tests.conftest import make_settings
from tests.faults.routes import calls_of
from tests.faults.sizes import cases, told
from tests.makers import settle, tiny_database
from tests.servers import Server

_TOKEN = "correct-horse-battery-staple"
_PATIENCE_S = 60.0
CALLS = calls_of(create_app(make_settings(Path("nowhere"), Path("nowhere.db"))))
PATHS = sorted({call.address() for call in CALLS} | {"/nothing", "/metrics/", "/api/export/ws/x"})
_TRICKS = (
    "/static/../api/instruments", "/static/..%2fapi/instruments", "/static/%2e%2e/api/options",
    "//api/instruments", "/./api/instruments", "/login/../api/instruments", "/loginx",
    "/login/api/instruments", "/login%2f..%2fapi", "/api/options?x=/login", "/api/options#/login",
    "/%61pi/instruments", "/api/instruments;/login", "/static//api/instruments",
    "http://127.0.0.1/api/instruments", "/api%2finstruments", "/EXPORT", "/static/..%5capi",
)  # fmt: skip
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
HOSTS = {
    "127.0.0.1:{port}": True, "localhost:{port}": True, "[::1]": True, "127.9.9.9": True,
    "evil.example": False, "evil.example:{port}": False, "127.0.0.1.evil.example": False,
    "localhost.evil.example": False, "192.168.1.7": False, "0.0.0.0:{port}": False, "": False,
    "127.0.0.1@evil.example": False, "localhost:{port}:80": False, "\xff": False,
}  # fmt: skip
ORIGINS = {
    None: True, "http://{host}": True, "https://{host}": True,
    "http://evil.example": False, "null": False, "http://{host}.evil.example": False,
    "http://{host}@evil.example": False, "http://evil.example/{host}": False, "file://": False,
    "chrome-extension://{host}": False, "": False, "http://": False,
}  # fmt: skip
TOKENS = {
    f"Authorization: Bearer {_TOKEN}": True, f"authorization: bearer  {_TOKEN} ": True,
    "": False, "Authorization: Bearer": False, f"Authorization: Bearer {_TOKEN}x": False,
    f"Authorization: Bearer {_TOKEN[:-1]}": False, f"Authorization: Basic {_TOKEN}": False,
    f"Authorization: {_TOKEN}": False, "Authorization: Bearer \xff\xfe": False,
    f"Cookie: expirytrack_token={_TOKEN}": False, "Cookie: expirytrack_token=": False,
    f"X-Token: {_TOKEN}": False, "Cookie: expirytrack_token=\xff": False,
    "X-Forwarded-For: 127.0.0.1": False,
}  # fmt: skip
SITES = {None: True, "same-origin": True, "none": True, "cross-site": False, "same-site": False}
_OPEN = ("/login", "/static/")
_CHANGING = frozenset(VERBS) - {"GET", "HEAD", "OPTIONS"}


def allowed(path: str, verb: str, host: str, origin: str | None, token: str,
            site: str | None) -> set[int] | None:  # fmt: skip
    """The statuses of a refusal that is due; None if the door must let it pass."""
    if not HOSTS[host]:
        return {421}
    if not ORIGINS[origin] or (verb in _CHANGING and not SITES[site]):
        return {403}
    if not TOKENS[token] and not path.startswith(_OPEN):
        return {303} if path in PAGES else {401}
    return None


_DOOR = {401, 403, 421}


async def ask(server: Server, verb: str, path: str, lines: Iterable[str]) -> int:
    """The status; 0 if the connection ends without one."""
    head = [f"{verb} {path} HTTP/1.1", *lines, "Content-Length: 0", "Connection: close", "", ""]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            writer.write("\r\n".join(head).encode("latin-1"))
            first = await reader.readline()
    finally:
        writer.transport.abort()
    return int(first.split()[1]) if first else 0


def locked(folder: Path) -> Server:
    path = settle(tiny_database(folder / "market.db"))
    return Server(folder / "server", path, "--keep-free", "0", "--token", _TOKEN)


@cases(quick=700, many=8000, whole=60000)
async def test_nobody_gets_past_the_door(
    cases: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that is wrong in one way, with every path and verb; then any combination, drawn."""
    tables: tuple[Iterable[Any], ...] = (HOSTS, ORIGINS, TOKENS, SITES)
    good = ("127.0.0.1:{port}", None, next(iter(TOKENS)), None)
    whole = list(itertools.product(PATHS, VERBS))
    once: list[tuple[Any, ...]] = [
        (path, verb, *good[:place], wrong, *good[place + 1 :])
        for place, table in enumerate(tables)
        for wrong in table
        for path, verb in whole
    ]
    random = Random("door")
    tried = random.sample(once, min(len(once), cases // 2))
    while len(tried) < cases:
        drawn = [random.choice(list(table)) for table in tables]
        tried.append((*random.choice(whole), *drawn))
    bypasses: list[str] = []
    kept_out: list[str] = []
    refusals = 0
    with locked(tmp_path) as server:

        async def one(
            path: str, verb: str, host: str, origin: str | None, token: str, site: str | None
        ) -> None:
            nonlocal refusals
            if path == "/login" and verb == "POST" and cases < 1000:
                return  # A wrong log-in costs its time.
            name = host.format(port=server.port)
            lines = [f"Host: {name}", *([token] if token else [])]
            if origin is not None:
                lines.append(f"Origin: {origin.format(host=name)}")
            if site is not None:
                lines.append(f"Sec-Fetch-Site: {site}")
            status = await ask(server, verb, path, lines)
            due = allowed(path, verb, host, origin, token, site)
            refusals += due is not None
            shown = f"{verb} {path} {lines} {status}"
            # What is not even text may be refused as such.
            garbled = {400} if "\xff" in "".join(lines) else set()
            if due is not None and status not in due | garbled:
                bypasses.append(shown)
            if due is None and path != "/login" and (status in _DOOR or status >= 500):
                kept_out.append(shown)

        for first in range(0, len(tried), 20):
            await asyncio.gather(*(one(*what) for what in tried[first : first + 20]))
    told(capsys, "8 the door", paths=len(PATHS), cases=len(tried), refusals_due=refusals,
         bypasses=len(bypasses), kept_out=len(kept_out))  # fmt: skip
    assert "\n".join(bypasses) == ""
    assert "\n".join(kept_out) == ""


async def test_no_other_way_to_write_a_path_gets_past_the_door(tmp_path: Path) -> None:
    with locked(tmp_path) as server:
        for path in _TRICKS:
            for verb in VERBS:
                status = await ask(server, verb, path, [f"Host: 127.0.0.1:{server.port}"])
                assert status in (0, 303, 400, 401, 403, 404, 405), (verb, path, status)


async def test_beyond_this_machine_a_token_is_made_and_shown_once(tmp_path: Path) -> None:
    """`127.1` is loopback to the system and not to the server, which therefore asks for a token."""
    path = settle(tiny_database(tmp_path / "market.db"))
    with Server(tmp_path / "server", path, "--keep-free", "0", "--host", "127.1") as server:
        shown = re.findall(r"shown this once: (\S{24,})", server.said())
        assert len(shown) == 1
        host = f"Host: 127.0.0.1:{server.port}"
        assert await ask(server, "GET", "/api/health", [host]) == 401
        good = [host, f"Authorization: Bearer {shown[0]}"]
        assert await ask(server, "GET", "/api/health", good) == 200
        assert server.said().count(shown[0]) == 1


@pytest.mark.parametrize("token", ["short", "x" * 15, "with a blank in the middle", "x" * 257])
def test_a_token_that_can_be_guessed_is_refused(token: str) -> None:
    with pytest.raises(SettingsError, match="16 to 256"):
        settings_from(argparse.Namespace(token=token), {})


async def test_a_wrong_login_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause is asked for, whatever it takes here."""
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    app = create_app(make_settings(tmp_path, tmp_path / "none.db"), token=_TOKEN)
    request = make_mocked_request("POST", "/login", app=app)
    monkeypatch.setattr(request, "post", lambda: _form("wrong"))
    monkeypatch.setattr(asyncio, "sleep", pause)
    assert (await pages.log_in(request)).status == 401
    assert paused == [pages._WRONG_TOKEN_COSTS_S]


async def _form(token: str) -> dict[str, str]:
    return {"token": token}
