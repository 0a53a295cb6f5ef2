"""Medians and ratios of one run as the table of docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import median

import apsw

BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"


class Results:
    """Values by name; several of one name stand for rounds."""

    def __init__(self, scale: str, rows: int, kept: Path) -> None:
        self.scale = scale
        self.rows = rows
        self._kept = kept
        self._parts: dict[str, dict[str, list[float]]] = {}
        self._part = ""
        if kept.exists():
            self._parts = json.loads(kept.read_text("utf-8"))

    def begin(self, part: str) -> None:
        """What follows belongs to this part, in place of what was known of it."""
        self._part = part
        self._parts[part] = {}

    def save(self) -> None:
        self._kept.write_text(json.dumps(self._parts, indent=1), "utf-8")

    def add(self, name: str, value: float) -> None:
        self._parts[self._part].setdefault(name, []).append(value)

    @property
    def _values(self) -> dict[str, list[float]]:
        return {name: some for part in self._parts.values() for name, some in part.items()}

    def __getitem__(self, name: str) -> float:
        return median(self._values[name])

    def table(self) -> str:
        """Everything of the run, as Markdown."""
        lines = [
            f"Measured on {date.today()} with `make bench` ({self.scale}): {machine()}.",
            "",
            f"| what ({self.rows:,} candles) | measured | goal |",
            "|---|---|---|",
            *(f"| {what} | {value} | {goal} |" for what, value, goal in self._rows()),
            "",
            "| every figure of the run (median) | value |",
            "|---|---|",
            *(f"| {name} | {self[name]:,.2f} |" for name in self._values),
        ]
        return "\n".join(lines)

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        def ratio(ours: str, theirs: str) -> str:
            return f"{self[ours] / self[theirs]:.1f}x ({self[ours]:,.0f} rows/s)"

        yield (
            "CSV against ExpiryTrack's method",
            ratio("csv rows/s", "expirytrack-csv rows/s"),
            "40x",
        )
        yield "CSV against sqlite3 -csv", ratio("csv rows/s", "sqlite3 -csv rows/s"), "4x"
        yield "CSV against DuckDB's COPY", ratio("csv rows/s", "duckdb rows/s"), "2x"
        yield (
            "JSON against ExpiryTrack's method",
            ratio("json rows/s", "expirytrack-json rows/s"),
            "35x",
        )
        yield (
            "ZIP against ExpiryTrack's method",
            ratio("zip rows/s", "expirytrack-zip rows/s"),
            "35x",
        )
        yield (
            "balanced ZIP's size against zlib level 6",
            f"{self['zip bytes'] / self['zip small bytes']:.3f}x",
            "at most 1.10x",
        )
        yield (
            "one core, CSV, against stepping the rows without output",
            f"{self['one core csv rows/s'] / self['one core floor rows/s']:.2f}",
            "0.45",
        )
        peaks = {
            name: value for name, value in self._medians() if name.endswith("2 at once, peak MB")
        }
        yield (
            "peak memory of the server, two exports at once",
            f"{min(peaks.values()):.0f} to {max(peaks.values()):.0f} MB",
            "under 100 MB",
        )
        for format in ("csv", "json", "zip"):
            mine = [value for name, value in peaks.items() if name.startswith(format)]
            yield (
                f"... {format}, largest against smallest database",
                f"{max(mine) / min(mine):.2f}x",
                "within 10%",
            )
        for name, goal in (
            ("loop lag p99 ms", "under 10 ms"),
            ("loop lag p99.9 ms", "under 50 ms"),
            ("health p99 ms", "under 25 ms"),
            ("first progress ms", "under 200 ms"),
            ("small exports/s", "100"),
            ("fsyncs per small export", "at most 6"),
        ):
            yield name, f"{self[name]:.1f}", goal
        yield (
            "download against python -m http.server",
            f"{self['download MB/s'] / self['http.server MB/s']:.2f}x"
            f" ({self['download MB/s']:,.0f} MB/s)",
            "1x",
        )
        for name, value in self._medians():
            if " of " in name and name.endswith(" ms"):
                goal = "under 300 ms" if name.startswith("estimate") else "under 50 ms"
                yield name, f"{value:.1f}", goal

    def _medians(self) -> Iterator[tuple[str, float]]:
        for name in self._values:
            yield name, self[name]


def machine() -> str:
    """What it was measured on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(": ", 1)[1] if names else model
    return (
        f"{os.cpu_count()} cores of {model}, {platform.system()}, Python"
        f" {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}, page cache warm"
    )


def write_report(results: Results, path: Path) -> None:
    """Put the table between the markers of `path`."""
    text = path.read_text("utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n{results.table()}\n{END}{after}", "utf-8")
