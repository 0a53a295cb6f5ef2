"""The task table: one statement that commits by itself for every change.

Changes compare and set: a `None` answers that the task was not in the state that the change
starts from. docs/states.md has the diagram.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from exporter.checkpoint import Checkpoint
from exporter.errors import Code
from exporter.model import Artefact, ExportSpec, Progress
from exporter.spec import spec_to_json
from server.history import EVERYTHING, TaskFilter
from server.states import State
from server.tables import Tables, as_json
from server.tasks import COLUMNS, PLAIN, Origin, Task

_ALL = ", ".join(COLUMNS)
_RETURNING = f" RETURNING {_ALL}"
MOST_TRIES = 3
# More than jobs tell between two changes that are kept.
_UNKEPT = 10**9


class TaskStore:
    """Open one with `TaskStore.open`; close it when done."""

    def __init__(self, tables: Tables, newest: int) -> None:
        self.tables = tables
        self._seq = newest
        # What changed before this process opened the tables cannot be told apart by their count.
        self._opened = uuid4().hex

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make the table, and bring an older one up to date. Raises StoreError."""
        tables = await Tables.open(path)
        ((newest,),) = await tables.rows("SELECT ifnull(max(seq), 0) FROM tasks")
        return cls(tables, newest + _UNKEPT)

    async def close(self) -> None:
        await self.tables.close()

    def next_seq(self) -> int:
        """Grows with every call, and beyond every number that was given before a restart."""
        self._seq += 1
        return self._seq

    async def version(self) -> str:
        """The same while nothing has changed in the task database, nor in what jobs tell."""
        ((changes,),) = await self.tables.rows("SELECT total_changes()")
        return f"{self._opened} {changes} {self._seq}"

    async def add(
        self,
        task_id: str,
        spec: ExportSpec,
        created_at: str,
        *,
        warnings: tuple[str, ...] = (),
        retry_of: str | None = None,
        origin: Origin = PLAIN,
        most_waiting: int,
    ) -> Task | None:
        """A new queued task; None if `most_waiting` are queued already.

        Raises Taken where the origin's slot has its run, or its key its task, already.
        """
        return await self._one(
            "INSERT INTO tasks (task_id, seq, spec, created_at, warnings, retry_of, template_id,"
            " schedule_id, slot, slot_note, idempotency_key, idempotency_digest)"
            " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?8, ?9, ?10, ?11, ?12, ?13"
            " WHERE (SELECT count(*) FROM tasks WHERE status='queued') < ?7",
            task_id,
            self.next_seq(),
            as_json(spec_to_json(spec)),
            created_at,
            as_json(warnings),
            retry_of,
            most_waiting,
            origin.template_id,
            origin.schedule_id,
            origin.slot,
            origin.slot_note,
            origin.key,
            origin.digest,
        )

    async def by_key(self, key: str) -> tuple[Task, str] | None:
        """The task that was started under an idempotency key, and the digest of what asked."""
        rows = await self.tables.rows(
            f"SELECT {_ALL}, idempotency_digest FROM tasks WHERE idempotency_key=?1", key
        )
        return (Task.from_row(rows[0][:-1]), rows[0][-1]) if rows else None

    async def set_note(self, task_id: str, note: str | None) -> Task | None:
        """What a person wrote about a task; None removes it."""
        return await self._one(
            "UPDATE tasks SET note=?2, seq=?3 WHERE task_id=?1", task_id, note, self.next_seq()
        )

    async def claim_next(self, owner: str, at: str) -> Task | None:
        """queued -> processing for the task that has waited longest; None if none waits."""
        return await self._one(
            "UPDATE tasks SET status='processing', owner=?1, seq=?2, attempt=attempt+1,"
            " started_at=ifnull(started_at, ?3)"
            " WHERE id=(SELECT min(id) FROM tasks WHERE status='queued')",
            owner,
            self.next_seq(),
            at,
        )

    async def save_checkpoint(
        self,
        task_id: str,
        owner: str,
        checkpoint: Checkpoint,
        progress: Progress | None,
        work_s: float,
    ) -> Task | None:
        """Remember how far a job is; from here on unclean ends are counted anew."""
        return await self._one(
            "UPDATE tasks SET checkpoint=?3, tries=0, seq=?4, rows_done=?5, bytes_done=?6,"
            " contracts_done=?7, contracts_total=?8, rows_total=ifnull(?9, rows_total),"
            " work_s=?10"
            " WHERE task_id=?1 AND owner=?2 AND status='processing'",
            task_id,
            owner,
            as_json(checkpoint.to_json()),
            self.next_seq(),
            checkpoint.rows,
            checkpoint.offset,
            checkpoint.contracts,
            checkpoint.contracts_total,
            progress.rows_total if progress else None,
            work_s,
        )

    async def put_back(self, task_id: str, owner: str, at: str) -> Task | None:
        """processing -> queued: the job was interrupted in good order.

        -> cancelled where that was asked for in the same moment: it must not begin again.
        """
        return await self._one(
            "UPDATE tasks SET owner=NULL, seq=?3,"
            " status=CASE WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END,"
            " checkpoint=CASE WHEN cancel_requested THEN NULL ELSE checkpoint END,"
            " finished_at=CASE WHEN cancel_requested THEN ?4 END"
            " WHERE task_id=?1 AND owner=?2 AND status='processing'",
            task_id,
            owner,
            self.next_seq(),
            at,
        )

    async def complete(
        self, task_id: str, owner: str, artefact: Artefact, at: str, work_s: float
    ) -> Task | None:
        """processing -> completed; the file stands under its final name already.

        `work_s` seconds were spent on it, by a clock that nobody can set.
        """
        return await self._one(
            "UPDATE tasks SET status='completed', owner=NULL, checkpoint=NULL, seq=?3,"
            " finished_at=?4, rows_done=?5, rows_total=?5, bytes_done=?6, size=?6, sha256=?7,"
            " file_name=?8, contracts_done=?9, contracts_total=?9, duplicates_dropped=?10,"
            " resumed_from_rows=?11, work_s=?13, warnings=("
            "  SELECT json_group_array(value) FROM"
            "  (SELECT value FROM json_each(warnings) UNION ALL SELECT value FROM json_each(?12)))"
            " WHERE task_id=?1 AND owner=?2 AND status='processing'",
            task_id,
            owner,
            self.next_seq(),
            at,
            artefact.rows,
            artefact.size,
            artefact.sha256,
            Path(artefact.path).name,
            artefact.contracts,
            artefact.duplicates_dropped,
            artefact.resumed_from_rows,
            as_json(artefact.warnings),
            work_s,
        )

    async def fail(
        self, task_id: str, owner: str, code: Code, message: str, at: str
    ) -> Task | None:
        """processing -> failed."""
        return await self._one(
            "UPDATE tasks SET status='failed', owner=NULL, checkpoint=NULL, seq=?3,"
            " finished_at=?4, error_code=?5, error=?6"
            " WHERE task_id=?1 AND owner=?2 AND status='processing'",
            task_id,
            owner,
            self.next_seq(),
            at,
            code.value,
            message,
        )

    async def cancel(self, task_id: str, at: str) -> Task | None:
        """queued -> cancelled."""
        return await self._one(
            "UPDATE tasks SET status='cancelled', cancel_requested=1, checkpoint=NULL, seq=?2,"
            " finished_at=?3 WHERE task_id=?1 AND status='queued'",
            task_id,
            self.next_seq(),
            at,
        )

    async def request_cancel(self, task_id: str) -> Task | None:
        """Note that whoever works on the task shall stop."""
        return await self._one(
            "UPDATE tasks SET cancel_requested=1, seq=?2 WHERE task_id=?1 AND status='processing'",
            task_id,
            self.next_seq(),
        )

    async def cancelled(self, task_id: str, owner: str, at: str) -> Task | None:
        """processing -> cancelled: the job has stopped."""
        return await self._one(
            "UPDATE tasks SET status='cancelled', owner=NULL, checkpoint=NULL, seq=?3,"
            " finished_at=?4 WHERE task_id=?1 AND owner=?2 AND status='processing'",
            task_id,
            owner,
            self.next_seq(),
            at,
        )

    async def expire(self, task_id: str) -> Task | None:
        """completed -> expired; the file goes afterwards."""
        return await self._one(
            "UPDATE tasks SET status='expired', seq=?2 WHERE task_id=?1 AND status='completed'",
            task_id,
            self.next_seq(),
        )

    async def delete(self, task_id: str) -> Task | None:
        """Remove a task whose work is over; the file goes afterwards."""
        return await self._one(
            "DELETE FROM tasks WHERE task_id=?1 AND status NOT IN ('queued', 'processing')",
            task_id,
        )

    async def recover(self, owner: str, at: str) -> list[Task]:
        """What earlier servers left in the middle: cancelled, failed or queued again.

        A processing row of any other owner is an orphan; the third unclean end without a newer
        checkpoint fails the task.
        """
        return await self._many(
            "UPDATE tasks SET owner=NULL, seq=?2, tries=tries+1,"
            " status=CASE WHEN cancel_requested THEN 'cancelled'"
            "             WHEN tries+1 >= ?3 THEN 'failed' ELSE 'queued' END,"
            " checkpoint=CASE WHEN cancel_requested OR tries+1 >= ?3 THEN NULL ELSE checkpoint END,"
            " finished_at=CASE WHEN cancel_requested OR tries+1 >= ?3 THEN ?4 END,"
            " error_code=CASE WHEN NOT cancel_requested AND tries+1 >= ?3 THEN ?5 END,"
            " error=CASE WHEN NOT cancel_requested AND tries+1 >= ?3 THEN ?6 END"
            " WHERE status='processing' AND owner IS NOT ?1",
            owner,
            self.next_seq(),
            MOST_TRIES,
            at,
            Code.TOO_MANY_TRIES.value,
            f"the server ended {MOST_TRIES} times while it worked on this export, without getting"
            " any further; look into the server's log, then run the export again",
        )

    async def get(self, task_id: str) -> Task | None:
        rows = await self._read(f"SELECT {_ALL} FROM tasks WHERE task_id=?1", task_id)
        return rows[0] if rows else None

    async def page(
        self, wanted: TaskFilter = EVERYTHING, before: int | None = None, limit: int = 50
    ) -> list[Task]:
        """Newest first; `before` is the `id` that the page before ended with."""
        where, values = wanted.sql()
        return await self._read(
            f"SELECT {_ALL} FROM tasks WHERE (?1 IS NULL OR id<?1){where}"
            " ORDER BY id DESC LIMIT ?2",
            before,
            limit,
            *values,
        )

    async def counts(self) -> Mapping[State, int]:
        """How many tasks stand in each state."""
        rows = await self.tables.rows("SELECT status, count(*) FROM tasks GROUP BY status")
        return {State.QUEUED: 0, State.PROCESSING: 0} | {State(row[0]): row[1] for row in rows}

    async def to_purge(self, finished_before: str | None, keep_bytes: int | None) -> list[Task]:
        """Completed tasks past either limit, oldest first: by acceptance, whatever clocks said."""
        return await self._read(
            f"SELECT {_ALL} FROM (SELECT *, sum(size) OVER"
            "  (ORDER BY id DESC) AS together"
            "  FROM tasks WHERE status='completed')"
            " WHERE finished_at < ?1 OR together > ?2 ORDER BY id",
            finished_before,
            keep_bytes,
        )

    async def to_purge_of_schedules(self, now: str) -> list[Task]:
        """Completed tasks past the number or the age that their schedules keep, oldest first."""
        named = ", ".join(f"one.{name}" for name in COLUMNS)
        return await self._read(
            f"SELECT {named} FROM (SELECT *, row_number() OVER"
            "  (PARTITION BY schedule_id ORDER BY id DESC) AS place"
            "  FROM tasks WHERE schedule_id IS NOT NULL AND status='completed') AS one"
            " JOIN schedules ON schedules.id = one.schedule_id WHERE place > keep_runs"
            " OR julianday(finished_at) < julianday(?1) - keep_days ORDER BY one.id",
            now,
        )

    async def with_files(self) -> Mapping[str, State]:
        """States of the tasks that may own a folder, by task id."""
        rows = await self.tables.rows(
            "SELECT task_id, status FROM tasks"
            " WHERE status IN ('queued', 'processing', 'completed')"
        )
        return {row[0]: State(row[1]) for row in rows}

    async def _one(self, sql: str, *values: Any) -> Task | None:
        rows = await self._many(sql, *values)
        return rows[0] if rows else None

    async def _many(self, sql: str, *values: Any) -> list[Task]:
        return await self._read(sql + _RETURNING, *values)

    async def _read(self, sql: str, *values: Any) -> list[Task]:
        return [Task.from_row(row) for row in await self.tables.rows(sql, *values)]
