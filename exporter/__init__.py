"""Exports of expired Indian futures and options candles: exact, streamed, resumable.

`DataExporter` is the library's face; nothing in this package knows about HTTP or the server.
"""

from exporter.facade import DataExporter

__all__ = ["DataExporter"]
