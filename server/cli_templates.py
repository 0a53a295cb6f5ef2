"""`expirytrack template`: requests that a server keeps under a name."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from exporter.errors import BadInput
from server.cli_codes import Exit
from server.cli_remote import (
    add_commands,
    add_request,
    add_waiting,
    ask,
    named,
    over,
    read_json,
    request_from,
)
from server.cli_text import remark, shown, table, write_json
from server.client import Client


def add_template(parser: argparse.ArgumentParser) -> None:
    """`template` and its commands."""
    add_commands(
        parser,
        (
            ("list", "list the templates", _add_list),
            ("show", "show a template and its request", _add_show),
            ("save", "keep a request under a name", _add_save),
            ("edit", "change a template", _add_edit),
            ("delete", "remove a template", _add_delete),
            ("run", "start what a template asks for", _add_run),
            ("export", "write a template's file for another server", _add_export),
            ("import", "take in a template's file", _add_import),
        ),
    )


def in_short(request: Mapping[str, Any]) -> str:
    """`Nifty 50, Bank Nifty: last 4, zip`: what a request asks for, on part of a line."""
    keys = [key.partition("|")[2] or key for key in request.get("instruments", [])]
    some = ", ".join(keys[:2]) + (f" and {len(keys) - 2} more" if len(keys) > 2 else "")
    rule = request.get("expiry_rule")
    if rule is not None:
        which = ", ".join(name if value is True else f"{name} {value}"
                          for name, value in rule.items())  # fmt: skip
    else:
        days = request.get("expiries", {})
        lists = days.values() if isinstance(days, dict) else [days]
        which = f"{sum(len(one) for one in lists)} dates"
    return f"{some}: {which}, {request.get('format', 'csv')}"


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_list)


def _add_show(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.set_defaults(run=_show)


def _add_save(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what to call it")
    parser.add_argument("--note", metavar="TEXT", help="what to remember of it")
    add_request(parser)
    parser.set_defaults(run=_save)


def _add_edit(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("--name", dest="new_name", metavar="NAME", help="another name")
    parser.add_argument("--note", metavar="TEXT", help="another note; '' removes it")
    add_request(parser)
    parser.set_defaults(run=_edit)


def _add_delete(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.set_defaults(run=_delete)


def _add_run(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    add_waiting(parser)
    parser.set_defaults(run=_run)


def _add_export(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="write FILE (default: standard output)"
    )
    parser.set_defaults(run=_export)


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a template's file; - is standard input")
    parser.set_defaults(run=_import)


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the template's name or id")


def _list(arguments: argparse.Namespace) -> Exit:
    found = ask(arguments, lambda client: client.templates())
    if arguments.json:
        write_json(found)
        return Exit.DONE
    rows = [
        (one["name"], in_short(one["request"]), "; ".join(one["problems"]), one["id"])
        for one in found
    ]
    print(table(("NAME", "EXPORTS", "PROBLEMS", "ID"), rows), end="")
    return Exit.DONE


def _show(arguments: argparse.Namespace) -> Exit:
    return _told(arguments, ask(arguments, lambda client: _found(client, arguments)))


def _save(arguments: argparse.Namespace) -> Exit:
    async def save(client: Client) -> dict[str, Any]:
        request = await request_from(arguments, client)
        if request is None:
            raise BadInput(["say what to export: --instrument, --request or --like"])
        template = {"name": arguments.name, "note": arguments.note, "request": request}
        return await client.add_template(template)

    return _told(arguments, ask(arguments, save))


def _edit(arguments: argparse.Namespace) -> Exit:
    async def edit(client: Client) -> dict[str, Any]:
        old = await _found(client, arguments)
        request = await request_from(arguments, client, old["request"])
        return await client.change_template(
            old["id"],
            {
                "name": arguments.new_name or old["name"],
                "note": old["note"] if arguments.note is None else arguments.note,
                "request": old["request"] if request is None else request,
            },
        )

    return _told(arguments, ask(arguments, edit))


def _delete(arguments: argparse.Namespace) -> Exit:
    async def delete(client: Client) -> dict[str, Any]:
        return await client.delete_template((await _found(client, arguments))["id"])

    gone = ask(arguments, delete)
    if arguments.json:
        write_json(gone)
    else:
        print(f"{shown(gone['name'])} is removed")
    return Exit.DONE


def _run(arguments: argparse.Namespace) -> Exit:
    async def run(client: Client) -> tuple[dict[str, Any], Exit]:
        template = await _found(client, arguments)
        task_id = await client.run_template(template["id"], arguments.key)
        if arguments.wait:
            return await over(client, task_id)
        return {"task_id": task_id}, Exit.DONE

    task, code = ask(arguments, run)
    if arguments.json:
        write_json(task)
    else:
        print(task["task_id"])
    return code


def _export(arguments: argparse.Namespace) -> Exit:
    async def fetch(client: Client) -> dict[str, Any]:
        return await client.template_file((await _found(client, arguments))["id"])

    document = ask(arguments, fetch)
    if arguments.output == "-":
        write_json(document)
        return Exit.DONE
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    try:
        Path(arguments.output).write_bytes(text)
    except OSError as error:
        raise BadInput([f"{arguments.output} cannot be written: {error.strerror}"]) from None
    if arguments.json:
        write_json({"path": arguments.output})
    else:
        print(arguments.output)
    return Exit.DONE


def _import(arguments: argparse.Namespace) -> Exit:
    async def take(client: Client) -> dict[str, Any]:
        return await client.import_template(await asyncio.to_thread(read_json, arguments.file))

    return _told(arguments, ask(arguments, take))


async def _found(client: Client, arguments: argparse.Namespace) -> Mapping[str, Any]:
    return named(await client.templates(), arguments.name, "template")


def _told(arguments: argparse.Namespace, template: Mapping[str, Any]) -> Exit:
    if arguments.json:
        write_json(template)
        return Exit.DONE
    print(f"{shown(template['name'])}  {template['id']}")
    print(f"  exports  {shown(in_short(template['request']))}")
    if template["note"]:
        print(f"  note     {shown(template['note'])}")
    print(f"  request  {orjson.dumps(template['request']).decode()}")
    for problem in template["problems"]:
        remark("warning", problem)
    return Exit.DONE
