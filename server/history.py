"""Which tasks of the table are asked for: the search and the filters of the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from exporter.model import FileFormat
from server.states import State
from server.tables import as_json

# What a search looks into. `instr` takes every character as it is; LIKE would not.
_TEXT = "lower(task_id || ' ' || ifnull(file_name, '') || ' ' || ifnull(note, '')"
_TEXT += " || ' ' || (spec ->> '$.instruments'))"


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """What a task must be to be listed; None asks for nothing.

    `words` are in lower case, each must be found: in the task's id, the file's name, the note or
    the instruments' keys, or as one of the keys that the word names (its value). `since` and
    `until` are days of acceptance, inclusive.
    """

    state: State | None = None
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    format: FileFormat | None = None
    instrument: str | None = None
    since: date | None = None
    until: date | None = None
    schedule_id: str | None = None
    template_id: str | None = None

    def sql(self) -> tuple[str, list[Any]]:
        """Conditions that each begin with AND, and their values; the first one's number is 3."""
        parts: list[str] = []
        values: list[Any] = []

        def add(condition: str, value: Any) -> None:
            values.append(value)
            parts.append(f" AND {condition.replace('?', f'?{len(values) + 2}')}")

        if self.state is not None:
            add("status=?", self.state.value)
        if self.schedule_id is not None:
            add("schedule_id=?", self.schedule_id)
        if self.template_id is not None:
            add("template_id=?", self.template_id)
        if self.since is not None:
            add("created_at >= ?", self.since.isoformat())
        if self.until is not None:
            add("created_at < ?", (self.until + timedelta(days=1)).isoformat())
        if self.format is not None:
            add("spec ->> '$.format' = ?", self.format.value)
        if self.instrument is not None:
            add(
                "EXISTS (SELECT 1 FROM json_each(spec, '$.instruments') WHERE value=?)",
                self.instrument,
            )
        for word, keys in self.words.items():
            add(f"(instr({_TEXT}, ?)", word)
            add(
                "EXISTS (SELECT 1 FROM json_each(spec, '$.instruments') AS one"
                " JOIN json_each(?) AS named ON named.value = one.value))",
                as_json(list(keys)),
            )
            parts[-1] = parts[-1].replace(" AND ", " OR ", 1)
        return "".join(parts), values


EVERYTHING = TaskFilter()
