"""Names of files and of what is in them (spec, "Names of files", "ZIP" and "Words")."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import PurePath

from exporter.model import IST, Compression

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_UNSAFE_IN_MEMBER = re.compile(r"[^A-Za-z0-9._&-]")
_LONGEST_NAME = 120
# Endings that stand after another one.
_OUTER = {one.ending for one in Compression} - {""}


def file_label(display_name: str) -> str:
    """The display name as files write it: `_` for spaces and nothing else changed."""
    return display_name.replace(" ", "_")


def labels(instruments: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Labels by instrument key, for (key, display name) pairs in the order of an export.

    Of two instruments of one name, the later is `NAME_SEGMENT`; a further clash is numbered.
    """
    given: dict[str, str] = {}
    taken: set[str] = set()
    for key, name in instruments:
        label = file_label(name)
        if label in taken:
            label = _free(f"{label}_{file_label(key.partition('|')[0])}", taken)
        taken.add(label)
        given[key] = label
    return given


def artefact_name(
    names: Sequence[str], extension: str, accepted_at: datetime, openalgo: bool = True
) -> str:
    """`OpenAlgo_ExpiryTrack_Nifty_50_20250919_091456.csv`; `All` for more than one instrument.

    The time is the moment of acceptance in Indian time. Symbols off: no `OpenAlgo_`.
    """
    label = _UNSAFE.sub("_", file_label(names[0]))[:_LONGEST_NAME] if len(names) == 1 else "All"
    moment = accepted_at.astimezone(IST).strftime("%Y%m%d_%H%M%S")
    return f"{'OpenAlgo_' if openalgo else ''}ExpiryTrack_{label}_{moment}.{extension}"


def numbered(name: str, number: int) -> str:
    """`NAME_2.csv.gz` of `NAME.csv.gz`."""
    path = PurePath(name)
    endings = path.suffixes[-2:] if path.suffix in _OUTER else path.suffixes[-1:]
    ending = "".join(endings)
    return f"{name.removesuffix(ending)}_{number}{ending}"


class MemberNames:
    """Hands out the names of an archive's members, no two the same on any file system."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def claim(self, symbol: str, segment: str, extension: str) -> str:
        """`SYMBOL.csv`, for a second of that symbol `SYMBOL_<segment>.csv`, then `..._2.csv`."""
        stem = _UNSAFE_IN_MEMBER.sub("_", symbol)
        if stem.casefold() in self._taken:
            stem = _free(f"{stem}_{_UNSAFE_IN_MEMBER.sub('_', segment)}", self._taken, str.casefold)
        self._taken.add(stem.casefold())
        return f"{stem}.{extension}"


def _free(name: str, taken: set[str], fold: Callable[[str], str] = str) -> str:
    candidate, number = name, 1
    while fold(candidate) in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
