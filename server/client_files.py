"""The client's side of a download: a part file that is checked before it gets its name."""

from __future__ import annotations

import asyncio
import os
import re
from hashlib import file_digest
from pathlib import Path

import aiofiles
import aiohttp

_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-[0-9]+/[0-9]+")


class Damaged(Exception):
    """The bytes that arrived are not those that the server recorded."""


class Unfinished(Exception):
    """There are bytes missing yet, or there were wrong ones that have been thrown away."""


async def fetch(response: aiohttp.ClientResponse, part: Path, before: int) -> None:
    """Append the rest to `part`, or begin anew if the server sends the whole file."""
    if response.status == 416:
        return  # Nothing beyond what is there already.
    resumed = response.status == 206
    if resumed:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != before:
            raise Unfinished("the server sent another range than was asked for")
    async with aiofiles.open(part, "ab" if resumed else "wb") as file:
        async for data in response.content.iter_any():
            await file.write(data)


async def keep(part: Path, target: Path, size: int, sha256: str) -> bool:
    """Give a whole and right part its name; False if it is still too short.

    Raises Damaged; the part is gone then, so that the next try begins anew.
    """
    return await asyncio.to_thread(_keep, part, target, size, sha256)


def _keep(part: Path, target: Path, size: int, sha256: str) -> bool:
    with part.open("rb") as file:
        if os.fstat(file.fileno()).st_size < size:
            return False
        right = file_digest(file, "sha256").hexdigest() == sha256
    if not right:
        part.unlink()
        raise Damaged(f"{part} does not have the SHA-256 that the server recorded")
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(part, target)
    return True
