"""The command line `expirytrack`: which commands there are, and how each of them ends."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence

from exporter.errors import ExportError
from server import VERSION
from server.cli_codes import EXIT_HELP, Exit, exit_of
from server.cli_export import add_export
from server.cli_list import add_demo, add_list
from server.cli_text import remark
from server.settings import SettingsError

_COMMANDS: tuple[tuple[str, str, Callable[[argparse.ArgumentParser], None]], ...] = (
    ("export", "export candles into a file, without a server", add_export),
    ("list", "list the instruments, expiries or contracts of a database", add_list),
    ("demo", "make a demo database to try things on", add_demo),
)


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
    _calm(sys.stdout)
    _calm(sys.stderr)
    try:
        arguments = _parsed(make_parser(), argv)
        code = int(arguments.run(arguments))
        sys.stdout.flush()
        return code
    except ExportError as error:
        for problem in error.problems or (error.message,):
            remark("error", problem)
        return exit_of(error)
    except SettingsError as error:
        remark("error", str(error))
        return Exit.USAGE
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


def _calm(stream: object) -> None:
    """Text that the stream's encoding lacks is escaped; it must not end a command."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
