"""Cancels at every point where an export or a request waits: nothing is held, lost or left.

A cancel comes as the wait begins, or late: when it has ended and its result is lost.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import apsw
import pytest

from exporter.pipeline import run_export
from server.app import create_app
from server.context import CONTEXT, Context
from server.states import State
from server.tasks import Task
from tests import makers
from tests.conftest import AiohttpClient, make_settings
from tests.faults.routes import Call, calls_of
from tests.faults.sizes import cases, told
from tests.faults.stepping import Breaking, Step
from tests.integration.calls import Client, everything, finished, start
from tests.integration.gates import Gate

_PATIENCE_S = 60.0
_READERS = 2


class Watch:
    """What one server must have given back once it is at rest, and the final states it told."""

    def __init__(self, have: Context, monkeypatch: pytest.MonkeyPatch) -> None:
        self.have = have
        self.finals: Counter[str] = Counter()
        self.violations: list[str] = []
        self._publish = have.hub.publish
        monkeypatch.setattr(have.hub, "publish", self._look)
        self._descriptors = 0

    def _look(self, task: Task) -> None:
        if task.status in (State.COMPLETED, State.FAILED, State.CANCELLED):
            self.finals[task.task_id] += 1
        self._publish(task)

    async def at_rest(self) -> None:
        """Until nothing waits, runs, is lent or being closed; what is stuck raises TimeoutError."""
        async with asyncio.timeout(_PATIENCE_S):
            while await self._busy():
                continue

    async def _busy(self) -> bool:
        have = self.have
        counts = await have.store.counts()
        return bool(
            counts[State.QUEUED]
            or counts[State.PROCESSING]
            or have.runner._running
            or have.database._pool._ending
            or have.database._pool._places._value != _READERS
            or len(have.hub)
        )

    async def count_descriptors(self) -> None:
        await self.at_rest()
        self._descriptors = _descriptors()

    async def judge(self, what: str) -> None:
        """Note every lock, state and file that is not as it must be."""
        await self.at_rest()
        have = self.have
        if _locked(have.settings.tasks) or have.database._refreshing.locked():
            self._violated(what, "a lock is held")
        if have.runner._jobs or have.runner._unwanted:
            self._violated(what, "a job is left")
        if any(number != 1 for number in self.finals.values()):
            self._violated(what, f"final states: {self.finals}")
        for folder in have.settings.exports.glob("*-*-*"):
            task = await have.store.get(folder.name)
            files = [path.name for path in folder.iterdir()]
            if task is None or task.status is not State.COMPLETED or files != [task.file_name]:
                self._violated(what, f"left: {folder.name} {files}")
        self.finals.clear()

    async def judge_descriptors(self) -> int:
        await self.at_rest()
        gc.collect()
        leaked = max(0, _descriptors() - self._descriptors)
        if leaked:
            self._violated("descriptors", f"{leaked} more than before")
        return leaked

    def _violated(self, what: str, how: str) -> None:
        self.violations.append(f"{what}: {how}")


def _locked(path: Path) -> bool:
    """Does somebody hold the table's lock for longer than a statement takes?"""
    with closing(apsw.Connection(str(path))) as other:
        other.set_busy_timeout(5000)
        try:
            other.execute("BEGIN IMMEDIATE; ROLLBACK")
        except apsw.BusyError:
            return True
    return False


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def market(tmp_path: Path) -> Path:
    return makers.settle(makers.tiny_database(tmp_path / "market.db"))


async def _served(
    client: Client, monkeypatch: pytest.MonkeyPatch, body: Any
) -> tuple[Watch, set[str]]:
    """Everything is open that will be: both readers, and the connections of a client."""
    watch = Watch(client.app[CONTEXT], monkeypatch)
    made = set()
    for _ in range(3):
        ids = [await start(client, body) for _ in range(4)]
        made |= {(await finished(client, one))["sha256"] for one in ids}
    await watch.judge("warming up")
    await watch.count_descriptors()
    return watch, made


