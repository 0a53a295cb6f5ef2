"""Which days of a contract an export wants (spec, "Symbols" to "HTTP": time_range, from, to)."""

from __future__ import annotations

from datetime import date, timedelta

from exporter.model import Options, Window


def window_of(options: Options, expiry: date) -> Window:
    """`7d` is the seven days up to and including expiry; dates are inclusive at both ends.

    `days_before_expiry` does not count the expiry's own day, and narrows dates where there are any.
    """
    days = options.time_range.days
    if days is not None:
        return Window(expiry - timedelta(days=days - 1), expiry)
    before = options.days_before_expiry
    if before is None:
        return Window(options.from_date, options.to_date)
    first, last = expiry - timedelta(days=before), expiry
    return Window(
        max(first, options.from_date or first),
        min(last, options.to_date or last),
    )
