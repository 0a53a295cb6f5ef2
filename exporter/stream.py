"""A document handed to a writer as it is read: no file, no checkpoint, and nothing kept."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime

from exporter.files import unbroken
from exporter.formats import text_format
from exporter.formats.base import TextFormat
from exporter.model import ExportSpec
from exporter.pipeline import CONTRACTS_PER_READER, PIECES_WAITING, too_many
from exporter.plan import Plan, make_plan
from exporter.readahead import ReadAhead, stop_all
from exporter.sources.reader import Reader
from exporter.sources.sqlite import MarketDatabase
from exporter.windows import window_of

# So much is handed over at once: a piece of a quiet contract alone is not worth the way.
_TOGETHER = 64 * 1024

Write = Callable[[bytes], Awaitable[None]]
_Piece = tuple[bytes, int]


async def stream_export(
    database: MarketDatabase,
    spec: ExportSpec,
    *,
    accepted_at: datetime,
    write: Write,
    max_rows: int | None = None,
) -> int:
    """Hand the bytes of a plain CSV to `write`, which is waited for; the number of candles.

    Readers run ahead by as much as for a file, whatever the writer's pace. Raises ExportError,
    and what `write` raises; no query runs any more when this ends, however it ends. `spec` asks
    for CSV without an archive.
    """
    identity = await database.identity()
    selection = await database.select(spec)
    plan = make_plan(spec, await database.catalogue(), selection, accepted_at)
    if max_rows is not None:
        estimate = await database.estimate(spec, selection.contracts)
        if estimate.exact and estimate.rows > max_rows:
            raise too_many(max_rows, estimate.rows)
    text, reader = text_format(spec), await database.reader()
    held, rows = bytearray(text.head(plan)), 0
    async with aclosing(
        _pieces(plan, text, reader, identity.file, CONTRACTS_PER_READER * database.readers)
    ) as pieces:
        async for data, number in pieces:
            rows += number
            if max_rows is not None and rows > max_rows:
                raise too_many(max_rows, rows)
            held += data
            if len(held) >= _TOGETHER:
                await write(bytes(held))
                held.clear()
    if held:
        await write(bytes(held))
    return rows


async def _pieces(
    plan: Plan, text: TextFormat, reader: Reader, file: str, ahead: int
) -> AsyncGenerator[_Piece]:
    """The contracts' pieces in order, read ahead of by so many contracts."""
    waiting: deque[ReadAhead[_Piece]] = deque()
    following = iter(range(len(plan.contracts)))
    try:
        while True:
            while len(waiting) < ahead and (number := next(following, None)) is not None:
                waiting.append(ReadAhead(_contract(plan, text, reader, file, number),
                                         PIECES_WAITING))  # fmt: skip
            if not waiting:
                return
            async for piece in waiting[0]:
                yield piece
            waiting.popleft()
    finally:
        await unbroken(stop_all(list(waiting)))


async def _contract(
    plan: Plan, text: TextFormat, reader: Reader, file: str, number: int
) -> AsyncGenerator[_Piece]:
    contract = plan.contracts[number]
    template = text.template(plan, number)
    window = window_of(plan.spec.options, contract.expiry)
    yield text.before(plan, number), 0
    begun = False
    async with aclosing(reader.read(contract, template, window, file)) as blocks:
        async for block in blocks:
            if block.rows:
                between = template.separator.encode() if begun else b""
                yield between + block.data, block.rows
                begun = True
    yield text.after(plan, number), 0
