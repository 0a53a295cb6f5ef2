"""Downloads that are broken off, and gone on with: nothing is held, and no two files are mixed."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import makers
from tests.faults.asking import Asking, asking
from tests.faults.sizes import cases, told
from tests.faults.test_damage import request_of
from tests.servers import Server

_AT_ONCE = 20
_PATIENCE_S = 60.0
# More than the system keeps for a client that does not read.
_ROWS = 150_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose export has some twelve megabytes."""
    path = tmp_path_factory.mktemp("large") / "market.db"
    with makers.Maker(path) as made:
        made.instrument(makers.NIFTY, "NIFTY")
        for strike in (22000, 22050):
            made.db.execute(
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?2 - 1)"
                " INSERT INTO historical_data (expired_instrument_key, timestamp, open, high, low,"
                " close, volume, oi)"
                " SELECT ?1, strftime('%Y-%m-%dT%H:%M:%S+05:30', 1700000000 + 60 * i, 'unixepoch'),"
                " 100.05, i + 1, 1, 1.5, i, 75 FROM n",
                (made.contract(strike=strike), _ROWS // 2),
            )
    return makers.settle(path)


class Connection:
    """One request over a connection of its own, read as far as a test wants."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def ask(cls, url: str, path: str, **headers: str) -> Connection:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        return cls(reader, writer)

    async def head(self) -> int:
        """The status."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1])

    async def read(self, size: int) -> bytes:
        """So many bytes, fewer only where the connection ends."""
        async with asyncio.timeout(_PATIENCE_S):
            try:
                return await self._reader.readexactly(size)
            except asyncio.IncompleteReadError as ended:
                return ended.partial
            except ConnectionError:
                return b""

    async def leave(self, *, rudely: bool) -> None:
        """Close the connection, or reset it."""
        if rudely:
            self._writer.transport.abort()
        else:
            self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


def descriptors(server: Server) -> int:
    assert server.process is not None
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


async def _settled(ask: Asking, server: Server, wanted: int) -> int:
    """Descriptors beyond `wanted`, once the server has noticed who has left, or will not."""
    for _ in range(200):
        if descriptors(server) <= wanted:
            return 0
        await ask.get("/api/health")
    return descriptors(server) - wanted


