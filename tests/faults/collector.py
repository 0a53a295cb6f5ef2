"""A collector at work: `python collector.py DATABASE RATE` until its standard input ends.

Every transaction is one contract's next batch of candles, all with the batch's number as their
price, at RATE a second where the machine keeps up. Prints how many there were, and the seconds.
"""

from __future__ import annotations

import select
import sqlite3
import sys
import time
from contextlib import closing
from datetime import datetime, timedelta

BATCH = 10
_BEGAN = datetime(2025, 1, 1, 9, 15)


def write(database: sqlite3.Connection, key: str, number: int) -> None:
    """One transaction."""
    rows = []
    for place in range(BATCH):
        when = _BEGAN + timedelta(minutes=number * BATCH + place)
        rows.append((key, f"{when:%Y-%m-%dT%H:%M:%S}+05:30", number + 1, 1, 1, 1, 1, 1))
    with database:
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT INTO historical_data VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def main() -> None:
    path, rate = sys.argv[1], float(sys.argv[2])
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as database:
        database.execute("PRAGMA synchronous=NORMAL")
        keys = [key for (key,) in database.execute("SELECT expired_instrument_key FROM contracts")]
        began, done = time.monotonic(), 0
        while not select.select([sys.stdin], [], [], 0)[0]:
            write(database, keys[done % len(keys)], done // len(keys))
            if not done:
                print("writing", flush=True)
            done += 1
            time.sleep(max(0.0, began + done / rate - time.monotonic()))
        print(done, time.monotonic() - began, flush=True)


if __name__ == "__main__":
    main()