@cases(quick=12, many=150, whole=1000)
async def test_an_export_that_is_cancelled_anywhere(
    cases: int,
    aiohttp_client: AiohttpClient,
    market: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = create_app(make_settings(tmp_path, market, readers=_READERS))
    client = await aiohttp_client(app)
    body = await everything(client, makers.NIFTY, "NSE_EQ|INE101A01026")
    watch, digests = await _served(client, monkeypatch, body)
    steps: list[Step] = []
    asked: set[asyncio.Task[Any]] = set()
    found: Counter[str] = Counter()
    longest = {"csv": 40, "json": 40, "zip": 40}

    async def run(*what: Any, **how: Any) -> Any:
        task_id = how["folder"].name

        def cancel() -> None:
            asked.add(asyncio.ensure_future(watch.have.runner.cancel(task_id)))

        number, late = places.pop()
        steps.append(Step(number, late=late, reached=cancel))
        return await steps[-1].through(run_export(*what, **how))

    monkeypatch.setattr("server.runner.run_export", run)
    random = Random("export")
    for number in range(cases):
        format = ("csv", "json", "zip")[number % 3]
        places = [(random.randint(1, longest[format]), bool(number // 3 % 2))]
        task = await finished(client, await start(client, {**body, "format": format}))
        found[task["status"]] += 1
        what = f"{format} cancelled at {steps[-1].seen}"
        if steps[-1].taken:
            # Too late for some: the request comes while the export ends.
            await asyncio.gather(*asked, return_exceptions=True)
        else:
            longest[format] = max(1, steps[-1].seen)
        asked.clear()
        await watch.judge(what)
    monkeypatch.undo()
    await watch.judge_descriptors()
    again = await finished(client, await start(client, body))
    assert again["sha256"] in digests, "the pool still serves"
    told(capsys, "4 export cancelled", cases=cases, violations=len(watch.violations), **found)
    assert watch.violations == []


CALLS = calls_of(create_app(make_settings(Path("nowhere"), Path("nowhere.db"))))


class Subjects:
    """What the calls are about, made anew where a call uses it up."""

    def __init__(self, client: Client, body: Any) -> None:
        self._client = client
        self._body = body
        self._ids: dict[str, str] = {}

    async def address(self, call: Call) -> str:
        for name, path in (("template", "/api/templates"), ("schedule", "/api/schedules")):
            if call.path.startswith(path) and (name not in self._ids or call.method == "DELETE"):
                body = Call("POST", path).body(self._body)
                answer = await self._client.post(path, json=body)
                assert answer.status == 201, await answer.text()
                self._ids[name] = (await answer.json())["id"]
        if "task_id" in call.path and ("task_id" not in self._ids or call.method == "DELETE"):
            task = await finished(self._client, await start(self._client, self._body))
            self._ids["task_id"] = task["task_id"]
        return call.address(**self._ids)


async def _made(client: Client, call: Call, address: str, body: Any) -> None:
    """The call as a client makes it that reads the answer to its end, if there is one."""
    try:
        if call.follows:
            async with client.ws_connect(address) as socket:
                await socket.receive()
            return
        json = call.body(body) if call.changing else None
        async with client.request(call.method, address, json=json, allow_redirects=False) as answer:
            await answer.read()
    except aiohttp.ClientError:
        return


@cases(quick=60, many=400, whole=1000)
async def test_a_request_that_is_broken_off_anywhere(
    cases: int,
    aiohttp_client: AiohttpClient,
    market: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every call of the router in turn, each time at one of its waits."""
    breaking = Breaking()
    app = create_app(make_settings(tmp_path, market, readers=_READERS))
    breaking.install(app)
    client = await aiohttp_client(app)
    body = await everything(client, makers.NIFTY)
    watch, _ = await _served(client, monkeypatch, body)
    subjects = Subjects(client, body)
    for call in CALLS:
        # Each once undisturbed, so that what is opened only once is not taken for a leak.
        await _made(client, call, await subjects.address(call), body)
    await watch.count_descriptors()
    random = Random("request")
    longest = dict.fromkeys(CALLS, 20)
    done = deepest = 0
    for number in range(20 * cases):
        if done == cases:
            break
        call, late = CALLS[number % len(CALLS)], bool(random.getrandbits(1))
        place = random.randint(1, longest[call])
        address = await subjects.address(call)
        breaking.at(place, late=late)
        await _made(client, call, address, body)
        assert breaking.step is not None
        if breaking.step.taken:
            done, deepest = done + 1, max(deepest, place)
            await watch.judge(f"{call} broken off at {place}{' late' * late}")
        else:
            longest[call] = max(1, breaking.step.seen)
    await watch.judge_descriptors()
    assert (await finished(client, await start(client, body)))["status"] == "completed"
    told(capsys, "4 request broken off", routes=len(CALLS), cases=done,
         violations=len(watch.violations), deepest_wait=deepest)  # fmt: skip
    assert watch.violations == []


@cases(quick=8, many=20, whole=40)
async def test_a_cancel_call_that_is_broken_off_is_done_or_not(
    cases: int,
    aiohttp_client: AiohttpClient,
    market: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Never half: an export that says that it was asked to stop does stop."""
    breaking = Breaking()
    app = create_app(make_settings(tmp_path, market, readers=_READERS))
    breaking.install(app)
    client = await aiohttp_client(app)
    body = await everything(client, makers.NIFTY)
    watch, _ = await _served(client, monkeypatch, body)
    gate = Gate.install(monkeypatch)
    found: Counter[str] = Counter()
    for number in range(cases):
        task_id = await start(client, body)
        running = await gate.arrived.get()
        breaking.at(1 + number // 2, late=bool(number % 2))
        call = Call("POST", "/api/export/tasks/{task_id}/cancel")
        await _made(client, call, call.address(task_id=task_id), body)
        task = await watch.have.store.get(task_id)
        assert task is not None
        if not task.cancel_requested:
            running.finish()
        ended = await finished(client, task_id)
        found[ended["status"]] += 1
        if task.cancel_requested != (ended["status"] == "cancelled"):
            watch.violations.append(f"{number}: {ended['status']}")
    told(capsys, "4 cancel broken off", cases=cases, violations=len(watch.violations), **found)
    assert watch.violations == []


async def test_a_cancel_between_the_claim_and_the_first_step(
    aiohttp_client: AiohttpClient, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task has an end all the same, and its place is free again."""
    client = await aiohttp_client(create_app(make_settings(tmp_path, market, max_exports=1)))
    have: Context = client.app[CONTEXT]
    body = await everything(client, makers.NIFTY)
    claim = have.store.claim_next

    async def claimed(owner: str, at: str) -> Task | None:
        task = await claim(owner, at)
        if task is not None:
            await have.runner.cancel(task.task_id)
        return task

    monkeypatch.setattr(have.store, "claim_next", claimed)
    async with asyncio.timeout(_PATIENCE_S):
        assert (await finished(client, await start(client, body)))["status"] == "cancelled"
        monkeypatch.undo()
        assert (await finished(client, await start(client, body)))["status"] == "completed"


async def test_the_end_is_told_after_everything_else(
    aiohttp_client: AiohttpClient, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state told while the end is written down would be newer, and hide the end for good."""
    client = await aiohttp_client(create_app(make_settings(tmp_path, market)))
    have: Context = client.app[CONTEXT]
    gate = Gate.install(monkeypatch)
    task_id = await start(client, await everything(client, makers.NIFTY))
    running = await gate.arrived.get()
    complete = have.store.complete

    async def slowly(*what: Any) -> Task | None:
        task = await complete(*what)
        job = have.runner._jobs[task_id]
        job._told_at = 0.0
        running.tell(5, 10)
        return task

    monkeypatch.setattr(have.store, "complete", slowly)
    async with asyncio.timeout(_PATIENCE_S), client.ws_connect("/api/export/ws") as socket:
        await socket.receive()
        running.finish()
        told: list[Any] = []
        while not told or told[-1]["status"] != "completed":
            told += (await socket.receive_json())["tasks"]
    assert told[-1]["seq"] == max(task["seq"] for task in told)


async def test_an_export_cancelled_before_it_takes_its_part_up_leaves_no_part(
    aiohttp_client: AiohttpClient, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await aiohttp_client(create_app(make_settings(tmp_path, market)))
    gate = Gate.install(monkeypatch)
    task_id = await start(client, await everything(client, makers.NIFTY))
    running = await gate.arrived.get()
    running.folder.mkdir(parents=True)
    (running.folder / "earlier.csv.part").write_bytes(b"x")
    await client.post(f"/api/export/tasks/{task_id}/cancel")
    assert (await finished(client, task_id))["status"] == "cancelled"
    assert not running.folder.exists()
