"""Real small disks that fill up under the real server, and a folder that loses its rights.

Each server has mounts of its own, which are gone with it. Needs root, or a system that lets users
make namespaces (unshare --user); `unshare`, `mount` and `setpriv` are in Debian's util-linux.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.conformance.unprivileged import command
from tests.faults.life import Figures, begin, body, ended, fetched, judge, left_over, same
from tests.faults.sizes import FULL, told
from tests.makers import slow_database
from tests.servers import Server

pytestmark = pytest.mark.faults

CASES = 20 if FULL else 2
_ROWS = 4000
_MOUNTED = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift 2 && exec "$@"'


def _with_disk(folder: Path, size: str) -> tuple[str, ...]:
    """Before a command line: `folder` is a disk of that size, for that process alone."""
    mapped = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    return ("unshare", *mapped, "--mount", "sh", "-c", _MOUNTED, "sh", size, str(folder))


@asynccontextmanager
async def _served(folder: Path, database: Path, disk: str, size: str) -> AsyncIterator[Server]:
    """A server whose folder `disk` is small; its paths are as the server sees them."""
    small = folder / disk
    small.mkdir(parents=True)
    run = Server(
        folder, database, "--keep-free", "0", prefix=_with_disk(small, size),
        module="tests.faults.eager",
    )  # fmt: skip
    run.tasks = folder / "tasks" / "tasks.db"
    with run as server:
        assert server.process is not None
        seen = Path(f"/proc/{server.process.pid}/root")
        server.exports = seen / server.exports.relative_to("/")
        server.tasks = seen / server.tasks.relative_to("/")
        yield server
        assert await asyncio.to_thread(server.stop) == 0, server.said()


def _fill(folder: Path) -> Path:
    """Take all the room that is left on a disk."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"x" * 4096)
            except OSError:
                return path


async def _begun(session: aiohttp.ClientSession, url: str, task_id: str) -> None:
    """Until the first candles of a task are written."""
    async with session.ws_connect(f"{url}/api/export/ws/{task_id}") as feed:
        frame = await feed.receive_json()
        while not frame["tasks"][0]["rows_done"]:
            frame = await feed.receive_json()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return slow_database(tmp_path / "market.db", rows=_ROWS)


async def _whole(session: aiohttp.ClientSession, server: Server) -> tuple[Any, bytes]:
    task = await ended(session, server.url, await begin(session, server.url, "csv"))
    return task, await fetched(session, server.url, task)


async def _gone(session: aiohttp.ClientSession, server: Server, task_id: str) -> None:
    async with session.delete(f"{server.url}/api/export/tasks/{task_id}") as answer:
        assert answer.status == 200


async def test_a_full_exports_disk(
    tmp_path: Path, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures, failed = Figures(), 0
    async with (
        _served(tmp_path / "run", database, "exports", "7M") as server,
        aiohttp.ClientSession() as session,
    ):
        task, content = await _whole(session, server)
        assert 4 << 20 < len(content) < 5 << 20
        await _gone(session, server, task["task_id"])
        undisturbed = {"csv": same("csv", content)}
        for _ in range(CASES):
            # Each would fit alone, and the two do not.
            ids = [await begin(session, server.url, "csv") for _ in range(2)]
            figures.tried += 1
            found = await judge(
                session, server, ids, undisturbed, figures, may_fail=("storage_full",)
            )
            failed += sum(task["status"] == "failed" for task in found)
            # Filled up from outside in mid-export.
            ids = [await begin(session, server.url, "csv")]
            await _begun(session, server.url, ids[0])
            filling = await asyncio.to_thread(_fill, server.exports)
            figures.tried += 1
            ending = await ended(session, server.url, ids[0])
            failed += ending["error_code"] == "storage_full"
            async with session.post(f"{server.url}/api/export/start", json=body("csv")) as answer:
                refusal = await answer.json()
            assert (answer.status, refusal["code"]) == (507, "storage_full"), refusal
            filling.unlink()
            await judge(session, server, ids, undisturbed, figures, may_fail=("storage_full",))
            await _gone(session, server, (await _whole(session, server))[0]["task_id"])
            assert left_over(server, []) == []
    figures.hit = failed
    told(capsys, "row 2, a full exports disk", **vars(figures))
    assert not figures.violations, figures
    assert failed >= CASES


async def test_a_full_disk_of_the_task_table(
    tmp_path: Path, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was acknowledged is finished when there is room again; what comes meanwhile is told."""
    figures = Figures()
    async with (
        _served(tmp_path / "run", database, "tasks", "3M") as server,
        aiohttp.ClientSession() as session,
    ):
        task, content = await _whole(session, server)
        await _gone(session, server, task["task_id"])
        undisturbed = {"csv": same("csv", content)}
        for _ in range(CASES):
            ids = [await begin(session, server.url, "csv") for _ in range(5)]
            await _begun(session, server.url, ids[0])
            filling = await asyncio.to_thread(_fill, server.tasks.parent)
            figures.tried += 1
            async with session.post(f"{server.url}/api/export/start", json=body("csv")) as answer:
                value = await answer.json()
            if answer.status == 202:
                ids.append(value["task_id"])
            else:
                assert (answer.status, value["code"]) == (507, "storage_full"), value
                figures.hit += 1
            async with session.get(f"{server.url}/api/export/tasks") as answer:
                assert len((await answer.json())["tasks"]) == len(ids)
            filling.unlink()
            await judge(session, server, ids, undisturbed, figures, may_fail=("storage_full",))
            await _gone(session, server, (await _whole(session, server))[0]["task_id"])
    told(capsys, "row 2, a full disk of the task table", **vars(figures))
    assert not figures.violations, figures


async def test_a_folder_turned_read_only_in_mid_export(
    tmp_path: Path, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = Figures()
    run = Server(
        tmp_path / "run", database, "--keep-free", "0", prefix=tuple(command()),
        module="tests.faults.eager",
    )  # fmt: skip
    with run as server:
        async with aiohttp.ClientSession() as session:
            task, content = await _whole(session, server)
            undisturbed = {"csv": same("csv", content)}
            await _gone(session, server, task["task_id"])
            for _ in range(CASES):
                ids = [await begin(session, server.url, "csv")]
                await _begun(session, server.url, ids[0])
                folders = [server.exports / ids[0], server.exports]
                for folder in folders:
                    folder.chmod(0o555)
                figures.tried += 1
                ending = await ended(session, server.url, ids[0])
                figures.hit += ending["error_code"] == "storage_denied"
                async with session.post(
                    f"{server.url}/api/export/start", json=body("csv")
                ) as answer:
                    value = await answer.json()
                assert (answer.status, value["code"]) == (503, "storage_denied"), value
                for folder in folders:
                    folder.chmod(0o755)
                # The part could not be removed then; the hourly clean-up does it.
                async with session.post(f"{server.url}/api/admin/purge") as answer:
                    assert answer.status == 200
                await judge(session, server, ids, undisturbed, figures,
                            may_fail=("storage_denied",))  # fmt: skip
                await _gone(session, server, (await _whole(session, server))[0]["task_id"])
        assert server.stop() == 0, server.said()
    told(capsys, "row 2, a folder turned read-only in mid-export", **vars(figures))
    assert not figures.violations, figures
    assert figures.hit == figures.tried
