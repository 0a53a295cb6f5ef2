"""From contracts to pieces: blocks of rows get what stands around them, and are packed.

Runs ahead of the writer: between them stand at most `_BATCHES_MORE` batches of contracts more
than there are connections, and `_WAITING` blocks of each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from exporter.files import unbroken
from exporter.formats.base import TextFormat
from exporter.model import Member
from exporter.pieces import Container, Finished, Parts, Piece
from exporter.plan import Plan
from exporter.readahead import ReadAhead, stop_all
from exporter.sources.base import Block
from exporter.sources.reader import Reader, Wanted
from exporter.windows import window_of

# A connection that becomes free must find the next batch waiting for it.
_BATCHES_MORE = 2
_WAITING = 2


@dataclass(frozen=True, slots=True)
class Part:
    """A contract's text in its final form, whole or in part, with the number of its rows."""

    number: int
    piece: Piece
    rows: int
    begins: bool


# A contract's parts, and then what is known of it.
Item = Part | Finished


class Assembler:
    """Makes the items of a plan's contracts. `file` names the database file that must stay."""

    def __init__(
        self, plan: Plan, text: TextFormat, reader: Reader, box: Container, file: str
    ) -> None:
        self._plan = plan
        self._text = text
        self._reader = reader
        self._box = box
        self._file = file

    async def items(self, start: int, readers: int) -> AsyncGenerator[Item]:
        """All items from contract number `start` on, in the order of the file."""
        waiting: deque[ReadAhead[Sequence[Item]]] = deque()
        following = self._batches(start)
        try:
            while True:
                while len(waiting) < readers + _BATCHES_MORE and (batch := next(following, None)):
                    waiting.append(ReadAhead(self._read(batch), _WAITING))
                if not waiting:
                    return
                async for items in waiting[0]:
                    for item in items:
                        yield item
                waiting.popleft()
        finally:
            await unbroken(stop_all(waiting))

    def _batches(self, start: int) -> Iterator[Sequence[Wanted]]:
        """The contracts from number `start` on, in groups that are read together."""
        options = self._plan.spec.options
        return self._reader.batches(
            Wanted(
                number,
                contract,
                self._text.template(self._plan, number),
                window_of(options, contract.expiry),
            )
            for number, contract in enumerate(self._plan.contracts[start:], start)
        )

    async def _read(self, batch: Sequence[Wanted]) -> AsyncGenerator[Sequence[Item]]:
        """The items of a batch in the order of the file, some at a time."""
        whole = {one.number: _Whole(self._plan, self._box, one) for one in batch}
        async with aclosing(self._reader.read(batch, self._file)) as readings:
            async for some in readings:
                work: list[_Work] = []
                for reading in some:
                    one = whole[reading.number]
                    work += one.add(reading.block)
                    if reading.ends:
                        work.append(one.end())
                if work:
                    yield await self._packed(work)

    async def _packed(self, work: Sequence[_Work]) -> Sequence[Item]:
        heavy = any(one.contract.packer.heavy for one in work)
        return await asyncio.to_thread(_pack, work) if heavy else _pack(work)


@dataclass(frozen=True, slots=True)
class _Work:
    """Text of a contract that waits to be packed."""

    contract: _Whole
    text: Parts
    rows: int
    begins: bool
    last: bool


class _Whole:
    """One contract on its way into the file.

    One block is kept back, so that the last piece can carry the contract's end.
    """

    def __init__(self, plan: Plan, box: Container, wanted: Wanted) -> None:
        self.packer = box.packer()
        self.number = wanted.number
        self._plan = plan
        self._box = box
        self._separator = wanted.template.separator.encode()
        self._held: Parts = (box.opening(wanted.number),)
        self._held_rows = self._rows = self._dropped = 0
        self._first: str | None = None
        self._last: str | None = None
        self._begun = False

    def add(self, block: Block) -> list[_Work]:
        """Take a block; what can be packed now."""
        self._dropped += block.dropped
        if not block.rows:
            return []
        ready = []
        if self._rows:
            ready.append(self._work(last=False))
            self._held, self._held_rows = (self._separator,), 0
        self._held += (block.data,)
        self._held_rows += block.rows
        self._rows += block.rows
        self._first, self._last = self._first or block.first, block.last
        return ready

    def end(self) -> _Work:
        """The last piece's work, with the contract's end."""
        self._held += (self._box.closing(self.number),)
        return self._work(last=True)

    def member(self) -> Member:
        """What is known of the contract once it has ended."""
        contract = self._plan.contracts[self.number]
        return Member(
            name=None,
            contract=contract.key,
            symbol=self._plan.symbols[self.number],
            instrument=self._plan.label(self.number),
            expiry=contract.expiry.isoformat(),
            lot_size=contract.lot_size,
            tick_size=contract.tick_size,
            rows=self._rows,
            first=self._first,
            last=self._last,
            duplicates_dropped=self._dropped,
        )

    def _work(self, *, last: bool) -> _Work:
        begins, self._begun = not self._begun, True
        return _Work(self, tuple(filter(None, self._held)), self._held_rows, begins, last)


def _pack(work: Sequence[_Work]) -> Sequence[Item]:
    """Called in a thread where packing is heavy."""
    items: list[Item] = []
    for one in work:
        contract = one.contract
        piece = contract.packer.pack(one.text, last=one.last)
        items.append(Part(contract.number, piece, one.rows, one.begins))
        if one.last:
            items.append(contract.packer.finish(contract.member()))
    return items
