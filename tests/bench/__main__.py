"""`python -m tests.bench [quick|normal|huge] [PART ...]`: measure, write docs/performance.md."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import measure
from tests.bench.market import make_many_small, make_market
from tests.bench.report import Results, write_report
from tests.servers import ROOT

DATA = ROOT / "bench-data"
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "csv": ("csv", {}),
    "json": ("json", {}),
    "zip": ("zip", {}),
    "zip fast": ("zip", {"level": "fast"}),
    "zip small": ("zip", {"level": "small"}),
}


@dataclass(frozen=True)
class Scale:
    """How much to measure: candles of the main database, of the growth curve, and rounds."""

    rows: int
    growth: tuple[int, ...]
    rounds: int
    small: int
    huge: int | None = None


SCALES = {
    "quick": Scale(500_000, (100_000, 500_000), 1, 50),
    "normal": Scale(5_000_000, (1_000_000, 5_000_000, 20_000_000), 3, 200),
    "huge": Scale(5_000_000, (1_000_000, 5_000_000, 20_000_000), 3, 200, 50_000_000),
}


def market(rows: int) -> Path:
    path = DATA / f"{rows}.db"
    if not path.exists():
        print(f"making {path.name}", flush=True)
        make_market(path, rows)
    return path


def say(results: Results, name: str, value: float, unit: str = "") -> None:
    results.add(name, value)
    print(f"{name:46} {value:14,.2f} {unit}", flush=True)


async def rates(results: Results, scale: Scale) -> None:
    """Candles a second, ours and the others', in turns."""
    database, out = market(scale.rows), DATA / "out"
    async with measure.serving(DATA / "run", database) as bench:
        for number in range(scale.rounds):
            for name, (format, options) in OPTIONS.items():
                if name == "zip small" and number:
                    continue
                ran = await bench.export(await bench.everything(format, **options))
                say(results, f"{name} rows/s", scale.rows / ran["seconds"])
                results.add(f"{name} bytes", ran["task"]["size"])
                if name == "csv":
                    say(results, "first progress ms", ran["first"] * 1000)
            for name in ("sqlite3 -csv", "duckdb"):
                ran_peer = await asyncio.to_thread(measure.peer, name, database, out)
                say(results, f"{name} rows/s", scale.rows / ran_peer.seconds)
                say(results, f"{name} peak MB", ran_peer.peak_mb)
    for name in ("expirytrack-csv", "expirytrack-json", "expirytrack-zip"):
        ran_peer = await asyncio.to_thread(measure.peer, name, database, out)
        say(results, f"{name} rows/s", scale.rows / ran_peer.seconds)
        say(results, f"{name} peak MB", ran_peer.peak_mb)


async def one_core(results: Results, scale: Scale) -> None:
    """Everything on one core, against stepping the same rows there without any output."""
    database = market(scale.rows)
    async with measure.serving(DATA / "run", database, "--readers", "1", core=0) as bench:
        for _ in range(scale.rounds):
            ran = await bench.export(await bench.everything("csv"))
            say(results, "one core csv rows/s", scale.rows / ran["seconds"])
            floor = await asyncio.to_thread(measure.peer, "floor", database, DATA / "out", core=0)
            say(results, "one core floor rows/s", scale.rows / floor.seconds)


async def growth(results: Results, scale: Scale) -> None:
    """Memory and rate at several sizes and with one and two readers."""
    for rows in scale.growth:
        for readers in (1, 2):
            flags = ("--readers", str(readers))
            async with measure.serving(DATA / "run", market(rows), *flags) as bench:
                ran = await bench.export(await bench.everything("csv"))
                say(results, f"csv {rows} rows, {readers} readers, rows/s", rows / ran["seconds"])
        for format in ("csv", "json", "zip"):
            async with measure.serving(DATA / "run", market(rows)) as bench:
                await bench.export(await bench.everything(format), at_once=2)
                say(results, f"{format} {rows} rows, 2 at once, peak MB", bench.peak_mb())


