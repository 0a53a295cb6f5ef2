"""Two exports held against each other: rows, checksums, what was asked for, and contracts.

Contracts are known of archives with a file for each, while these are there: `metadata.json` has
the rows and the SHA-256 of every one.
"""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Mapping
from typing import Any

import orjson

from server.artefacts import Artefacts
from server.states import State
from server.tasks import Task, status_of

_EXAMPLES = 20
_METADATA = "metadata.json"
# Of an archive of a million contracts; larger ones are not taken into memory.
_LARGEST_METADATA = 1 << 29

_Contracts = Mapping[str, tuple[int, str | None]]


async def compare(a: Task, b: Task, artefacts: Artefacts) -> dict[str, Any]:
    """The answer of `GET /api/export/compare`. `same` is None while a checksum is missing."""
    same = a.sha256 == b.sha256 if a.sha256 and b.sha256 else None
    of_a, of_b = await asyncio.to_thread(
        lambda: (_contracts(a, artefacts), _contracts(b, artefacts))
    )
    return {
        "a": status_of(a),
        "b": status_of(b),
        "same": same,
        "rows": {"a": a.rows_done, "b": b.rows_done, "difference": b.rows_done - a.rows_done},
        "sha256": {"a": a.sha256, "b": b.sha256, "same": same},
        "spec": spec_differences(orjson.loads(a.spec), orjson.loads(b.spec)),
        "contracts": None if of_a is None or of_b is None else _held_together(of_a, of_b),
    }


def spec_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was asked for otherwise: format, instruments, expiries by instrument, options."""
    of_a, of_b = _flat(a), _flat(b)
    return [
        {"what": what, "a": of_a.get(what), "b": of_b.get(what)}
        for what in dict.fromkeys((*of_a, *of_b))
        if of_a.get(what) != of_b.get(what)
    ]


def _flat(spec: Mapping[str, Any]) -> dict[str, Any]:
    flat = {"format": spec["format"], "instruments": spec["instruments"]}
    flat |= {f"expiries of {key}": days for key, days in spec["expiries"].items()}
    if "contracts" in spec:
        flat["contracts"] = spec["contracts"]
    flat |= spec["options"]
    return flat


def _held_together(a: _Contracts, b: _Contracts) -> dict[str, Any]:
    different = [key for key, found in a.items() if key in b and b[key] != found]
    only_a = [key for key in a if key not in b]
    only_b = [key for key in b if key not in a]
    return {
        "only_a": len(only_a),
        "only_b": len(only_b),
        "different": len(different),
        "examples": [
            {"contract": key, "rows_a": a[key][0] if key in a else None,
             "rows_b": b[key][0] if key in b else None}
            for key in (*different, *only_a, *only_b)[:_EXAMPLES]
        ],
    }  # fmt: skip


def _contracts(task: Task, artefacts: Artefacts) -> _Contracts | None:
    """Rows and SHA-256 by contract, from the archive; None where that does not say."""
    if task.status is not State.COMPLETED or not task.parsed_spec.separate_files:
        return None
    file = artefacts.open(task)
    if file is None:
        return None
    try:
        with file, zipfile.ZipFile(file) as archive:
            if archive.getinfo(_METADATA).file_size > _LARGEST_METADATA:
                return None
            files = orjson.loads(archive.read(_METADATA))["files"]
    except (zipfile.BadZipFile, KeyError, OSError, orjson.JSONDecodeError):
        # Not as it was written; the download of it says so too.
        return None
    return {one["contract"]: (one["rows"], one["sha256"]) for one in files}
