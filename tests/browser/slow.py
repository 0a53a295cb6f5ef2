"""A database that is slow to export: every row is in another form than the collector's own."""

from __future__ import annotations

from pathlib import Path

from tests.makers import EXPIRY, NIFTY, Maker

CONTRACTS = 80
ROWS = 5000

_MINUTES = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
INSERT INTO historical_data
SELECT ?, strftime('%Y-%m-%d %H:%M:%S', '2025-08-01 09:15:00', '+' || i || ' minutes'),
    100 + i % 50 * 0.05, 101, 99.5, 100.35, i, 7
FROM n"""


def slow_database(path: Path) -> Path:
    """One expiry of one instrument; each row has to be read by hand."""
    with Maker(path) as made:
        made.instrument(NIFTY, "NIFTY")
        for number in range(CONTRACTS):
            strike = 22000 + 50 * number
            key = made.contract(
                strike=strike, expiry=EXPIRY, trading_symbol=f"NIFTY {strike} CE 16 SEP 25"
            )
            made.db.execute(_MINUTES, (ROWS, key))
    return path
