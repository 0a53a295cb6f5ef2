"""The server with a loop that is looked at every 5 ms, as the figures are stated."""

from __future__ import annotations

import sys

from server import monitor
from server.__main__ import main

monitor.TICK_S = 0.005
monitor.KEPT = 12_000

if __name__ == "__main__":
    sys.exit(main())
