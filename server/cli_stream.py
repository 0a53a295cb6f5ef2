"""`expirytrack stream`: a CSV from a running server, without a task and without waiting for it."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import BinaryIO

from exporter.errors import BadInput
from server.cli_codes import Exit, ends_like_ctrl_c
from server.cli_deliver import STDOUT
from server.cli_options import add_options
from server.cli_remote import add_server, ask, request_from
from server.cli_select import add_expiries, add_instruments
from server.client import Client


def add_stream(parser: argparse.ArgumentParser) -> None:
    """The flags of `stream`."""
    chosen = parser.add_argument_group("what to stream")
    add_instruments(chosen)
    add_expiries(chosen)
    add_options(parser)
    place = parser.add_argument_group("from where to where")
    add_server(parser)
    place.add_argument(
        "-o", "--output", metavar="FILE", default=STDOUT,
        help="write FILE, which appears once it is whole (default: standard output)",
    )  # fmt: skip
    parser.set_defaults(run=run_stream, request=None, like=None, format=None)


def run_stream(arguments: argparse.Namespace) -> Exit:
    """Raises BadInput, ApiError, Unreachable (also for what breaks off), OSError."""

    async def fetched(client: Client) -> None:
        request = await request_from(arguments, client)
        if request is None or not request.get("instruments"):
            raise BadInput(["nothing is selected: use --instrument or --all-instruments"])
        with _opened(arguments.output) as out:
            async with aclosing(client.stream(request)) as pieces:
                async for data in pieces:
                    await asyncio.to_thread(out.write, data)

    with ends_like_ctrl_c():
        ask(arguments, fetched)
    return Exit.DONE


@contextmanager
def _opened(output: str) -> Iterator[BinaryIO]:
    """Where to write; a file gets its name when the block ends well, and is gone otherwise."""
    if output == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = Path(f"{output}.part")
    try:
        with part.open("wb") as file:
            yield file
        os.replace(part, output)
    finally:
        part.unlink(missing_ok=True)
