"""The client's calls about what a server keeps: templates, schedules, notes and comparisons."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]


class KeptCalls(ABC):
    """The part of `server.client.Client` that is about what is kept under a name."""

    @abstractmethod
    async def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        also: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Object:
        """One call, repeated while the server is busy."""

    async def templates(self) -> list[Object]:
        """Every template, by name."""
        found: list[Object] = (await self._call("GET", "/api/templates"))["templates"]
        return found

    async def add_template(self, template: Mapping[str, Any]) -> Object:
        """Keep `{"name", "request", "note"?}`."""
        return await self._call("POST", "/api/templates", template)

    async def change_template(self, template_id: str, template: Mapping[str, Any]) -> Object:
        return await self._call("PUT", f"/api/templates/{template_id}", template)

    async def delete_template(self, template_id: str) -> Object:
        return await self._call("DELETE", f"/api/templates/{template_id}")

    async def run_template(self, template_id: str, key: str | None = None) -> str:
        """The id of the task; the same `key` starts no second one."""
        answer = await self._call(
            "POST", f"/api/templates/{template_id}/run", headers=key_header(key)
        )
        return str(answer["task_id"])

    async def template_file(self, template_id: str) -> Object:
        """The document that another server imports."""
        return await self._call("GET", f"/api/templates/{template_id}/file")

    async def import_template(self, document: Any) -> Object:
        return await self._call("POST", "/api/templates/import", document)

    async def schedules(self) -> list[Object]:
        """Every schedule, by name."""
        found: list[Object] = (await self._call("GET", "/api/schedules"))["schedules"]
        return found

    async def add_schedule(self, schedule: Mapping[str, Any]) -> Object:
        """`{"name", "cron", "template_id" or "request", ...}`; see the API's page."""
        return await self._call("POST", "/api/schedules", schedule)

    async def change_schedule(self, schedule_id: str, schedule: Mapping[str, Any]) -> Object:
        return await self._call("PUT", f"/api/schedules/{schedule_id}", schedule)

    async def delete_schedule(self, schedule_id: str) -> Object:
        return await self._call("DELETE", f"/api/schedules/{schedule_id}")

    async def pause_schedule(self, schedule_id: str) -> Object:
        return await self._call("POST", f"/api/schedules/{schedule_id}/pause")

    async def resume_schedule(self, schedule_id: str) -> Object:
        return await self._call("POST", f"/api/schedules/{schedule_id}/resume")

    async def run_schedule(self, schedule_id: str, key: str | None = None) -> Object:
        """`task_id` of the run, or null and the `outcome` where nothing is new."""
        return await self._call(
            "POST", f"/api/schedules/{schedule_id}/run", headers=key_header(key)
        )

    async def schedule_runs(
        self, schedule_id: str, cursor: str | None = None, limit: int = 50
    ) -> Object:
        """One page, newest first: `runs` and `next_cursor`."""
        query = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return await self._call("GET", f"/api/schedules/{schedule_id}/runs", query=query)

    async def explain_cron(self, cron: str) -> Object:
        """`reading` in plain words, and the `next_runs`."""
        return await self._call("POST", "/api/schedules/explain", {"cron": cron})

    async def set_note(self, task_id: str, note: str | None) -> Object:
        """The task with its note; None removes it."""
        return await self._call("PATCH", f"/api/export/tasks/{task_id}", {"note": note})

    async def compare(self, a: str, b: str) -> Object:
        """Two tasks held against each other."""
        return await self._call("GET", "/api/export/compare", query={"a": a, "b": b})


def key_header(key: str | None) -> Mapping[str, str] | None:
    return None if key is None else {"Idempotency-Key": key}
