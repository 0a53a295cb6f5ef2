"""The Nth call on the exports folder, or on the task table's, fails: for every N until a clean run.

The calls are those of the real server, over all its threads (`tests.faults.system`). Needs Linux
5.9, no tool and no rights.
"""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.life import (
    FORMATS,
    STORAGE,
    Figures,
    begin,
    body,
    ended,
    judge,
    small_database,
    undisturbed_by,
)
from tests.faults.sizes import cases, told
from tests.faults.system import System
from tests.faults.test_kill_calls import FLAGS, evenly
from tests.servers import Server

KINDS = ("write", "sync", "rename", "open", "mkdir", "cut")
ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}
_MOST_CALLS = 200


async def _tried(
    session: aiohttp.ClientSession, server: Server, format: str
) -> tuple[list[str], str]:
    """One export while calls fail: the ids that were acknowledged, and the code of a refusal."""
    async with session.post(f"{server.url}/api/export/start", json=body(format)) as answer:
        value = await answer.json()
    if answer.status == 202:
        return [value["task_id"]], ""
    assert value["code"] in STORAGE, value
    assert answer.status in (503, 507), value
    return [], value["code"]


async def _healthy(session: aiohttp.ClientSession, server: Server) -> bool:
    async with session.get(f"{server.url}/api/health") as answer:
        return answer.status == 200


def _numbers(cases: int) -> list[int]:
    """Every number up to one that is never reached; a few of them in a quick run."""
    return list(range(1, _MOST_CALLS)) if cases > 10 else evenly(30, cases)


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("where", ["exports", "tasks"])
@cases(2, 1000, 1000)
async def test_the_nth_call_fails(
    cases: int, where: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The task fails with a code to act on or gets over it; the server lives and is well after."""
    database = small_database(tmp_path / "market.db")
    figures = Figures()
    refusals, failures = 0, 0
    folder = tmp_path / "run"
    only = folder / ("exports" if where == "exports" else "tasks.db")
    with System([folder], KINDS) as system:
        run = Server(folder, database, *FLAGS, prefix=system.prefix, module="tests.faults.eager")
        with run as server:
            async with aiohttp.ClientSession() as session:
                undisturbed = await undisturbed_by(server, session)
                for format in FORMATS:
                    for number in _numbers(cases):
                        system.spoil(number, ERRORS[name], *KINDS, only=only)
                        ids, refused = await _tried(session, server, format)
                        for task_id in ids:
                            await ended(session, server.url, task_id)
                        hit = system.hit.is_set()
                        system.count()
                        figures.tried += 1
                        figures.hit += hit
                        refusals += bool(refused)
                        found = await judge(
                            session, server, ids, undisturbed, figures,
                            may_fail=STORAGE if hit else (),
                        )  # fmt: skip
                        failures += sum(task["status"] == "failed" for task in found)
                        assert await _healthy(session, server), server.said()
                        if not hit and cases > 10:
                            break
            assert server.stop() == 0, server.said()
    told(capsys, f"row 2, {name} at the Nth call in {where}", refused=refusals, failed=failures,
         **vars(figures))  # fmt: skip
    assert not figures.violations, (figures, server.said())
    assert figures.hit


@pytest.mark.parametrize("name", [*ERRORS, "EROFS"])
@pytest.mark.parametrize("where", ["exports", "tasks"])
@cases(1, 3, 20)
async def test_everything_fails_from_the_nth_call_on_until_there_is_room_again(
    cases: int, where: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a disk does that has filled up, or was turned read-only by the system in mid-export.

    The server says what is wrong, and goes on afterwards.
    """
    database = small_database(tmp_path / "market.db")
    figures = Figures()
    folder = tmp_path / "run"
    only = folder / ("exports" if where == "exports" else "tasks.db")
    failing = ("write", "sync", "mkdir", "rename")
    with System([folder], KINDS) as system:
        run = Server(folder, database, *FLAGS, prefix=system.prefix, module="tests.faults.eager")
        with run as server:
            async with aiohttp.ClientSession() as session:
                undisturbed = await undisturbed_by(server, session)
                for format in FORMATS if cases > 1 else FORMATS[:1]:
                    for number in evenly(20, cases + 1):
                        system.spoil(
                            number, getattr(errno, name), *failing, only=only, lasting=True
                        )
                        ids, _ = await _tried(session, server, format)
                        more, _ = await _tried(session, server, format)
                        await asyncio.to_thread(system.hit.wait, 30)
                        assert system.hit.is_set()
                        figures.tried += 1
                        figures.hit += 1
                        await _answers(session, server)
                        system.count()
                        await judge(session, server, [*ids, *more], undisturbed, figures,
                                    may_fail=STORAGE)  # fmt: skip
                        assert await _healthy(session, server), server.said()
                        task_id = await begin(session, server.url, format)
                        await judge(session, server, [task_id], undisturbed, figures)
            assert server.stop() == 0, server.said()
    told(capsys, f"row 2, {name} from the Nth call on in {where}", **vars(figures))
    assert not figures.violations, (figures, server.said())


async def _answers(session: aiohttp.ClientSession, server: Server) -> None:
    """Reading works, whatever cannot be written."""
    for path in ("/api/export/tasks", "/api/instruments", "/export"):
        async with session.get(server.url + path) as answer:
            value: Any = await answer.read()
            assert answer.status == 200, value


@pytest.mark.parametrize("name", ERRORS)
@cases(1, 12, 1000)
async def test_a_start_with_a_failing_call_says_so_or_serves(
    cases: int, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that ends says why in one line; one that lives is well, or says what is not."""
    database = small_database(tmp_path / "market.db")
    figures = Figures()
    serving = 0
    with System([tmp_path], KINDS) as system:
        system.count()
        counted = Server(tmp_path / "0", database, *FLAGS, prefix=system.prefix)
        with counted as server:
            async with aiohttp.ClientSession() as session:
                undisturbed = await undisturbed_by(server, session)
            assert server.stop() == 0
        system.count()
        with Server(tmp_path / "1", database, *FLAGS, prefix=system.prefix) as server:
            calls = system.seen
        for number in evenly(calls, cases):
            system.spoil(number, ERRORS[name], only=tmp_path / f"{number}-")
            run = Server(tmp_path / f"{number}-", database, *FLAGS, prefix=system.prefix)
            figures.tried += 1
            try:
                server = await asyncio.to_thread(run.start)
            except AssertionError:
                # Whoever started it can read in a line what to do.
                said = run.said().splitlines()
                assert run.wait() == 1, said
                assert said[-1].startswith("error: "), said
                figures.hit += 1
                continue
            figures.hit += system.hit.is_set()
            system.count()
            serving += 1
            try:
                async with aiohttp.ClientSession() as session:
                    ids, _ = await _tried(session, server, "csv")
                    await judge(session, server, ids, undisturbed, figures, may_fail=STORAGE)
            finally:
                code = await asyncio.to_thread(server.stop)
            assert code == 0, server.said()
    told(capsys, f"row 2, {name} at the Nth call of a start", serving=serving, **vars(figures))
    assert not figures.violations, figures
