"""`expirytrack schedule`: what a server exports by itself, and when."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from exporter.errors import BadInput
from server.cli_codes import Exit
from server.cli_remote import (
    add_commands,
    add_request,
    add_waiting,
    ask,
    named,
    over,
    request_from,
)
from server.cli_templates import in_short
from server.cli_text import remark, shown, table, write_json
from server.client import Client

_PAGE = 200
_KEPT = ("missed", "only_new", "keep_runs", "keep_days")


def add_schedule(parser: argparse.ArgumentParser) -> None:
    """`schedule` and its commands."""
    add_commands(
        parser,
        (
            ("list", "list the schedules", _add_list),
            ("show", "show a schedule", lambda one: _add_named(one, _show)),
            ("add", "make a schedule", _add_add),
            ("edit", "change a schedule", _add_edit),
            ("delete", "remove a schedule; its exports stay", lambda one: _add_named(one, _delete)),
            ("pause", "start nothing until it is resumed", lambda one: _add_named(one, _pause)),
            ("resume", "go on with a schedule", lambda one: _add_named(one, _resume)),
            ("run", "run a schedule now, besides its slots", _add_run),
            ("runs", "list what became of each slot, newest first", _add_runs),
            ("explain", "read a cron expression aloud", _add_explain),
        ),
    )


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_list)


def _add_named(parser: argparse.ArgumentParser, run: Any) -> None:
    parser.add_argument("name", metavar="NAME", help="the schedule's name or id")
    parser.set_defaults(run=run)


def _add_add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what to call it")
    parser.add_argument("--paused", action="store_true", help="start nothing until it is resumed")
    _add_what(parser, required=True)
    parser.set_defaults(run=_new)


def _add_edit(parser: argparse.ArgumentParser) -> None:
    _add_named(parser, _edit)
    parser.add_argument("--name", dest="new_name", metavar="NAME", help="another name")
    _add_what(parser, required=False)


def _add_what(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--cron", metavar="'M H D M W'", required=required,
        help="when, in Indian time: minute, hour, day, month, day of the week (1 is Monday)",
    )  # fmt: skip
    parser.add_argument("--template", metavar="NAME", help="run this template")
    parser.add_argument(
        "--missed", choices=("run", "skip"), help="what a missed slot does (default: run once)"
    )
    parser.add_argument(
        "--only-new", action=argparse.BooleanOptionalAction, default=None,
        help="only expiries that no completed run of it has exported",
    )  # fmt: skip
    parser.add_argument(
        "--keep-runs", type=int, metavar="N", help="keep the files of the newest N runs; 0: all"
    )
    parser.add_argument(
        "--keep-days", type=int, metavar="N", help="keep files for N days; 0: for ever"
    )
    add_request(parser)


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_named(parser, _run)
    add_waiting(parser)


def _add_runs(parser: argparse.ArgumentParser) -> None:
    _add_named(parser, _runs)
    parser.add_argument(
        "--limit", type=int, default=50, metavar="N", help="at most N (default: 50)"
    )


def _add_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cron", metavar="CRON", help="five fields, such as '30 18 * * 1-5'")
    parser.set_defaults(run=_explain)


def _list(arguments: argparse.Namespace) -> Exit:
    found = ask(arguments, lambda client: client.schedules())
    if arguments.json:
        write_json(found)
        return Exit.DONE
    rows = [
        (one["name"], one["reading"], ", ".join(map(_moment, one["next_runs"][:1])) or "paused",
         _outcome(one["last_run"]), one["id"])
        for one in found
    ]  # fmt: skip
    print(table(("NAME", "WHEN", "NEXT", "LAST", "ID"), rows), end="")
    return Exit.DONE


def _show(arguments: argparse.Namespace) -> Exit:
    return _told(arguments, ask(arguments, lambda client: _found(client, arguments)))


def _new(arguments: argparse.Namespace) -> Exit:
    async def add(client: Client) -> dict[str, Any]:
        schedule = {"name": arguments.name, "cron": arguments.cron, "paused": arguments.paused}
        what = await _what(arguments, client, None)
        if what is None:
            raise BadInput(["say what to export: --template, --instrument, --request or --like"])
        return await client.add_schedule({**schedule, **what, **_given(arguments)})

    return _told(arguments, ask(arguments, add))


def _edit(arguments: argparse.Namespace) -> Exit:
    async def edit(client: Client) -> dict[str, Any]:
        old = await _found(client, arguments)
        what = await _what(arguments, client, old["request"])
        if what is None:
            what = {key: old[key] for key in ("template_id", "request") if old[key] is not None}
        return await client.change_schedule(
            old["id"],
            {
                "name": arguments.new_name or old["name"],
                "cron": arguments.cron or old["cron"],
                **what,
                **{key: old[key] for key in _KEPT},
                **_given(arguments),
            },
        )

    return _told(arguments, ask(arguments, edit))


async def _what(
    arguments: argparse.Namespace, client: Client, old: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """What shall run, if the flags say so."""
    request = await request_from(arguments, client, old)
    if arguments.template is None:
        return None if request is None else {"request": request}
    if request is not None:
        raise BadInput(["--template goes without the flags that say what to export"])
    return {"template_id": named(await client.templates(), arguments.template, "template")["id"]}


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    given = {key: getattr(arguments, key) for key in _KEPT}
    kept = {key: value for key, value in given.items() if value is not None}
    # A limit of 0 is none.
    return kept | {key: None for key in ("keep_runs", "keep_days") if kept.get(key) == 0}


def _delete(arguments: argparse.Namespace) -> Exit:
    async def delete(client: Client) -> dict[str, Any]:
        return await client.delete_schedule((await _found(client, arguments))["id"])

    gone = ask(arguments, delete)
    if arguments.json:
        write_json(gone)
    else:
        print(f"{shown(gone['name'])} is removed; its exports stay in the history")
    return Exit.DONE


def _pause(arguments: argparse.Namespace) -> Exit:
    async def pause(client: Client) -> dict[str, Any]:
        return await client.pause_schedule((await _found(client, arguments))["id"])

    return _told(arguments, ask(arguments, pause))


def _resume(arguments: argparse.Namespace) -> Exit:
    async def resume(client: Client) -> dict[str, Any]:
        return await client.resume_schedule((await _found(client, arguments))["id"])

    return _told(arguments, ask(arguments, resume))


def _run(arguments: argparse.Namespace) -> Exit:
    async def run(client: Client) -> tuple[dict[str, Any], Exit]:
        schedule = await _found(client, arguments)
        started = await client.run_schedule(schedule["id"], arguments.key)
        if arguments.wait and started["task_id"] is not None:
            return await over(client, started["task_id"])
        return started, Exit.DONE

    started, code = ask(arguments, run)
    if arguments.json:
        write_json(started)
    elif started["task_id"] is not None:
        print(started["task_id"])
    else:
        remark("note", started["reason"])
    return code


def _runs(arguments: argparse.Namespace) -> Exit:
    if arguments.limit < 1:
        raise BadInput(["--limit must be 1 or more"])

    async def fetch(client: Client) -> list[dict[str, Any]]:
        schedule = await _found(client, arguments)
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(found) < arguments.limit:
            most = min(_PAGE, arguments.limit - len(found))
            page = await client.schedule_runs(schedule["id"], cursor, most)
            found += page["runs"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        return found

    found = ask(arguments, fetch)
    if arguments.json:
        write_json(found)
        return Exit.DONE
    rows = [
        (_moment(one["slot"]), _outcome(one), one["task_id"] or "", one["reason"] or "")
        for one in found
    ]
    print(table(("SLOT", "OUTCOME", "TASK", "REASON"), rows), end="")
    return Exit.DONE


def _explain(arguments: argparse.Namespace) -> Exit:
    told = ask(arguments, lambda client: client.explain_cron(arguments.cron))
    if arguments.json:
        write_json(told)
        return Exit.DONE
    print(told["reading"])
    for slot in told["next_runs"]:
        print(f"  {_moment(slot)}")
    return Exit.DONE


async def _found(client: Client, arguments: argparse.Namespace) -> Mapping[str, Any]:
    return named(await client.schedules(), arguments.name, "schedule")


def _told(arguments: argparse.Namespace, schedule: Mapping[str, Any]) -> Exit:
    if arguments.json:
        write_json(schedule)
        return Exit.DONE
    request = schedule["request"]
    what = f"template {schedule['template_id']}" if request is None else in_short(request)
    limits = (("keep_runs", "runs"), ("keep_days", "days"))
    kept = [f"{schedule[key]} {unit}" for key, unit in limits if schedule[key] is not None]
    lines = [
        ("when", f"{schedule['cron']}: {schedule['reading']}"),
        ("exports", what + (", only new expiries" if schedule["only_new"] else "")),
        ("missed", "run once" if schedule["missed"] == "run" else "skip and note"),
        ("keeps", " and ".join(kept) or "every file"),
        ("last", _outcome(schedule["last_run"])),
        ("next", ", ".join(map(_moment, schedule["next_runs"])) or "paused"),
    ]
    print(f"{shown(schedule['name'])}  {schedule['id']}")
    for name, text in lines:
        print(f"  {name:8} {shown(text)}".rstrip())
    return Exit.DONE


def _moment(slot: str) -> str:
    return slot[:16].replace("T", " ")


def _outcome(run: Mapping[str, Any] | None) -> str:
    if run is None:
        return "none yet"
    return str(run["status"] or run["outcome"]).replace("_", " ")
