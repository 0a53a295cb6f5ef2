"""`expirytrack completion`: what a shell needs to complete commands, flags, choices and paths."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

import shtab

from server.cli_codes import Exit

SHELLS = ("bash", "zsh", "fish")
# How flags that take a path are marked in every command's help.
_PATHS = {"PATH": shtab.FILE, "FILE": shtab.FILE, "DIR": shtab.DIRECTORY}


def add_completion(
    parser: argparse.ArgumentParser, whole: Callable[[], argparse.ArgumentParser]
) -> None:
    """`completion SHELL`; `whole` makes the parser of every command."""
    parser.add_argument("shell", choices=SHELLS, help="the shell to write for")

    def run(arguments: argparse.Namespace) -> Exit:
        sys.stdout.write(script(whole(), arguments.shell))
        return Exit.DONE

    parser.set_defaults(run=run)


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The completion script of a parser."""
    for action in actions(parser):
        kind = _PATHS.get(str(action.metavar))
        if kind is not None:
            # Where shtab looks for it; argparse has no word for what a value is.
            vars(action)["complete"] = kind
    return shtab.complete(parser, shell)


def actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every action of a parser and of its commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from actions(one)
        yield action
