"""`expirytrack note` and `expirytrack compare`: about exports that a server has made."""

from __future__ import annotations

import argparse
from typing import Any

import orjson

from exporter.errors import BadInput
from server.cli_codes import Exit
from server.cli_remote import add_server, ask
from server.cli_text import shown, table, write_json
from server.client import Client


def add_note(parser: argparse.ArgumentParser) -> None:
    """`note TASK TEXT`."""
    parser.add_argument("task", metavar="TASK", help="the export's id")
    parser.add_argument("text", metavar="TEXT", nargs="?", help="what to note (default: show it)")
    parser.add_argument("--clear", action="store_true", help="remove the note")
    _common(parser, _note)


def add_compare(parser: argparse.ArgumentParser) -> None:
    """`compare A B`."""
    parser.add_argument("a", metavar="A", help="one export's id")
    parser.add_argument("b", metavar="B", help="the other's")
    _common(parser, _compare)


def _common(parser: argparse.ArgumentParser, run: Any) -> None:
    add_server(parser)
    parser.add_argument("--json", action="store_true", help="the answer as JSON, for scripts")
    parser.set_defaults(run=run)


def _note(arguments: argparse.Namespace) -> Exit:
    if arguments.clear and arguments.text is not None:
        raise BadInput(["give either a TEXT or --clear"])

    async def change(client: Client) -> dict[str, Any]:
        if arguments.text is None and not arguments.clear:
            return await client.status(arguments.task)
        return await client.set_note(arguments.task, arguments.text)

    task = ask(arguments, change)
    if arguments.json:
        write_json(task)
    elif task["note"]:
        print(shown(task["note"]))
    return Exit.DONE


def _compare(arguments: argparse.Namespace) -> Exit:
    """The files are the same: 0. They are not, or are not known: 1, as diff does it."""
    told = ask(arguments, lambda client: client.compare(arguments.a, arguments.b))
    code = Exit.DONE if told["same"] else Exit.FAILED
    if arguments.json:
        write_json(told)
        return code
    rows, digests = told["rows"], told["sha256"]
    lines: list[tuple[object, ...]] = [
        ("state", told["a"]["status"], told["b"]["status"]),
        ("rows", f"{rows['a']:,}", f"{rows['b']:,} ({rows['difference']:+,})"),
        ("sha256", digests["a"] or "", digests["b"] or ""),
    ]
    lines += [(one["what"], _value(one["a"]), _value(one["b"])) for one in told["spec"]]
    print(table(("", "A", "B"), lines), end="")
    same = {True: "the files are the same", False: "the files differ", None: "a file is missing"}
    print(same[told["same"]])
    contracts = told["contracts"]
    if contracts is not None:
        print(f"contracts: {contracts['different']:,} differ, {contracts['only_a']:,} only in A,"
              f" {contracts['only_b']:,} only in B")  # fmt: skip
        for one in contracts["examples"]:
            print(f"  {shown(one['contract'])}: {_rows(one['rows_a'])}, {_rows(one['rows_b'])}")
    return code


def _value(value: object) -> str:
    if isinstance(value, list) and len(value) > 3:
        return f"{len(value)} of them"
    return (
        "" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()
    )


def _rows(rows: int | None) -> str:
    return "not there" if rows is None else f"{rows:,} rows"
