"""The task table: one connection, and one statement that commits by itself for every change.

An await that is cancelled here leaves nothing open: the statement either happened or did not.
Changes compare and set: a `None` answers that the task was not in the state that the change
starts from. docs/states.md has the diagram.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiosqlite
import apsw
import orjson

from exporter.checkpoint import Checkpoint
from exporter.errors import Code, ExportError
from exporter.files import unbroken
from exporter.model import Artefact, ExportSpec, Progress
from exporter.sources.driver import connect
from exporter.spec import spec_to_json
from server.states import State
from server.tasks import COLUMNS, Task

_ALL = ", ".join(COLUMNS)
_RETURNING = f" RETURNING {_ALL}"
_SETUP = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
_BUSY_MS = 10_000
MOST_TRIES = 3


class StoreError(Exception):
    """The task database cannot be used; the message says what to do."""


class TaskStore:
    """Open one with `TaskStore.open`; close it when done."""

    def __init__(self, path: Path, connection: aiosqlite.Connection) -> None:
        self.path = path
        self._connection = connection
        self._seq = 0

    @classmethod
    async def open(cls, path: Path) -> TaskStore:
        """Open or make the table, and bring an older one up to date. Raises StoreError."""
        try:
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            connection = await connect(path, readonly=False, busy_ms=_BUSY_MS)
        except (OSError, apsw.Error) as error:
            raise _unusable(path, error) from error
        try:
            await connection.executescript(_SETUP)
            await _migrate(path, connection)
        except apsw.Error as error:
            await connection.close()
            raise _unusable(path, error) from error
        except BaseException:
            await connection.close()
            raise
        return cls(path, connection)

    async def close(self) -> None:
        await self._connection.close()

    def next_seq(self) -> int:
        """Grows with every call, and beyond every number that was given before a restart."""
        self._seq = max(self._seq + 1, time.time_ns() // 1_000_000)
        return self._seq

    async def add(
        self,
        task_id: str,
        spec: ExportSpec,
        created_at: str,
        *,
        warnings: tuple[str, ...] = (),
        retry_of: str | None = None,
        most_waiting: int,
    ) -> Task | None:
        """A new queued task; None if `most_waiting` are queued already."""
        return await self._one(
            "INSERT INTO tasks (task_id, seq, spec, created_at, warnings, retry_of)"
            " SELECT ?1, ?2, ?3, ?4, ?5, ?6"
            " WHERE (SELECT count(*) FROM tasks WHERE status='queued') < ?7",
            task_id,
            self.next_seq(),
            _json(spec_to_json(spec)),
            created_at,
            _json(warnings),
            retry_of,
            most_waiting,
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
        self, task_id: str, owner: str, checkpoint: Checkpoint, progress: Progress | None
    ) -> Task | None:
        """Remember how far a job is; from here on unclean ends are counted anew."""
        return await self._one(
            "UPDATE tasks SET checkpoint=?3, tries=0, seq=?4, rows_done=?5, bytes_done=?6,"
            " contracts_done=?7, contracts_total=?8, rows_total=ifnull(?9, rows_total)"
            " WHERE task_id=?1 AND owner=?2 AND status='processing'",
            task_id,
            owner,
            _json(checkpoint.to_json()),
            self.next_seq(),
            checkpoint.rows,
            checkpoint.offset,
            checkpoint.contracts,
            checkpoint.contracts_total,
            progress.rows_total if progress else None,
        )

    async def put_back(self, task_id: str, owner: str) -> Task | None:
        """processing -> queued: the job was interrupted in good order."""
        return await self._one(
            "UPDATE tasks SET status='queued', owner=NULL, seq=?3"
            " WHERE task_id=?1 AND owner=?2 AND status='processing'",
            task_id,
            owner,
            self.next_seq(),
        )

    async def complete(self, task_id: str, owner: str, artefact: Artefact, at: str) -> Task | None:
        """processing -> completed; the file stands under its final name already."""
        return await self._one(
            "UPDATE tasks SET status='completed', owner=NULL, checkpoint=NULL, seq=?3,"
            " finished_at=?4, rows_done=?5, rows_total=?5, bytes_done=?6, size=?6, sha256=?7,"
            " file_name=?8, contracts_done=?9, contracts_total=?9, duplicates_dropped=?10,"
            " resumed_from_rows=?11, warnings=("
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
            _json(artefact.warnings),
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
        self, state: State | None = None, before: int | None = None, limit: int = 50
    ) -> list[Task]:
        """Newest first; `before` is the `id` that the page before ended with."""
        return await self._read(
            f"SELECT {_ALL} FROM tasks WHERE (?1 IS NULL OR status=?1)"
            " AND (?2 IS NULL OR id<?2) ORDER BY id DESC LIMIT ?3",
            state.value if state else None,
            before,
            limit,
        )

    async def counts(self) -> Mapping[State, int]:
        """How many tasks stand in each state."""
        rows = await self._connection.execute_fetchall(
            "SELECT status, count(*) FROM tasks GROUP BY status"
        )
        return {State.QUEUED: 0, State.PROCESSING: 0} | {State(row[0]): row[1] for row in rows}

    async def to_purge(self, finished_before: str | None, keep_bytes: int | None) -> list[Task]:
        """Completed tasks past either limit, oldest first."""
        return await self._read(
            f"SELECT {_ALL} FROM (SELECT *, sum(size) OVER"
            "  (ORDER BY finished_at DESC, id DESC) AS together"
            "  FROM tasks WHERE status='completed')"
            " WHERE finished_at < ?1 OR together > ?2 ORDER BY finished_at, id",
            finished_before,
            keep_bytes,
        )

    async def with_files(self) -> Mapping[str, State]:
        """States of the tasks that may own a folder, by task id."""
        rows = await self._connection.execute_fetchall(
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
        try:
            rows = await self._connection.execute_fetchall(sql, values)
        except apsw.FullError as error:
            raise ExportError(
                Code.STORAGE_FULL,
                f"the disk of the task database {self.path} has no room left; nothing was changed",
            ) from error
        except (apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError) as error:
            raise ExportError(
                Code.STORAGE_FAILED, f"the task database {self.path} failed: {error}"
            ) from error
        return [Task.from_row(tuple(row)) for row in rows]


def _unusable(path: Path, error: Exception) -> StoreError:
    return StoreError(
        f"the task database {path} cannot be used ({error}); check its folder's rights, move it"
        " away to begin a new one, or choose another with --tasks"
    )


async def _migrate(path: Path, connection: aiosqlite.Connection) -> None:
    folder = files(__package__).joinpath("migrations")
    steps = {
        int(match[1]): entry
        for entry in folder.iterdir()
        if (match := re.fullmatch(r"([0-9]{3})_\w+\.sql", entry.name))
    }
    ((version,),) = await connection.execute_fetchall("PRAGMA user_version")
    if version > max(steps):
        raise StoreError(
            f"the task database {path} was made by a newer version (schema {version}, this one"
            f" knows {max(steps)}); upgrade the program or choose another file with --tasks"
        )
    for number in sorted(steps):
        if number > version:
            script = await asyncio.to_thread(steps[number].read_text, "utf-8")
            # One call, so that no cancel can leave the transaction open.
            await unbroken(_step(connection, script, number))


async def _step(connection: aiosqlite.Connection, script: str, number: int) -> None:
    try:
        await connection.executescript(
            f"BEGIN IMMEDIATE; {script}; PRAGMA user_version={number}; COMMIT"
        )
    except apsw.Error:
        if connection.in_transaction:
            await connection.executescript("ROLLBACK")
        raise


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