@cases(quick=40, many=400, whole=1000)
async def test_aborted_downloads_hold_nothing(
    cases: int, tmp_path: Path, large: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = Random("aborted")
    with Server(tmp_path / "server", large, "--keep-free", "0") as server:
        async with asking(server.url) as ask:
            task = await ask.finished(await ask.start(request_of(large)))
            content = await ask.content(task)
            base = descriptors(server)

            async def abort() -> None:
                connection = await Connection.ask(server.url, task["download_url"])
                place = random.choice((0, 1, 16_384, 16_385, random.randrange(len(content))))
                if place:
                    assert await connection.head() == 200
                    assert await connection.read(place) == content[:place]
                await connection.leave(rudely=bool(random.getrandbits(1)))

            for _ in range(cases // _AT_ONCE):
                await asyncio.gather(*(abort() for _ in range(_AT_ONCE)))
            leaked = await _settled(ask, server, base)
            assert await ask.content(task) == content
    told(capsys, "6 downloads aborted", cases=cases, descriptors_leaked=leaked)
    assert leaked == 0


@cases(quick=10, many=100, whole=300)
async def test_downloads_resumed_at_random_cuts_are_whole(
    cases: int, tmp_path: Path, large: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = Random("resumed")
    mismatches = parts = 0
    with Server(tmp_path / "server", large, "--keep-free", "0") as server:
        async with asking(server.url) as ask:
            task = await ask.finished(await ask.start(request_of(large)))
            for _ in range(cases):
                cuts = sorted(random.randrange(task["size"]) for _ in range(random.randint(1, 5)))
                digest, had = hashlib.sha256(), 0
                for end in [*cuts, task["size"]]:
                    connection = await Connection.ask(
                        server.url, task["download_url"], Range=f"bytes={had}-",
                        If_Range=f'"{task["sha256"]}"',
                    )  # fmt: skip
                    assert await connection.head() == 206
                    data = await connection.read(end - had)
                    await connection.leave(rudely=bool(random.getrandbits(1)))
                    digest.update(data)
                    had += len(data)
                    parts += 1
                mismatches += digest.hexdigest() != task["sha256"]
    told(capsys, "6 downloads resumed", cases=cases, parts=parts, hash_mismatches=mismatches)
    assert mismatches == 0


Change = Callable[[Asking, Any, Path], Awaitable[Any]]


async def _nothing(ask: Asking, task: Any, path: Path) -> Any:
    return task


async def _written_over(ask: Asking, task: Any, path: Path) -> Any:
    """Same name, same size, other bytes."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"9999")
    return task


async def _replaced(ask: Asking, task: Any, path: Path) -> Any:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[::-1])
    os.replace(other, path)
    return task


async def _cut(ask: Asking, task: Any, path: Path) -> Any:
    os.truncate(path, path.stat().st_size - 1)
    return task


async def _touched(ask: Asking, task: Any, path: Path) -> Any:
    """The same bytes at another time, as a restored backup has them."""
    content = path.read_bytes()
    path.write_bytes(content)
    return task


async def _removed(ask: Asking, task: Any, path: Path) -> Any:
    path.unlink()
    return task


async def _expired(ask: Asking, task: Any, path: Path) -> Any:
    async with ask.session.post(f"{ask.url}/api/admin/purge") as answer:
        assert answer.status == 200
    return task


async def _deleted(ask: Asking, task: Any, path: Path) -> Any:
    await ask.forget(task["task_id"])
    return task


async def _exported_again(ask: Asking, task: Any, path: Path) -> Any:
    """The new task's file holds other symbols; the client goes on with the old one's tag."""
    spec = {key: task["spec"][key] for key in ("instruments", "expiries", "format")}
    again = {**spec, "options": {"symbol_style": "openalgo"}}
    return await ask.finished(await ask.start(again))


CHANGES: dict[Change, set[int]] = {
    _nothing: {206},
    _touched: {206},
    _exported_again: {200},
    _written_over: {410},
    _replaced: {410},
    _cut: {410},
    _removed: {410},
    _expired: {410},
    _deleted: {404},
}


@cases(quick=9, many=45, whole=180)
async def test_a_download_resumed_across_a_change_is_never_a_mixture(
    cases: int, tmp_path: Path, sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {**request_of(sample), "format": "json"}
    random = Random("mixed")
    mixtures: list[str] = []
    found: Counter[int] = Counter()
    with Server(tmp_path / "server", sample, "--keep-free", "0", "--keep-bytes", "1") as server:
        async with asking(server.url) as ask:
            for number in range(cases):
                change = list(CHANGES)[number % len(CHANGES)]
                task = await ask.finished(await ask.start(body))
                had = (await ask.content(task))[: random.randrange(task["size"])]
                now = await change(ask, task, server.exports / task["file_path"])
                headers = {"Range": f"bytes={len(had)}-", "If-Range": f'"{task["sha256"]}"'}
                url = f"{ask.url}/api/export/download/{now['task_id']}"
                async with ask.session.get(url, headers=headers) as answer:
                    data = await answer.read()
                    status = answer.status
                found[status] += 1
                assert status in CHANGES[change], change.__name__
                whole = {206: had + data, 200: data}.get(status)
                if whole is not None and hashlib.sha256(whole).hexdigest() != now["sha256"]:
                    mixtures.append(change.__name__)
    told(capsys, "6 resumed across a change", cases=cases, mixtures=len(mixtures),
         **{f"status_{status}": number for status, number in sorted(found.items())})  # fmt: skip
    assert mixtures == []


async def test_a_file_that_is_cut_in_mid_download_ends_the_connection(
    tmp_path: Path, large: Path
) -> None:
    """The client was promised more bytes: it must not wait for them for ever."""
    with Server(tmp_path / "server", large, "--keep-free", "0") as server:
        async with asking(server.url) as ask:
            task = await ask.finished(await ask.start(request_of(large)))
            connection = await Connection.ask(server.url, task["download_url"])
            assert await connection.head() == 200
            await connection.read(20_000)
            os.truncate(server.exports / task["file_path"], task["size"] - 1000)
            rest = await connection.read(task["size"])
            await connection.leave(rudely=False)
            assert len(rest) < task["size"] - 20_000
