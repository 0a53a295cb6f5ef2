"""Entity tags: of what an answer is made from, so that nothing has to be made to compare it."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2s

from aiohttp import web

# What has a tag may be kept, and is asked for again each time; tokens make it private.
KEPT = "private, no-cache"


def tag_of(request: web.Request, *parts: str) -> str:
    """A strong entity tag: the same while `parts` and the address with its query are the same."""
    text = "\0".join((request.path_qs, *parts))
    return f'"{blake2s(text.encode(), digest_size=16).hexdigest()}"'


def matches(headers: list[str], tag: str, *, weak: bool, absent: bool) -> bool:
    """Do the values of If-Match or If-None-Match name `tag`? `absent` if there are none."""
    if not headers:
        return absent
    for text in ",".join(headers).split(","):
        given = text.strip()
        if given == "*" or given == tag or (weak and given == f"W/{tag}"):
            return True
    return False


def unchanged(request: web.Request, tag: str) -> web.Response | None:
    """304 if the client has this already (RFC 9110, section 13.1.2)."""
    if matches(request.headers.getall("If-None-Match", []), tag, weak=True, absent=False):
        return web.Response(status=304, headers=tagged(tag))
    return None


def tagged(tag: str) -> Mapping[str, str]:
    """The headers of an answer that has a tag."""
    return {"ETag": tag, "Cache-Control": KEPT}
