"""Failures that nobody foresaw: details go to the log under an id, and only the id to the user."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class Unknown:
    """What the user is told; `id` finds the details in the log."""

    id: str
    message: str


def log_unknown(log: logging.Logger, where: str, error: BaseException) -> Unknown:
    """Log `error` with its traceback, and say what to tell."""
    id = uuid4().hex[:12]
    log.error("%s: unexpected error %s", where, id, exc_info=error)
    return Unknown(
        id,
        f"something unexpected went wrong; the server's log has the details under {id}",
    )
