"""How whoever started an export reaches it while it runs."""

from __future__ import annotations

import asyncio


class Control:
    """How the owner of a running export asks it to stop at the next contract boundary."""

    def __init__(self) -> None:
        self._suspend = asyncio.Event()

    def suspend(self) -> None:
        """Ask for a checkpoint and `Suspended`; a cancel of the asyncio task ends it for good."""
        self._suspend.set()

    @property
    def suspended(self) -> bool:
        return self._suspend.is_set()

    async def asked(self) -> None:
        """Until somebody has asked."""
        await self._suspend.wait()
