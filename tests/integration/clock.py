"""A clock that the test sets, and schedules that go by it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from exporter.model import IST
from server.context import CONTEXT
from tests.integration.calls import Client


class Clock:
    """Stands still until it is told otherwise. A Monday, nine in the morning."""

    def __init__(self) -> None:
        self.moment = datetime(2025, 9, 22, 9, 0, tzinfo=IST)

    def __call__(self) -> datetime:
        return self.moment

    def pass_(self, **how: float) -> None:
        """So much later (or, negative, earlier)."""
        self.moment += timedelta(**how)

    def set(self, text: str) -> None:
        """`2025-09-22 18:30`, Indian time."""
        self.moment = datetime.fromisoformat(f"{text}+05:30")


async def look(client: Client) -> None:
    """What the scheduler does by itself, at least every half minute."""
    await client.app[CONTEXT].scheduler.look()


async def runs(client: Client, schedule_id: str) -> list[Any]:
    """Every run of a schedule, newest first."""
    answer = await client.get(f"/api/schedules/{schedule_id}/runs?limit=200")
    value = await answer.json()
    assert value["next_cursor"] is None
    return list(value["runs"])
