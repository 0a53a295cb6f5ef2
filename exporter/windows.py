"""Which days of a contract an export wants (spec, "Symbols" to "HTTP": time_range, from, to)."""

from __future__ import annotations

from datetime import date, timedelta

from exporter.model import Options, Window


def window_of(options: Options, expiry: date) -> Window:
    """`7d` is the seven days up to and including expiry; dates are inclusive at both ends."""
    days = options.time_range.days
    if days is not None:
        return Window(expiry - timedelta(days=days - 1), expiry)
    return Window(options.from_date, options.to_date)
