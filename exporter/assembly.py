"""From contracts to pieces: blocks of rows get what stands around them, and are packed.

Runs ahead of the writer: between them stand at most `_BATCHES_MORE` batches of contracts more
than there are connections, and `_WAITING` blocks of each.
"""

from __future__ import annotations

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
from exporter.sources.reader import Reader, Reading, Wanted
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

        def finish(readings: Sequence[Reading]) -> Sequence[Item]:
            items: list[Item] = []
            for reading in readings:
                one = whole[reading.number]
                items += one.add(reading.block)
                if reading.ends:
                    items += one.end()
            return items

        heavy = any(one.packer.heavy for one in whole.values())
        async with aclosing(self._reader.read(batch, self._file, finish, heavy=heavy)) as made:
            async for items in made:
                yield items


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

    def add(self, block: Block) -> list[Item]:
        """Take a block; what can be written now."""
        self._dropped += block.dropped
        if not block.rows:
            return []
        ready: list[Item] = []
        if self._rows:
            ready.append(self._part(last=False))
            self._held, self._held_rows = (self._separator,), 0
        self._held += (block.data,)
        self._held_rows += block.rows
        self._rows += block.rows
        self._first, self._last = self._first or block.first, block.last
        return ready

    def end(self) -> Sequence[Item]:
        """The last part, with the contract's end, and what is known of it."""
        self._held += (self._box.closing(self.number),)
        return self._part(last=True), self.packer.finish(self._member())

    def _member(self) -> Member:
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

    def _part(self, *, last: bool) -> Part:
        begins, self._begun = not self._begun, True
        piece = self.packer.pack(tuple(filter(None, self._held)), last=last)
        return Part(self.number, piece, self._held_rows, begins)
