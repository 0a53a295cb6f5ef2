"""Who may come in: host names, origins and the token (docs/threat_model.md).

A web page of another site can make a browser send requests here; a name of another site can be
pointed at this machine (DNS rebinding). Neither knows the token, and neither gets past this.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

from server.errors import Refused
from server.settings import Settings, is_loopback

COOKIE = "expirytrack_token"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_PORT = re.compile(r":[0-9]{1,5}\Z")
# What a browser needs to show the page that asks for the token.
PAGES = frozenset(
    {"/", "/api", "/compare", "/export", "/history", "/schedules", "/status", "/templates"}
)
_OPEN = ("/login", "/static/")


class Door:
    """Raises Refused for what may not pass."""

    def __init__(self, settings: Settings, token: str) -> None:
        self._token = token
        self._loopback = settings.loopback
        self._names = {"localhost", settings.host.lower(), *settings.allow_hosts}

    @property
    def locked(self) -> bool:
        """Is a token asked for?"""
        return bool(self._token)

    @property
    def cookie(self) -> str:
        """What the browser keeps instead of the token itself."""
        return sha256(b"cookie:" + self._token.encode()).hexdigest()

    def check(self, request: web.Request) -> None:
        self._host(request)
        self._origin(request)
        if self.locked and not request.path.startswith(_OPEN) and not self.known(request):
            if request.path in PAGES:
                raise web.HTTPSeeOther("/login")
            raise Refused(
                "unauthorized",
                "this server asks for its token: open /login, or send it as"
                " 'Authorization: Bearer TOKEN'",
                headers={"WWW-Authenticate": 'Bearer realm="ExpiryTrack Export"'},
            )

    def known(self, request: web.Request) -> bool:
        """Does the request present the token, in a header or as its cookie?"""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.matches(given.strip()):
            return True
        return _same(request.cookies.get(COOKIE, ""), self.cookie)

    def matches(self, token: str) -> bool:
        return _same(token, self._token)

    def _host(self, request: web.Request) -> None:
        hosts = request.headers.getall("Host", [])
        name = _PORT.sub("", hosts[0]).lower() if len(hosts) == 1 else ""
        bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
        if name in self._names or is_loopback(bare):
            return
        # An address cannot be rebound, but on loopback none but loopback's own is ever right.
        if not self._loopback and _is_address(bare):
            return
        raise Refused(
            "misdirected",
            "this server does not answer to that host name; allow it with --allow-hosts",
        )

    def _origin(self, request: web.Request) -> None:
        origin = request.headers.get("Origin")
        if origin is not None and not _same_site(origin, request.headers.get("Host", "")):
            raise Refused("forbidden", "requests from pages of other sites are not accepted")
        changing = request.method not in _SAFE or "Upgrade" in request.headers
        site = request.headers.get("Sec-Fetch-Site")
        if changing and site is not None and site not in {"same-origin", "none"}:
            raise Refused("forbidden", "requests from pages of other sites are not accepted")


def _same_site(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"}:
        return False
    # Behind a proxy that ends TLS the scheme differs; the name and the port do not.
    return parts.netloc.lower() == host.lower()


def _same(given: str, wanted: str) -> bool:
    # Headers may hold bytes that are no text.
    return hmac.compare_digest(given.encode(errors="surrogateescape"), wanted.encode())


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
