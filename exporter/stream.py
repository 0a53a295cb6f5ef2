"""A document handed to a writer as it is read: no file, no checkpoint, and nothing kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import datetime

from exporter.assembly import Assembler
from exporter.formats.registry import text_format
from exporter.model import ExportSpec
from exporter.pieces import Finished, PlainFile
from exporter.pipeline import too_many
from exporter.plan import make_plan
from exporter.sources.sqlite import MarketDatabase

# So much is handed over at once: a piece of a quiet contract alone is not worth the way.
_TOGETHER = 64 * 1024

Write = Callable[[bytes], Awaitable[None]]


class _Passing:
    """A sink that keeps no more than is handed over at once."""

    def __init__(self, write: Write) -> None:
        self.offset = 0
        self._write = write
        self._held = bytearray()

    async def write(self, *parts: bytes) -> None:
        for part in parts:
            self.offset += len(part)
            self._held += part
        if len(self._held) >= _TOGETHER:
            await self.flush()

    async def flush(self) -> None:
        held, self._held = bytes(self._held), bytearray()
        if held:
            await self._write(held)


async def stream_export(
    database: MarketDatabase,
    spec: ExportSpec,
    *,
    accepted_at: datetime,
    write: Write,
    max_rows: int | None = None,
) -> int:
    """Hand the bytes of a document to `write`, which is waited for; the number of candles.

    Readers run ahead by as much as for a file, whatever the writer's pace. Raises ExportError,
    and what `write` raises; no query runs any more when this ends, however it ends. `spec` asks
    for a document that is neither in an archive nor compressed.
    """
    identity = await database.identity()
    selection = await database.select(spec)
    plan = make_plan(spec, await database.catalogue(), selection, accepted_at)
    if max_rows is not None:
        estimate = await database.estimate(spec, selection.contracts)
        if estimate.exact and estimate.rows > max_rows:
            raise too_many(max_rows, estimate.rows)
    text, sink = text_format(spec), _Passing(write)
    box = PlainFile(plan, text, sink)
    assembler = Assembler(plan, text, await database.reader(), box, identity.file)
    rows = dropped = empty = 0
    await box.begin()
    async with aclosing(assembler.items(0, database.readers)) as items:
        async for item in items:
            if isinstance(item, Finished):
                dropped += item.member.duplicates_dropped
                empty += not item.member.rows
                continue
            await box.add(item.piece)
            rows += item.rows
            if max_rows is not None and rows > max_rows:
                raise too_many(max_rows, rows)
    summary: dict[str, object] = {
        "contracts": len(plan.contracts),
        "empty_contracts": empty,
        "rows": rows,
        "duplicates_dropped": dropped,
    }
    await box.close(summary)
    await sink.flush()
    return rows
