"""The options of an export as flags: one a option, from the registry."""

from __future__ import annotations

import argparse
from typing import Any

from exporter.errors import BadInput
from exporter.model import FileFormat
from exporter.options import OPTIONS, Option
from exporter.optiontext import from_text

_FORM = "in which form"
# The headings under which `--help` shows the registry's groups.
_HEADINGS = {
    "form": _FORM,
    "columns": _FORM,
    "compression": _FORM,
    "days": "of which days",
    "rows": "of which rows",
    "contracts": "of which contracts",
}
_METAVARS = {
    "columns": "NAMES",
    "choices": "TYPES",
    "integer": "N",
    "number": "PRICE",
    "date": "DATE",
    "time": "HH:MM",
}
# Flags that are shorter than the option's name, or that say what is not the default.
_NAMED = {"include_metadata": "--metadata", "from_date": "--from", "to_date": "--to"}
_WRITTEN = ("include_openalgo", "separate_files")


def listed_formats() -> str:
    """The formats by name, as help says them."""
    *most, last = (one.value for one in FileFormat)
    return f"{', '.join(most)} or {last}"


def flag_of(option: Option) -> str:
    """The flag of an option that has one of its own name."""
    return _NAMED.get(option.name, "--" + option.name.replace("_", "-"))


def add_options(parser: argparse.ArgumentParser) -> None:
    """A flag for every option; `given_options` reads them."""
    groups = {name: parser.add_argument_group(name) for name in dict.fromkeys(_HEADINGS.values())}
    form = groups[_FORM]
    form.add_argument("--no-openalgo", action="store_true", help="leave the symbol column out")
    files = form.add_mutually_exclusive_group()
    files.add_argument(
        "--separate-files", action="store_true", help="one file per contract, in a ZIP (zip: yes)"
    )
    files.add_argument("--single-file", action="store_true", help="one file of everything")
    for option in OPTIONS:
        if option.name not in _WRITTEN:
            _add(groups[_HEADINGS[option.group]], option)


def given_options(arguments: argparse.Namespace) -> dict[str, object]:
    """The options that were given, as a request says them; the rest is left to their defaults.

    Raises BadInput for text that cannot be of its option.
    """
    given: dict[str, object] = {}
    problems: list[str] = []
    if arguments.no_openalgo:
        given["include_openalgo"] = False
    if arguments.separate_files or arguments.single_file:
        given["separate_files"] = arguments.separate_files
    for option in OPTIONS:
        text = None if option.name in _WRITTEN else getattr(arguments, option.name)
        if text is not None:
            given[option.name] = from_text(option, text, problems)
    if problems:
        raise BadInput(problems)
    return given


def _add(group: argparse._ArgumentGroup, option: Option) -> None:
    how: dict[str, Any] = {"dest": option.name, "help": option.help.replace("%", "%%")}
    if option.kind == "flag":
        how |= {"action": "store_const", "const": "true"}
    elif option.kind == "choice":
        how["choices"] = option.choices
    else:
        how["metavar"] = _METAVARS[option.kind]
    if option.kind == "columns":
        how["help"] = (
            "which columns, in this order: names with commas between them, TITLE after a ="
            " (date,close=Close), or the API's JSON list"
        )
    group.add_argument(flag_of(option), **how)
