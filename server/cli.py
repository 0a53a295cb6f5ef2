"""The command line `expirytrack`: which commands there are, and how each of them ends."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence

from exporter.errors import ExportError
from server import VERSION
from server.__main__ import run as serve
from server.cli_codes import EXIT_HELP, Exit, exit_of, exit_of_code
from server.cli_completion import add_completion
from server.cli_export import add_export
from server.cli_list import add_demo, add_list
from server.cli_notes import add_compare, add_note
from server.cli_schedules import add_schedule
from server.cli_stream import add_stream
from server.cli_tasks import add_history, add_purge
from server.cli_templates import add_template
from server.cli_text import remark
from server.client import ApiError, Unreachable
from server.locks import LockedError
from server.settings import SettingsError, add_arguments, settings_from
from server.tables import StoreError

_TROUBLES = (SettingsError, StoreError, LockedError, Unreachable)
_EXITS = {SettingsError: Exit.USAGE, StoreError: Exit.DATABASE}


def add_serve(parser: argparse.ArgumentParser) -> None:
    """`serve` takes what `python -m server` takes."""
    add_arguments(parser)
    parser.set_defaults(run=lambda arguments: serve(settings_from(arguments)))


_COMMANDS: tuple[tuple[str, str, Callable[[argparse.ArgumentParser], None]], ...] = (
    ("serve", "serve the export wizard and its API", add_serve),
    ("export", "export candles into a file, without a server", add_export),
    ("stream", "stream a CSV from a server, without a task", add_stream),
    ("list", "list the instruments, expiries or contracts of a database", add_list),
    ("demo", "make a demo database to try things on", add_demo),
    ("history", "list the exports of a server, newest first", add_history),
    ("note", "note something about an export, to be found by", add_note),
    ("compare", "hold two exports against each other", add_compare),
    ("template", "keep requests under a name, and run them", add_template),
    ("schedule", "export by itself, at times that a cron expression names", add_schedule),
    ("purge", "remove exports past the limits of age and size, and leftovers", add_purge),
    ("completion", "print what a shell needs to complete these commands",
     lambda parser: add_completion(parser, make_parser)),
)  # fmt: skip


def make_parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    parser = argparse.ArgumentParser(
        prog="expirytrack",
        description="Exports of expired futures and options candles from an ExpiryTrack database.",
        epilog=EXIT_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"expirytrack {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, text, add in _COMMANDS:
        add(
            commands.add_parser(
                name,
                help=text,
                description=f"{text[0].upper()}{text[1:]}.",
                epilog=EXIT_HELP,
                formatter_class=argparse.RawDescriptionHelpFormatter,
                allow_abbrev=False,
            )
        )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; argparse itself leaves by SystemExit(2)."""
    _open_streams()
    try:
        arguments = _parsed(make_parser(), argv)
        code = int(arguments.run(arguments))
        sys.stdout.flush()
        return code
    except ExportError as error:
        for problem in error.problems or (error.message,):
            remark("error", problem)
        return exit_of(error)
    except ApiError as error:
        for problem in error.problems or (error.message,):
            remark("error", problem)
        return exit_of_code(error.code)
    except _TROUBLES as error:
        remark("error", str(error))
        return _EXITS.get(type(error), Exit.FAILED)
    except KeyboardInterrupt:
        remark("note", "interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Python flushes once more at its end, into a pipe that nobody reads.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.READER_GONE


def _parsed(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Symbols may stand between flags, which argparse alone does not take everywhere."""
    arguments, rest = parser.parse_known_args(argv)
    strange = [word for word in rest if word.startswith("-")]
    if strange or (rest and not hasattr(arguments, "symbols")):
        parser.error(f"unrecognized arguments: {' '.join(strange or rest)}")
    if rest:
        arguments.symbols += rest
    return arguments


def _open_streams() -> None:
    """Streams that were closed (`2>&-`) swallow what they get; none is mistaken for another.

    Text that a stream's encoding lacks is escaped; it must not end a command.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8"))
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
