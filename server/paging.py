"""Lists in pages: one shape, one way on to the next page, and 304 where nothing has changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from exporter.errors import BadInput
from server.conditional import tag_of, tagged, unchanged
from server.errors import json_response

# What the document says of the headers of a page.
LISTED: Mapping[str, str] = {
    "ETag": "of the state it was made from",
    "Link": 'the next page as `<address>; rel="next"`, if there is one',
}


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a list, and the cursor of what follows (None: nothing does)."""

    items: Sequence[Any]
    next_cursor: str | None = None


async def listed(
    request: web.Request,
    name: str,
    version: str | None,
    read: Callable[[], Awaitable[Page]],
    extra: Callable[[], Awaitable[Mapping[str, Any]]] | None = None,
) -> web.Response:
    """A page as `{name: [...], "next_cursor": ...}`, `extra` beside it.

    `version` names the state that the page is made from, asked for before it is made, so that a
    tag never outlives it; None where the state cannot be told yet. It costs no more than that to
    answer 304.
    """
    headers: dict[str, str] = {}
    if version is not None:
        tag = tag_of(request, version)
        if (same := unchanged(request, tag)) is not None:
            return same
        headers |= tagged(tag)
    page = await read()
    if page.next_cursor is not None:
        following = request.rel_url.update_query(cursor=page.next_cursor)
        headers["Link"] = f'<{following}>; rel="next"'
    body = {name: page.items, "next_cursor": page.next_cursor}
    if extra is not None:
        body |= await extra()
    return json_response(body, headers=headers)


def page_named(
    items: Sequence[Any], names: Sequence[str], cursor: str | None, limit: int | None
) -> Page:
    """The part of a list in memory behind the item of that name; all of it without a limit.

    Raises BadInput where no item has the name.
    """
    start = 0
    if cursor is not None:
        if cursor not in names:
            raise BadInput([f"cursor {cursor!r:.80} is not of this list"])
        start = names.index(cursor) + 1
    end = len(items) if limit is None else start + limit
    return Page(items[start:end], names[end - 1] if end < len(items) else None)
