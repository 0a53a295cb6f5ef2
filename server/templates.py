"""Templates: requests that are kept under a name, as they were written; rules stay rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson

from exporter.model import now_ist
from exporter.sources.base import Catalogue
from server.errors import Refused
from server.requests import problems_of
from server.tables import Tables, Taken, as_json
from server.tasks import stamp

_COLUMNS = "id, name, note, request, created_at, updated_at"


@dataclass(frozen=True, slots=True)
class Template:
    """A named request. `request` is the body of `start`."""

    id: str
    name: str
    note: str | None
    request: Any
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class TemplateDraft:
    """What a client wants kept."""

    name: str
    note: str | None
    request: Any


class TemplateStore:
    """The templates of the task database."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def all(self) -> list[Template]:
        """By name."""
        return [_template(row) for row in await self._tables.rows(
            f"SELECT {_COLUMNS} FROM templates ORDER BY name COLLATE NOCASE")]  # fmt: skip

    async def get(self, template_id: str) -> Template:
        """Raises Refused(not_found)."""
        rows = await self._tables.rows(f"SELECT {_COLUMNS} FROM templates WHERE id=?1", template_id)
        return _template(_only(rows))

    async def add(self, draft: TemplateDraft) -> Template:
        """Raises Refused(conflict) where the name is taken."""
        try:
            rows = await self._tables.rows(
                "INSERT INTO templates (id, name, note, request, created_at, updated_at)"
                f" VALUES (?1, ?2, ?3, ?4, ?5, ?5) RETURNING {_COLUMNS}",
                str(uuid4()),
                draft.name,
                draft.note,
                as_json(draft.request),
                stamp(now_ist()),
            )
        except Taken:
            raise _name_taken(draft.name) from None
        return _template(rows[0])

    async def change(self, template_id: str, draft: TemplateDraft) -> Template:
        """Raises Refused(not_found, conflict)."""
        try:
            rows = await self._tables.rows(
                "UPDATE templates SET name=?2, note=?3, request=?4, updated_at=?5 WHERE id=?1"
                f" RETURNING {_COLUMNS}",
                template_id,
                draft.name,
                draft.note,
                as_json(draft.request),
                stamp(now_ist()),
            )
        except Taken:
            raise _name_taken(draft.name) from None
        return _template(_only(rows))

    async def delete(self, template_id: str) -> Template:
        """The template as it was. Raises Refused(not_found, conflict)."""
        try:
            rows = await self._tables.rows(
                f"DELETE FROM templates WHERE id=?1 RETURNING {_COLUMNS}", template_id
            )
        except Taken:
            users = await self._tables.rows(
                "SELECT name FROM schedules WHERE template_id=?1 ORDER BY name", template_id
            )
            names = ", ".join(name for (name,) in users)
            raise Refused(
                "conflict", f"the template is used by {names}; delete or change that first"
            ) from None
        return _template(_only(rows))


def template_json(template: Template, catalogue: Catalogue | None) -> dict[str, Any]:
    """The template object of the API; without a catalogue its problems are not known."""
    return {
        "id": template.id,
        "name": template.name,
        "note": template.note,
        "request": template.request,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
        "problems": [] if catalogue is None else problems_of(template.request, catalogue),
    }


def template_file(template: Template) -> dict[str, Any]:
    """The document that another server imports."""
    return {"expirytrack_template": 1, "name": template.name, "request": template.request}


def _template(row: tuple[Any, ...]) -> Template:
    id, name, note, request, created_at, updated_at = row
    return Template(id, name, note, orjson.loads(request), created_at, updated_at)


def _only(rows: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    if not rows:
        raise Refused("not_found", "there is no such template")
    return rows[0]


def _name_taken(name: str) -> Refused:
    return Refused("conflict", f"there is a template named {name} already; choose another name")
