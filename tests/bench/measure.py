"""One measurement each: a number, and nothing about what it should be."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiohttp

from tests.servers import ROOT, Server

_CENSUS_PATIENCE_S = 600.0


@dataclass(frozen=True)
class Timed:
    """Seconds, peak memory in MB and what the run said."""

    seconds: float
    peak_mb: float
    said: str


def peer(name: str, database: Path, out: Path, *, core: int | None = None) -> Timed:
    """Run one of tests.bench.peers as a process of its own."""
    command = [sys.executable, "-m", "tests.bench.peers", name, str(database), str(out)]
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    log = out.with_suffix(".time")
    begun = time.perf_counter()
    done = subprocess.run(
        ["/usr/bin/time", "-f", "%M", "-o", str(log), *command],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    out.unlink(missing_ok=True)
    return Timed(seconds, int(log.read_text().split()[-1]) / 1024, done.stdout.strip())


class Bench:
    """A running server and calls to it."""

    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        self.server = server
        self._session = session
        self.url = server.url

    async def get(self, path: str) -> Any:
        async with self._session.get(self.url + path) as answer:
            return await answer.json()

    async def post(self, path: str, body: Any = None) -> Any:
        async with self._session.post(self.url + path, json=body) as answer:
            value = await answer.json()
            assert answer.status < 300, value
            return value

    async def everything(self, format: str, **options: Any) -> Any:
        """The body that asks for the whole database."""
        catalogue = await self.get("/api/instruments")
        keys = [one["key"] for one in catalogue["instruments"] if one["expiries"]]
        expiries = await self.post("/api/export/available-expiries", {"instruments": keys})
        return {"instruments": keys, "expiries": expiries, "format": format, "options": options}

    async def counted(self) -> None:
        """Until every contract has been counted once, as it is on any day but the first."""
        body = await self.everything("csv")
        async with asyncio.timeout(_CENSUS_PATIENCE_S):
            while not (await self.post("/api/export/preview", body))["exact"]:
                continue  # Each answer takes as long as an estimate may, and counts meanwhile.

    async def start(self, body: Any) -> str:
        return str((await self.post("/api/export/start", body))["task_id"])

    async def follow(self, task_id: str) -> tuple[Any, float | None]:
        """The final state, and when the first progress came (seconds on the clock)."""
        first: float | None = None
        address = f"{self.url}/api/export/ws/{task_id}"
        async with self._session.ws_connect(address) as socket:
            async for message in socket:
                task = message.json()["tasks"][0]
                if first is None and task["rows_done"]:
                    first = time.perf_counter()
        assert task["status"] == "completed", task
        return task, first

    async def export(self, body: Any, at_once: int = 1, keep: bool = False) -> dict[str, Any]:
        """Seconds from the first start to the last completed, and the last task."""
        begun = time.perf_counter()
        ids = [await self.start(body) for _ in range(at_once)]
        ended = await asyncio.gather(*(self.follow(one) for one in ids))
        seconds = time.perf_counter() - begun
        task, first = ended[-1]
        if not keep:
            for one in ids:
                async with self._session.delete(f"{self.url}/api/export/tasks/{one}") as answer:
                    assert answer.status == 200
        return {"seconds": seconds, "task": task, "first": first and first - begun}

    async def health_while(self, body: Any, at_once: int) -> list[float]:
        """Milliseconds of each health call while exports run."""
        ids = [await self.start(body) for _ in range(at_once)]
        running = asyncio.gather(*(self.follow(one) for one in ids))
        taken: list[float] = []
        while not running.done():
            begun = time.perf_counter()
            await self.get("/api/health")
            taken.append((time.perf_counter() - begun) * 1000)
            await asyncio.sleep(0.01)
        await running
        return taken

    def peak_mb(self) -> float:
        """The most memory that the server ever held."""
        assert self.server.process is not None
        lines = Path(f"/proc/{self.server.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    async def lag(self) -> dict[str, float]:
        """Lateness of the loop's ticks in milliseconds, by quantile."""
        async with self._session.get(f"{self.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        name = "expirytrack_loop_lag_seconds{quantile="
        return {
            line[len(name) + 1 :].split('"')[0]: float(line.rsplit(" ", 1)[1]) * 1000
            for line in lines
            if line.startswith(name)
        }


@asynccontextmanager
async def serving(
    folder: Path, database: Path, *flags: str, core: int | None = None, module: str = "server",
    prefix: Sequence[str] = (),
) -> AsyncIterator[Bench]:  # fmt: skip
    """A server over `database` whose contracts have been counted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    facts = database.with_suffix(".facts.db")
    if facts.exists():
        shutil.copy(facts, folder / "tasks.facts.db")
    pinned = ("taskset", "-c", str(core)) if core is not None else ()
    server = Server(
        folder, database, "--keep-free", "0", *flags, prefix=(*pinned, *prefix), module=module
    )
    with server:
        async with aiohttp.ClientSession() as session:
            bench = Bench(server, session)
            await bench.counted()
            yield bench
        server.stop()
    kept = folder / "tasks.facts.db"
    if kept.exists():
        shutil.copy(kept, facts)
    shutil.rmtree(folder)


@contextmanager
def http_server(folder: Path) -> Iterator[str]:
    """`python -m http.server` over a folder; its address."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{server.stdout.readline().split(' port ')[1].split()[0]}"
        finally:
            server.terminate()


def p(values: Sequence[float], percent: float) -> float:
    """A percentile."""
    return quantiles(values, n=1000, method="inclusive")[min(998, int(percent * 10) - 1)]


def download(url: str) -> float:
    """Bytes a second of one curl."""
    done = subprocess.run(
        ["curl", "-sS", "-o", "/dev/null", "-w", "%{speed_download}", url],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)
