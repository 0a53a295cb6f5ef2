"""Cron expressions in Indian time: read, put into words, and asked for their moments.

Five fields, as Debian's cron reads them (cronsim does the reading): minute, hour, day of the month,
month, day of the week with 1 for Monday. Indian time has no summer time, so every moment is there
once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice

from cronsim import CronSim, CronSimError

from exporter.errors import BadInput
from exporter.model import IST, now_ist

_LONGEST = 100
_FIELDS = 5
# Missed slots are counted so far: "at least 1,000 slots were missed".
COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression that has been read; make one with `parse_cron`."""

    text: str
    # `At 18:30 on Monday through Friday, Indian time`.
    reading: str

    def after(self, moment: datetime) -> datetime | None:
        """The first slot later than `moment`; None where none comes any more."""
        return next(CronSim(self.text, moment.astimezone(IST)), None)

    def following(self, moment: datetime, number: int) -> list[datetime]:
        """The next slots later than `moment`."""
        return list(islice(CronSim(self.text, moment.astimezone(IST)), number))

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Slots later than `after` and not later than `until`, the newest first."""
        start = until.astimezone(IST).replace(microsecond=0) + timedelta(seconds=1)
        for slot in CronSim(self.text, start, reverse=True):
            if slot <= after:
                return
            yield slot


def parse_cron(raw: object) -> Cron:
    """An expression of five fields that comes to pass. Raises BadInput."""
    if not isinstance(raw, str):
        raise BadInput(["cron must be text, such as 30 18 * * 1-5"])
    return _read(" ".join(raw.split()))


@lru_cache(maxsize=1024)
def _read(text: str) -> Cron:
    if len(text) > _LONGEST:
        raise BadInput([f"cron is longer than {_LONGEST} characters"])
    if len(text.split()) != _FIELDS:
        raise BadInput(
            [f"cron {text!r} must have five fields: minute, hour, day of the month, month and day"
             " of the week; nothing runs more often than once a minute"]
        )  # fmt: skip
    try:
        reading = CronSim(text, now_ist()).explain()
    except CronSimError as error:
        field = str(error).removeprefix("Bad ")
        raise BadInput([f"cron {text!r} cannot be read: its {field} is not right"]) from None
    cron = Cron(text, f"{reading}, Indian time")
    if cron.after(now_ist()) is None:
        raise BadInput([f"cron {text!r} never comes to pass"])
    return cron


def slot_text(moment: datetime) -> str:
    """`2025-09-19T18:30:00+05:30`: the name of a slot."""
    return moment.astimezone(IST).isoformat(timespec="seconds")
