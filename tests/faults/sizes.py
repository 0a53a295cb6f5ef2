"""How much of a row is tried: a few cases with every test run, many in `make faults`, all in full.

`EXPIRYTRACK_FAULTS=full` (`make faults-full`) asks for the whole counts of docs/reliability.md.
"""

from __future__ import annotations

import os
import sys

import pytest

FULL = os.environ.get("EXPIRYTRACK_FAULTS") == "full"


def cases(quick: int, many: int, whole: int) -> pytest.MarkDecorator:
    """Runs a test with `cases` as its number: `quick` always, the larger one as a fault test."""
    larger = pytest.param(whole if FULL else many, marks=pytest.mark.faults)
    return pytest.mark.parametrize("cases", [quick, larger])


def told(capsys: pytest.CaptureFixture[str], row: str, **figures: object) -> None:
    """Prints the figures of a row, past pytest's capture: they are what the row is for."""
    with capsys.disabled():
        shown = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
        print(f"\nfault suite, {row}: {shown}", file=sys.stderr, flush=True)
