"""The product, with schedules that go by a clock in a file, and look at it all the time.

`EXPIRYTRACK_TEST_CLOCK` names the file; in it stands a moment with its offset from UTC.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from functools import partial
from pathlib import Path

from server import __main__ as program
from server import scheduler
from server.app import create_app
from tests.faults import eager

VARIABLE = "EXPIRYTRACK_TEST_CLOCK"


def clock() -> datetime:
    return datetime.fromisoformat(Path(os.environ[VARIABLE]).read_text("ascii"))


if __name__ == "__main__":
    eager.install()
    # Names are looked up when they are used, so these hold from the start.
    scheduler.LOOK_EVERY_S = 0.05
    program.__dict__["create_app"] = partial(create_app, clock=clock)
    sys.exit(program.main())
