"""Who gets in: a table of path, method, Host, Origin and token."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError, web

from server.app import create_app
from server.handlers import pages
from server.openapi import routes_of
from tests.conftest import AiohttpClient, make_settings
from tests.integration.calls import NIFTY, Client, refused

TOKEN = "correct-horse-battery-staple"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
APP = create_app(make_settings(Path("nowhere"), Path("nowhere.db")))
# Every address of the product but the login page and the static files, which need no token.
ROUTES = [
    (method, re.sub(r"\{\w+\}", UNKNOWN, path))
    for path, method, _ in routes_of(APP)
    if path not in {"/login", "/static"}
] + [("GET", "/nothing")]
PAGES = {route.path for route in pages.routes if isinstance(route, web.RouteDef)} | {"/api"}
FOREIGN_HOSTS = [
    "evil.example", "evil.example:5000", "127.0.0.1.evil.example", "localhost.evil.example",
    "192.168.1.7:5000", "0.0.0.0:5000", "[::2]:5000", "", "localhost:5000:80", "127.0.0.1@evil",
]  # fmt: skip
OWN_HOSTS = ["127.0.0.1", "127.0.0.1:1", "LOCALHOST:5000", "[::1]:5000", "127.1.2.3"]
FOREIGN_ORIGINS = [
    "http://evil.example", "null", "https://127.0.0.1.evil.example", "http://127.0.0.1:1",
    "file://", "http://localhost:99999999", "chrome-extension://abc", "http://",
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_foreign_hosts_and_origins_reach_nothing(
    method: str, path: str, client: Client
) -> None:
    own = f"127.0.0.1:{client.port}"
    for host in FOREIGN_HOSTS:
        answer = await client.request(method, path, headers={"Host": host}, allow_redirects=False)
        await refused(answer, 421, "misdirected")
    for origin in FOREIGN_ORIGINS:
        headers = {"Host": own, "Origin": origin}
        answer = await client.request(method, path, headers=headers, allow_redirects=False)
        await refused(answer, 403, "forbidden")
    changing = method != "GET"
    for site in ("cross-site", "same-site"):
        headers = {"Host": own, "Sec-Fetch-Site": site}
        answer = await client.request(method, path, headers=headers, allow_redirects=False)
        assert (answer.status == 403) == changing, site
    for good in (
        *({"Host": host} for host in OWN_HOSTS),
        {"Host": own, "Origin": f"http://{own}", "Sec-Fetch-Site": "same-origin"},
        {"Host": own, "Sec-Fetch-Site": "none"},
    ):
        answer = await client.request(method, path, headers=good, allow_redirects=False)
        assert answer.status not in (401, 403, 421), good


async def test_no_page_of_another_site_can_open_a_feed(client: Client) -> None:
    for headers in (
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ):
        with pytest.raises(WSServerHandshakeError):
            await client.ws_connect("/api/export/ws", headers=headers)


@pytest.fixture
async def locked(aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path) -> Any:
    """A server that asks for a token."""
    return await aiohttp_client(create_app(make_settings(tmp_path, sample), token=TOKEN))


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_without_the_token_nobody_gets_in(method: str, path: str, locked: Client) -> None:
    for headers in (
        {}, {"Authorization": "Bearer"}, {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Basic {TOKEN}"}, {"Authorization": TOKEN},
        {"Cookie": f"expirytrack_token={TOKEN}"}, {"Cookie": "expirytrack_token="},
        {"Authorization": "Bearer \u20b9"},
    ):  # fmt: skip
        answer = await locked.request(method, path, headers=headers, allow_redirects=False)
        if path in PAGES:
            assert (answer.status, answer.headers["Location"]) == (303, "/login")
            continue
        await refused(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    answer = await locked.request(method, f"{path}?token={TOKEN}", allow_redirects=False)
    assert answer.status in (401, 303)
    good = {"Authorization": f"Bearer {TOKEN}"}
    answer = await locked.request(method, path, headers=good, allow_redirects=False)
    assert answer.status not in (401, 403, 421)


async def test_the_login_page_leaves_a_cookie_that_is_not_the_token(locked: Client) -> None:
    page = await locked.get("/login")
    assert page.status == 200
    assert (await locked.get("/static/theme.js")).status == 200
    wrong = await locked.post("/login", data={"token": "wrong"})
    assert wrong.status == 401
    assert "Set-Cookie" not in wrong.headers
    right = await locked.post("/login", data={"token": f" {TOKEN} "}, allow_redirects=False)
    assert (right.status, right.headers["Location"]) == (303, "/export")
    cookie = right.headers["Set-Cookie"]
    assert TOKEN not in cookie
    for attribute in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert attribute in cookie
    value = cookie.split(";")[0].split("=", 1)[1]
    headers = {"Cookie": f"expirytrack_token={value}"}
    answer = await locked.post(
        "/api/export/available-expiries", json={"instruments": [NIFTY]}, headers=headers
    )
    assert answer.status == 200
    crossed = await locked.post(
        "/login", data={"token": TOKEN}, headers={"Origin": "http://evil.example"}
    )
    assert crossed.status == 403


async def test_a_name_can_be_allowed(
    aiohttp_client: AiohttpClient, tmp_path: Path, sample: Path
) -> None:
    settings = make_settings(tmp_path, sample, allow_hosts=("exports.example",))
    client = await aiohttp_client(create_app(settings))
    good = {"Host": "exports.example", "Origin": "https://exports.example"}
    assert (await client.get("/api/health", headers=good)).status == 200
    answer = await client.get("/api/health", headers={"Host": "www.exports.example"})
    await refused(answer, 421, "misdirected")


@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("GET", "/static/theme.js")])
async def test_every_answer_carries_the_security_headers(
    method: str, path: str, client: Client
) -> None:
    answer = await client.request(method, path, allow_redirects=False)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "Cache-Control" in answer.headers
    assert "aiohttp" not in answer.headers.get("Server", "")
