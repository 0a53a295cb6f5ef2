"""How the command line writes: aligned tables, sizes, and nothing that could upset a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

import orjson

_UNITS = ("bytes", "KB", "MB", "GB", "TB")


def shown(value: object) -> str:
    """Text from a database without what a terminal would obey: escapes, line ends, tabs."""
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in str(value)
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()) -> str:
    """Columns in line, two spaces apart; `right` names the columns of numbers."""
    lines = [tuple(heads), *(tuple(shown(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "".join(
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        + "\n"
        for line in lines
    )


def size_text(size: float) -> str:
    """`1,234 bytes`, `12.3 MB` (decimal units, as disks and file managers count)."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:,.0f} {_UNITS[unit]}" if unit == 0 else f"{size:,.1f} {_UNITS[unit]}"


def write_json(value: object, stream: TextIO | None = None) -> None:
    """One JSON document, indented, on standard output or `stream`."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode(), file=stream or sys.stdout)


def remark(kind: str, message: str) -> None:
    """A line for a person on standard error; `kind` is error, warning or note."""
    print(f"expirytrack: {kind}: {shown(message)}", file=sys.stderr)
