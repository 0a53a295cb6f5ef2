"""The way of the data: spec -> contracts -> blocks of text -> container -> artefact.

Readers run ahead on the source's connections, one writer puts their pieces into the file in
order. Between them stand at most `CONTRACTS_PER_READER` contracts for each connection and
`PIECES_WAITING` pieces of each, whatever the size of the export.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from exporter.checkpoint import Checkpoint, Notes, Saver
from exporter.containers import Container, Finished, Note, Packer, Piece, container
from exporter.control import Control
from exporter.errors import Code, ExportError, Suspended
from exporter.files import PartFile, full, storage, unbroken
from exporter.formats import text_format
from exporter.formats.base import TextFormat
from exporter.model import Artefact, ExportSpec, Member, Progress
from exporter.plan import Plan, make_plan
from exporter.readahead import ReadAhead, stop_all
from exporter.sources.fingerprint import Fingerprint
from exporter.sources.reader import Reader
from exporter.sources.sqlite import MarketDatabase
from exporter.sources.trouble import telling
from exporter.windows import window_of

# A connection that becomes free must find the next contract waiting for it.
CONTRACTS_PER_READER = 3
PIECES_WAITING = 2
_CHECKPOINT_EVERY_S = 1.0
_LOCKED = "Waiting: another program keeps the database locked"

# Text in its final form with the number of its rows, and at the end what is known of the contract.
_Item = tuple[Piece, int] | Finished
_Reading = ReadAhead[_Item]

Observe = Callable[[Progress], None]
SaveCheckpoint = Callable[[Checkpoint], Awaitable[None]]


async def run_export(
    database: MarketDatabase,
    spec: ExportSpec,
    *,
    accepted_at: datetime,
    folder: Path,
    observe: Observe | None = None,
    control: Control | None = None,
    resume: Checkpoint | None = None,
    save_checkpoint: SaveCheckpoint | None = None,
    max_rows: int | None = None,
    keep_free: int = 0,
) -> Artefact:
    """Write one artefact into `folder`, or go on with it from `resume`.

    Raises ExportError, Suspended (the part stays, for resume) and CancelledError; after an error
    or a cancel the part is gone. What a resume cannot trust is written again, with a warning.
    """
    last = Progress(0, 0, 0, 0, 0, None, "")

    def told(progress: Progress) -> None:
        nonlocal last
        last = progress
        if observe is not None:
            observe(progress)

    with telling(lambda: told(replace(last, message=_LOCKED))):
        identity = await database.identity()
        selection = await database.select(spec)
        plan = make_plan(spec, await database.catalogue(), selection, accepted_at)
        estimate = await database.estimate(spec, selection.contracts)
        if max_rows is not None and estimate.exact and estimate.rows > max_rows:
            raise too_many(max_rows, estimate.rows)
        run = _Run(
            database=database,
            plan=plan,
            text=text_format(spec),
            reader=await database.reader(),
            identity=identity,
            folder=folder,
            expected=estimate.rows,
            observe=told,
            control=control or Control(),
            save_checkpoint=save_checkpoint,
            max_rows=max_rows,
            keep_free=keep_free,
        )
        return await run.to_the_end(resume)


def too_many(limit: int, rows: int) -> ExportError:
    return ExportError(
        Code.TOO_MANY_ROWS,
        f"the selection has {rows:,} candles and this server exports at most {limit:,} at once;"
        " choose fewer expiries or a shorter time range",
    )


@dataclass(frozen=True, slots=True)
class _Counts:
    """What is in the file so far."""

    contracts: int = 0
    rows: int = 0
    dropped: int = 0
    empty: int = 0


class _Run:
    """One try at one export."""

    def __init__(
        self,
        *,
        database: MarketDatabase,
        plan: Plan,
        text: TextFormat,
        reader: Reader,
        identity: Fingerprint,
        folder: Path,
        expected: int,
        observe: Observe,
        control: Control,
        save_checkpoint: SaveCheckpoint | None,
        max_rows: int | None,
        keep_free: int,
    ) -> None:
        self._ahead = CONTRACTS_PER_READER * database.readers
        self._plan = plan
        self._text = text
        self._reader = reader
        self._identity = identity
        self._folder = folder
        self._expected = expected
        self._observe = observe
        self._control = control
        self._save_checkpoint = save_checkpoint
        self._max_rows = max_rows
        self._keep_free = keep_free
        self._total = len(plan.contracts)
        self._done = _Counts()
        self._rows_written = 0
        self._warnings: list[str] = []
        self._resumed = 0
        self._noted: Sequence[Note] = ()
        self._saver: Saver | None = None
        self._checked_at = asyncio.get_running_loop().time()

    async def to_the_end(self, resume: Checkpoint | None) -> Artefact:
        out = PartFile(self._folder, self._plan.name, keep_free=self._keep_free)
        notes = Notes(self._folder / f"{self._plan.name}.notes")
        try:
            with storage(self._folder):
                out, box = await self._opened(out, notes, resume)
            saver = self._saver = Saver(out, notes, self._save_checkpoint or _forgotten)
            await self._write(out, box, notes)
            await saver.settled()
            await box.close(self._summary())
            # The notes go first: a finished artefact's folder holds nothing else.
            await notes.remove()
            self._tell(out, None, "Publishing")
            size, digest = await out.publish()
        except Suspended:
            await out.close()
            raise
        except BaseException:
            # To its end whatever comes: a second cancel must not leave a part behind.
            with suppress(ExportError):
                await unbroken(_cleared(out, notes, self._saver))
            raise
        return Artefact(
            path=str(out.final),
            size=size,
            sha256=digest,
            rows=self._done.rows,
            contracts=self._total,
            duplicates_dropped=self._done.dropped,
            resumed_from_rows=self._resumed,
            warnings=tuple(self._warnings + self._remarks()),
        )

    async def _opened(
        self, out: PartFile, notes: Notes, resume: Checkpoint | None
    ) -> tuple[PartFile, Container]:
        if resume is not None:
            why = await self._resumed_at(resume, out, notes)
            if not why:
                box = container(self._plan, self._text, out)
                await box.resume(self._noted)
                return out, box
            self._warnings.append(f"the export started over after an interruption: {why}")
            await notes.remove()
            out = PartFile(self._folder, self._plan.name, keep_free=self._keep_free)
        await self._check_disk()
        box = container(self._plan, self._text, out)
        await out.create()
        await box.begin()
        return out, box

    async def _resumed_at(self, resume: Checkpoint, out: PartFile, notes: Notes) -> str:
        """Why a checkpoint cannot be used; empty if it is in use now."""
        if not self._identity.settled or resume.content != str(self._identity):
            return "the database has changed since"
        if resume.name != self._plan.name or resume.contracts_total != self._total:
            return "the selection has changed since"
        noted = await notes.load(resume.notes)
        if noted is None or not await out.reopen(resume.offset, resume.digest):
            return "the partial file is not as it was left"
        self._noted = noted
        self._done = _Counts(resume.contracts, resume.rows, resume.dropped, resume.empty)
        self._rows_written = self._resumed = resume.rows
        return ""

    async def _check_disk(self) -> None:
        if not self._keep_free:
            return
        with storage(self._folder):
            await unbroken(asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True))
            usage = await asyncio.to_thread(shutil.disk_usage, self._folder)
        if usage.free < self._keep_free:
            raise full(self._folder)

    async def _write(self, out: PartFile, box: Container, notes: Notes) -> None:
        waiting: deque[tuple[int, _Reading]] = deque()
        following = iter(range(self._done.contracts, self._total))
        try:
            while True:
                while len(waiting) < self._ahead:
                    number = next(following, None)
                    if number is None:
                        break
                    waiting.append((number, ReadAhead(self._read(box, number), PIECES_WAITING)))
                if not waiting:
                    return
                number, reading = waiting[0]
                await self._take(out, box, notes, number, reading)
                waiting.popleft()
                await self._boundary(out)
        finally:
            await unbroken(stop_all([reading for _, reading in waiting]))

    async def _take(
        self, out: PartFile, box: Container, notes: Notes, number: int, reading: _Reading
    ) -> None:
        """Write one contract's pieces as they come."""
        begun = False
        async for item in reading:
            if isinstance(item, Finished):
                notes.add(await box.end(item))
                self._count(item.member)
                continue
            piece, rows = item
            if not begun:
                await box.start(number, self._expected)
                begun = True
            await box.add(piece)
            self._rows_written += rows
            if self._max_rows is not None and self._rows_written > self._max_rows:
                raise too_many(self._max_rows, self._rows_written)
            self._tell(out, self._plan.symbols[number], "Writing")

    def _count(self, member: Member) -> None:
        done = self._done
        self._done = replace(
            done,
            contracts=done.contracts + 1,
            rows=done.rows + member.rows,
            dropped=done.dropped + member.duplicates_dropped,
            empty=done.empty + (member.rows == 0),
        )

    async def _boundary(self, out: PartFile) -> None:
        """Between two contracts: the place for checkpoints and for leaving."""
        now = asyncio.get_running_loop().time()
        leaving = self._control.suspended and self._done.contracts < self._total
        due = self._save_checkpoint is not None and now - self._checked_at >= _CHECKPOINT_EVERY_S
        saver = self._saver
        assert saver is not None
        if leaving or (due and not saver.busy):
            self._checked_at = now
            await saver.begin(lambda: self._checkpoint(out))
        if leaving:
            await saver.settled()
            raise Suspended

    def _checkpoint(self, out: PartFile) -> Checkpoint:
        return Checkpoint(
            name=self._plan.name,
            content=str(self._identity) if self._identity.settled else "",
            contracts=self._done.contracts,
            contracts_total=self._total,
            offset=out.offset,
            digest=out.digest,
            rows=self._done.rows,
            dropped=self._done.dropped,
            empty=self._done.empty,
            notes=0,
        )

    async def _read(self, box: Container, number: int) -> AsyncGenerator[_Item]:
        """One contract's pieces, then what is known of it; runs ahead of the writer."""
        plan, contract = self._plan, self._plan.contracts[number]
        template = self._text.template(plan, number)
        window = window_of(plan.spec.options, contract.expiry)
        packer = box.packer()
        rows, dropped = 0, 0
        first: str | None = None
        last: str | None = None
        text, held = box.opening(number), 0
        separator = template.separator.encode()
        async with aclosing(
            self._reader.read(contract, template, window, self._identity.file)
        ) as blocks:
            async for block in blocks:
                dropped += block.dropped
                if not block.rows:
                    continue
                if rows:
                    # One block is kept back, so that the last piece can carry the contract's end.
                    yield await _packed(packer, text, last=False), held
                    text, held = separator, 0
                text += block.data
                held += block.rows
                rows += block.rows
                first, last = first or block.first, block.last
        yield await _packed(packer, text + box.closing(number), last=True), held
        yield packer.finish(
            Member(
                name=None,
                contract=contract.key,
                symbol=plan.symbols[number],
                instrument=plan.label(number),
                expiry=contract.expiry.isoformat(),
                lot_size=contract.lot_size,
                tick_size=contract.tick_size,
                rows=rows,
                first=first,
                last=last,
                duplicates_dropped=dropped,
            )
        )

    def _tell(self, out: PartFile, contract: str | None, message: str) -> None:
        self._observe(
            Progress(
                rows_done=self._rows_written,
                rows_total=max(self._expected, self._rows_written),
                bytes_done=out.offset,
                contracts_done=self._done.contracts,
                contracts_total=self._total,
                contract=contract,
                message=message,
                resumed_from_rows=self._resumed,
            )
        )

    def _summary(self) -> dict[str, object]:
        return {
            "contracts": self._total,
            "empty_contracts": self._done.empty,
            "rows": self._done.rows,
            "duplicates_dropped": self._done.dropped,
        }

    def _remarks(self) -> list[str]:
        remarks = self._plan.remarks()
        if not self._done.rows:
            remarks.append("the selection has no candles: the file has its header and no rows")
        elif self._done.empty:
            remarks.append(f"{self._done.empty} of {self._total} contracts have no candles")
        if self._done.dropped:
            remarks.append(
                f"{self._done.dropped} candles were left out because a later written one"
                " says the same instant"
            )
        return remarks


async def _forgotten(_: Checkpoint) -> None:
    """For exports whose owner keeps no checkpoints."""


async def _cleared(out: PartFile, notes: Notes, saver: Saver | None) -> None:
    try:
        if saver is not None:
            await saver.over()
        await notes.remove()
    finally:
        await out.discard()


async def _packed(packer: Packer, text: bytes, *, last: bool) -> Piece:
    if packer.heavy:
        return await asyncio.to_thread(packer.pack, text, last=last)
    return packer.pack(text, last=last)
