"""The task table under any order of calls, crashes included, against a model of it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from exporter.checkpoint import Checkpoint
from exporter.errors import Code
from exporter.model import Artefact, ExportSpec, FileFormat, Options
from server.states import State
from server.store import MOST_TRIES, TaskStore
from server.tasks import Origin, Task
from tests.faults.sizes import cases, told
from tests.makers import NIFTY

T = TypeVar("T")

_AT = "2025-09-19T09:14:56.789+05:30"
_SPEC = ExportSpec((NIFTY,), {NIFTY: (date(2025, 9, 16),)}, FileFormat.CSV, Options())
_ARTEFACT = Artefact("exports/x/x.csv", 7, "0" * 64, 3, 1, 0, 0, ("a warning",))
_CHECKPOINT = Checkpoint(
    name="x.csv", content="c", contracts=1, contracts_total=2, offset=7, digest="0" * 64, rows=3,
    dropped=0, empty=0, notes=0,
)  # fmt: skip
_STEPS = {"rules": 0, "crashes": 0}


@dataclass
class Known:
    """What the table must say of one task."""

    state: State = State.QUEUED
    owner: str | None = None
    tries: int = 0
    attempt: int = 0
    cancel: bool = False
    checkpoint: bool = False
    retry_of: str | None = None
    history: list[State] = field(default_factory=lambda: [State.QUEUED])

    def goes(self, state: State) -> None:
        self.state = state
        self.history.append(state)
        self.owner = None
        if state.final:
            self.checkpoint = False


class Table(RuleBasedStateMachine):
    """Every rule is a call of the store; its answer and the whole table must be the model's."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="expirytrack-table-"))
        self.opened = 0
        self.owner, self.former = str(uuid4()), str(uuid4())
        self.tasks: dict[str, Known] = {}
        self.seq = 0

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    @property
    def path(self) -> Path:
        return self.folder / f"tasks{self.opened}.db"

    @initialize()
    def begin(self) -> None:
        self.store = self.run(TaskStore.open(self.path))

    def told(self, task: Task | None, known: Known | None) -> None:
        """A change that happened says so, under a number that only grows; else it says None."""
        _STEPS["rules"] += 1
        assert (task is not None) == (known is not None)
        if task is not None and known is not None:
            assert task.seq > self.seq, "seq grows"
            self.seq = task.seq
            assert (task.status, task.owner) == (known.state, known.owner)

    def one(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from([*self.tasks, "nobody"]), label="task")

    def whose(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from([self.owner, self.owner, self.former]), label="owner")

    def running(self, task_id: str, owner: str) -> Known | None:
        known = self.tasks.get(task_id)
        if known is None or known.state is not State.PROCESSING or known.owner != owner:
            return None
        return known

    def add(self, most: int, origin: Origin, retry_of: str | None = None) -> None:
        task_id = str(uuid4())
        waiting = sum(one.state is State.QUEUED for one in self.tasks.values())
        known = Known(retry_of=retry_of) if waiting < most else None
        if known is not None:
            self.tasks[task_id] = known
        task = self.run(
            self.store.add(task_id, _SPEC, _AT, retry_of=retry_of, origin=origin, most_waiting=most)
        )
        self.told(task, known)

    @rule(most=st.integers(1, 6))
    def accept(self, most: int) -> None:
        self.add(most, Origin())

    @precondition(lambda self: any(one.state.final for one in self.tasks.values()))
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        over = [task_id for task_id, one in self.tasks.items() if one.state.final]
        self.add(10, Origin(), data.draw(st.sampled_from(over)))

    @rule(times=st.integers(1, 2))
    def claim(self, times: int) -> None:
        """The one that has waited longest."""
        for _ in range(times):
            first = next((one for one in self.tasks.values() if one.state is State.QUEUED), None)
            if first is not None:
                first.goes(State.PROCESSING)
                first.owner = self.owner
                first.attempt += 1
            self.told(self.run(self.store.claim_next(self.owner, _AT)), first)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def checkpoint(self, data: st.DataObject) -> None:
        task_id, owner = self.one(data), self.whose(data)
        known = self.running(task_id, owner)
        if known is not None:
            known.checkpoint, known.tries = True, 0
        self.told(
            self.run(self.store.save_checkpoint(task_id, owner, _CHECKPOINT, None, 1.0)), known
        )

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), how=st.sampled_from(["complete", "fail", "cancelled", "put_back"]))
    def end(self, data: st.DataObject, how: str) -> None:
        """Only by its owner; another one's word changes nothing."""
        task_id, owner = self.one(data), self.whose(data)
        known = self.running(task_id, owner)
        back = State.CANCELLED if known is not None and known.cancel else State.QUEUED
        ends = {
            "complete": State.COMPLETED,
            "fail": State.FAILED,
            "cancelled": State.CANCELLED,
            "put_back": back,
        }
        if known is not None:
            known.goes(ends[how])
        calls: dict[str, Callable[[], Coroutine[Any, Any, Task | None]]] = {
            "complete": lambda: self.store.complete(task_id, owner, _ARTEFACT, _AT, 1.0),
            "fail": lambda: self.store.fail(task_id, owner, Code.BAD_ROW, "why", _AT),
            "cancelled": lambda: self.store.cancelled(task_id, owner, _AT),
            "put_back": lambda: self.store.put_back(task_id, owner, _AT),
        }
        self.told(self.run(calls[how]()), known)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """At once if it waits, else as a request to whoever works on it."""
        task_id = self.one(data)
        known = self.tasks.get(task_id)
        waits = known if known is not None and known.state is State.QUEUED else None
        works = known if known is not None and known.state is State.PROCESSING else None
        if known is not None and (waits or works):
            known.cancel = True
        if waits is not None:
            waits.goes(State.CANCELLED)
        self.told(self.run(self.store.cancel(task_id, _AT)), waits)
        self.told(self.run(self.store.request_cancel(task_id)), works)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        task_id = self.one(data)
        known = self.tasks.get(task_id)
        if known is not None and known.state is not State.COMPLETED:
            known = None
        if known is not None:
            known.goes(State.EXPIRED)
        self.told(self.run(self.store.expire(task_id)), known)

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Only what is over."""
        task_id = self.one(data)
        known = self.tasks.get(task_id)
        over = known is not None and known.state.final
        assert (self.run(self.store.delete(task_id)) is not None) == over
        if over:
            del self.tasks[task_id]

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), note=st.none() | st.text(max_size=5))
    def note(self, data: st.DataObject, note: str | None) -> None:
        task_id = self.one(data)
        self.told(self.run(self.store.set_note(task_id, note)), self.tasks.get(task_id))

    @rule(crashed=st.booleans())
    def start_anew(self, crashed: bool) -> None:
        """With the files as a crash leaves them, or after a quiet end; then as a server does."""
        _STEPS["crashes"] += crashed
        before = self.path
        if not crashed:
            self.run(self.store.close())
        self.opened += 1
        for beside in ("", "-wal"):
            if Path(f"{before}{beside}").exists():
                shutil.copy2(f"{before}{beside}", f"{self.path}{beside}")
        if crashed:
            self.run(self.store.close())
        self.store = self.run(TaskStore.open(self.path))
        self.former, self.owner = self.owner, str(uuid4())
        orphans = {}
        for task_id, known in self.tasks.items():
            if known.state is State.PROCESSING:
                orphans[task_id] = known
                known.tries += 1
                if known.cancel:
                    known.goes(State.CANCELLED)
                else:
                    known.goes(State.FAILED if known.tries >= MOST_TRIES else State.QUEUED)
        found = self.run(self.store.recover(self.owner, _AT))
        assert {task.task_id for task in found} == set(orphans)
        for task in found:
            assert task.seq > self.seq
            assert (task.error_code == Code.TOO_MANY_TRIES) == (task.status is State.FAILED)
        self.seq = max([self.seq, *(task.seq for task in found)])

    @invariant()
    def the_table_is_the_model(self) -> None:
        """No acknowledged task is lost, none comes back, and each has one end at the most."""
        if not hasattr(self, "store"):
            return
        rows = self.run(self.store.page(limit=1000))
        assert [task.task_id for task in reversed(rows)] == list(self.tasks)
        for task in rows:
            known = self.tasks[task.task_id]
            assert task.status is known.state
            assert task.owner == known.owner
            assert (task.tries, task.attempt) == (known.tries, known.attempt)
            assert task.cancel_requested == known.cancel
            assert (task.checkpoint is not None) == known.checkpoint
            assert task.retry_of == known.retry_of
            assert (task.finished_at is not None) == known.state.final
            assert (task.sha256 is not None) == (known.state in (State.COMPLETED, State.EXPIRED))
            ends = [state for state in known.history if state.final and state is not State.EXPIRED]
            assert len(ends) <= 1


@cases(quick=10, many=150, whole=1000)
def test_any_order_of_calls(cases: int, capsys: pytest.CaptureFixture[str]) -> None:
    _STEPS.update(rules=0, crashes=0)
    run_state_machine_as_test(
        Table,
        settings=settings(
            max_examples=cases,
            stateful_step_count=40,
            deadline=None,
            database=None,
            derandomize=True,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
    told(capsys, "8 state machine over the task table", sequences=cases, violations=0, **_STEPS)
