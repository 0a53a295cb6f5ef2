"""What commands about a running server share: where it is, what is meant by a name, requests."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import orjson

from exporter.errors import BadInput
from exporter.model import FileFormat, Instrument
from exporter.sources.base import Catalogue
from server.cli_codes import EXIT_HELP, Exit
from server.cli_options import add_options, given_options, listed_formats
from server.cli_select import (
    add_expiries,
    add_instruments,
    expiry_rule,
    instruments,
    named_expiries,
)
from server.cli_text import remark
from server.client import Client
from server.settings import add_arguments, settings_from

URL = "http://127.0.0.1:5000"
T = TypeVar("T")


def add_server(parser: argparse.ArgumentParser) -> None:
    """`--url` and `--token`."""
    parser.add_argument(
        "--url", default=URL, help=f"the server to ask (default: {URL}); --token if it has one"
    )
    add_arguments(parser, ("token",))


def add_commands(
    parser: argparse.ArgumentParser,
    commands: Sequence[tuple[str, str, Callable[[argparse.ArgumentParser], None]]],
) -> None:
    """Commands of a command: a name, what it does, and what adds its flags and its `run`."""
    inner = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, text, add in commands:
        one = inner.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=EXIT_HELP,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        add(one)
        add_server(one)
        one.add_argument("--json", action="store_true", help="the answer as JSON, for scripts")


def ask(arguments: argparse.Namespace, question: Callable[[Client], Awaitable[T]]) -> T:
    """What a server answers. Raises ApiError, Unreachable, BadInput, SettingsError."""

    async def asked() -> T:
        token = settings_from(arguments).token
        async with Client(arguments.url, token=token) as client:
            return await question(client)

    return asyncio.run(asked())


def named(found: Sequence[Mapping[str, Any]], text: str, what: str) -> Mapping[str, Any]:
    """The one of that id or name. Raises BadInput."""
    for one in found:
        if one["id"] == text:
            return one
    for one in found:
        if one["name"].casefold() == text.casefold():
            return one
    near = difflib.get_close_matches(text, [one["name"] for one in found], n=1)
    hint = f"did you mean {near[0]}?" if near else f"'expirytrack {what} list' shows them"
    raise BadInput([f"there is no {what} {text}; {hint}"])


def add_waiting(parser: argparse.ArgumentParser) -> None:
    """`--wait` and `--key`, of commands that start an export."""
    parser.add_argument(
        "--wait", action="store_true", help="until the export is over; exit code 1 if it failed"
    )
    parser.add_argument(
        "--key", metavar="TEXT", help="an idempotency key: the same one starts no second export"
    )


async def over(client: Client, task_id: str) -> tuple[dict[str, Any], Exit]:
    """The final state of a task, and the exit code for it."""
    task = await client.wait(task_id)
    if task["status"] != "completed":
        remark("error", task["error"] or task["status_message"])
        return task, Exit.FAILED
    return task, Exit.DONE


def add_request(parser: argparse.ArgumentParser) -> None:
    """The flags that say what is to be exported, in full or as a change."""
    whole = parser.add_argument_group("what to export, as a whole")
    whole.add_argument(
        "--request", metavar="FILE", help="the body of a start call as JSON; - is standard input"
    )
    whole.add_argument("--like", metavar="TASK", help="what an earlier export asked for, by its id")
    part = parser.add_argument_group("what to export, in parts")
    add_instruments(part)
    add_expiries(part)
    part.add_argument("--format", choices=[one.value for one in FileFormat], help=listed_formats())
    add_options(parser)


async def request_from(
    arguments: argparse.Namespace, client: Client, old: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """The request that the flags say, beginning from `old`; None if they say nothing.

    Rules of expiries stay rules. Raises BadInput, ApiError.
    """
    request = dict(old or {})
    whole = await _whole(arguments, client)
    if whole is not None:
        request = whole
    parts = await _parts(arguments, client, request)
    if whole is None and not parts:
        return None
    if {"expiries", "expiry_rule"} & parts.keys():
        request.pop("expiries", None)
        request.pop("expiry_rule", None)
    if "options" in parts:
        parts["options"] = {**request.get("options", {}), **parts["options"]}
    return {**request, **parts}


async def _whole(arguments: argparse.Namespace, client: Client) -> dict[str, Any] | None:
    if arguments.request and arguments.like:
        raise BadInput(["--request and --like exclude each other"])
    if arguments.like:
        spec = (await client.status(arguments.like))["spec"]
        return {key: value for key, value in spec.items() if key != "contracts"}
    if arguments.request:
        value = await asyncio.to_thread(read_json, arguments.request)
        if not isinstance(value, dict):
            raise BadInput([f"{arguments.request} must hold a JSON object"])
        return value
    return None


async def _parts(
    arguments: argparse.Namespace, client: Client, request: Mapping[str, Any]
) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    keys = list(request.get("instruments", []))
    if arguments.instrument or arguments.all_instruments:
        if arguments.instrument and arguments.all_instruments:
            raise BadInput(["--all-instruments and --instrument exclude each other"])
        catalogue = await _catalogue(client)
        parts["instruments"] = keys = instruments(catalogue, arguments)
    rule = expiry_rule(arguments)
    if arguments.expiry:
        catalogue = await _catalogue(client, keys)
        dates = named_expiries(catalogue, arguments.expiry, keys)
        parts["expiries"] = {
            key: [day.isoformat() for day in dates.get(key, ())] for key in keys or dates
        }
    elif rule != {"all": True} or ("instruments" in parts and "expiry_rule" not in request):
        parts["expiry_rule"] = rule
    if arguments.format:
        parts["format"] = arguments.format
    options = given_options(arguments)
    if options:
        parts["options"] = options
    return parts


async def _catalogue(client: Client, keys: Sequence[str] = ()) -> Catalogue:
    """What a server's database has, with the expiries of these instruments."""
    known = (await client.instruments())["instruments"]
    expiries = await client.available_expiries(keys) if keys else {}
    return Catalogue(
        tuple(Instrument(**one) for one in known),
        {key: tuple(map(date.fromisoformat, days)) for key, days in expiries.items()},
        sum(one["contracts"] for one in known),
    )


def read_json(path: str) -> Any:
    """A file's JSON; `-` is standard input. Raises BadInput."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return orjson.loads(data)
    except OSError as error:
        raise BadInput([f"{path} cannot be read: {error.strerror}"]) from None
    except orjson.JSONDecodeError as error:
        raise BadInput([f"{path} is not JSON: {error}"]) from None
