"""Measurements for docs/performance.md: `python -m tests.bench`. Nothing here asserts a time."""