async def loop(results: Results, scale: Scale) -> None:
    """The event loop and the health call while two exports run; a download at the same time."""
    module = "tests.bench.ticking"
    async with measure.serving(DATA / "run", market(scale.rows), module=module) as bench:
        taken: list[float] = []
        for format in ("csv", "zip"):
            taken += await bench.health_while(await bench.everything(format), 2)
        lag = await bench.lag()
        say(results, "loop lag p99 ms", lag["0.99"])
        say(results, "loop lag p99.9 ms", lag["0.999"])
        say(results, "health p99 ms", measure.p(taken, 99))


async def downloads(results: Results, scale: Scale) -> None:
    """The same curl against our route and against python -m http.server."""
    module = "tests.bench.ticking"
    async with measure.serving(DATA / "run", market(scale.rows), module=module) as bench:
        ran = await bench.export(await bench.everything("csv"), keep=True)
        task = ran["task"]
        folder = bench.server.exports / task["task_id"]
        with measure.http_server(folder) as other:
            for _ in range(max(3, scale.rounds)):
                for name, url in (
                    ("download", bench.url + task["download_url"]),
                    ("http.server", f"{other}/{task['file_name']}"),
                ):
                    rate = await asyncio.to_thread(measure.download, url)
                    say(results, f"{name} MB/s", rate / 1e6)


async def data_calls(results: Results, rows: int) -> None:
    """What the wizard asks before an export, on the largest database."""
    async with measure.serving(DATA / "run", market(rows)) as bench:
        body = await bench.everything("csv")
        calls: dict[str, list[float]] = {"instruments": [], "expiries": [], "estimate": []}
        for _ in range(20):
            for name in calls:
                begun = time.perf_counter()
                if name == "instruments":
                    await bench.get("/api/instruments")
                elif name == "expiries":
                    wanted = {"instruments": body["instruments"]}
                    await bench.post("/api/export/available-expiries", wanted)
                else:
                    await bench.post("/api/export/preview", body)
                calls[name].append((time.perf_counter() - begun) * 1000)
        for name, taken in calls.items():
            say(results, f"{name} of {rows} rows ms", median(taken))


async def many_small(results: Results, scale: Scale) -> None:
    """So many queued exports of one contract each; the second time under strace for fsyncs."""
    database = DATA / f"small-{scale.small}.db"
    make_many_small(database, scale.small)
    trace = DATA / "fsyncs"
    strace = ("strace", "-D", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(trace))
    for prefix in ((), strace):
        async with measure.serving(DATA / "run", database, prefix=prefix) as bench:
            body = await bench.everything("csv")
            (key,) = body["instruments"]
            before = _lines(trace)
            begun = time.perf_counter()
            ids = [
                await bench.start({**body, "expiries": {key: [day]}})
                for day in body["expiries"][key]
            ]
            await asyncio.gather(*(bench.follow(one) for one in ids[-2:]))
            seconds = time.perf_counter() - begun
            if prefix:
                say(results, "fsyncs per small export", (_lines(trace) - before) / len(ids))
            else:
                say(results, "small exports/s", len(ids) / seconds)
    trace.unlink()


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"sync(") if path.exists() else 0


async def data_calls_of_largest(results: Results, scale: Scale) -> None:
    await data_calls(results, scale.huge or scale.growth[-1])


PARTS = {
    "rates": rates,
    "core": one_core,
    "loop": loop,
    "downloads": downloads,
    "small": many_small,
    "growth": growth,
    "calls": data_calls_of_largest,
}


async def main(name: str, parts: Sequence[str]) -> None:
    """Measure the parts named, or all; what an earlier run measured of the others is kept."""
    scale = SCALES[name]
    results = Results(name, scale.rows, DATA / f"results-{name}.json")
    for part in parts or PARTS:
        results.begin(part)
        await PARTS[part](results, scale)
        results.save()
    if name == "quick":
        print(results.table())
    else:
        write_report(results, ROOT / "docs" / "performance.md")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "normal", sys.argv[2:]))
