"""The way of the data: spec -> contracts -> blocks of text -> container -> artefact.

Readers run ahead on the source's connections, one writer puts their pieces into the file in
order. What stands between them is bounded (exporter/assembly.py), whatever the size of the export.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from exporter.assembly import Assembler, Item
from exporter.checkpoint import Checkpoint, Saver
from exporter.control import Control
from exporter.errors import Code, ExportError, Suspended
from exporter.files import PartFile, full, storage, unbroken
from exporter.formats.registry import FORMATS
from exporter.model import Artefact, ExportSpec, Member, Progress
from exporter.notes import Notes
from exporter.pieces import Container, Finished
from exporter.plan import Plan, make_plan
from exporter.sources.fingerprint import Fingerprint
from exporter.sources.reader import Reader
from exporter.sources.sqlite import MarketDatabase
from exporter.sources.trouble import telling

# Often enough that the end of a large export does not wait for the disk to take in much at once.
_CHECKPOINT_EVERY_S = 1.0
_CHECKPOINT_EVERY = 64 << 20
_OVER = "the export started over after an interruption"
_LOCKED = "Waiting: another program keeps the database locked"

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
        check = FORMATS[spec.format].check
        if check is not None:
            await check(database, plan)
        run = _Run(
            database=database,
            plan=plan,
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
        self._readers = database.readers
        self._plan = plan
        self._format = FORMATS[plan.spec.format]
        self._reader = reader
        self._identity = identity
        self._folder = folder
        self._expected = expected
        self._observe = observe
        self._control = control
        # Progress that would be lost is none: whoever counts tries must not take it for some.
        self._save_checkpoint = save_checkpoint if self._format.resumable else None
        self._max_rows = max_rows
        self._keep_free = keep_free
        self._total = len(plan.contracts)
        self._done = _Counts()
        self._rows_written = 0
        self._warnings: list[str] = []
        self._resumed = 0
        self._saver: Saver | None = None
        self._box: Container | None = None
        self._checked_at = asyncio.get_running_loop().time()
        self._checked_to = 0

    async def to_the_end(self, resume: Checkpoint | None) -> Artefact:
        out = PartFile(self._folder, self._plan.name, keep_free=self._keep_free)
        notes = Notes(self._folder / f"{self._plan.name}.notes")
        try:
            with storage(self._folder):
                out, box = await self._opened(out, notes, resume)
            saver = self._saver = Saver(out, notes, self._save_checkpoint or _forgotten)
            await self._write(out, box, notes)
            await saver.settled()
            await box.close(self._summary(), notes)
            # The notes go first: a finished artefact's folder holds nothing else.
            await notes.remove()
            self._tell(out, None, "Publishing")
            size, digest = await out.publish()
        except Suspended:
            try:
                if self._box is not None:
                    await self._box.discard()
            finally:
                await out.close()
            raise
        except BaseException:
            # To its end whatever comes: a second cancel must not leave a part behind.
            with suppress(ExportError):
                await unbroken(_cleared(out, notes, self._saver, self._box))
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
                box = self._box = self._format.make(self._plan, self._format.text, out)
                await box.resume(resume.contracts)
                return out, box
            self._warnings.append(f"{_OVER}: {why}")
            await notes.remove()
            out = PartFile(self._folder, self._plan.name, keep_free=self._keep_free)
        elif not self._format.resumable and await asyncio.to_thread(out.part.exists):
            self._warnings.append(f"{_OVER}: {self._format.title} cannot be continued")
        await self._check_disk()
        box = self._box = self._format.make(self._plan, self._format.text, out)
        await out.create()
        await box.begin()
        return out, box

    async def _resumed_at(self, resume: Checkpoint, out: PartFile, notes: Notes) -> str:
        """Why a checkpoint cannot be used; empty if it is in use now."""
        if not self._identity.settled or resume.content != str(self._identity):
            return "the database has changed since"
        if resume.name != self._plan.name or resume.contracts_total != self._total:
            return "the selection has changed since"
        if not await notes.reopen(resume.notes) or not await out.reopen(
            resume.offset, resume.digest
        ):
            return "the partial file is not as it was left"
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
        assembler = Assembler(self._plan, self._format.text, self._reader, box, self._identity.file)
        async with aclosing(assembler.items(self._done.contracts, self._readers)) as items:
            async for item in items:
                await self._take(out, box, notes, item)

    async def _take(self, out: PartFile, box: Container, notes: Notes, item: Item) -> None:
        if isinstance(item, Finished):
            notes.add(await box.end(item))
            self._count(item.member)
            await self._boundary(out, notes)
            return
        if item.begins:
            await box.start(item.number, self._expected)
        await box.add(item.piece)
        self._rows_written += item.rows
        if self._max_rows is not None and self._rows_written > self._max_rows:
            raise too_many(self._max_rows, self._rows_written)
        self._tell(out, self._plan.symbols[item.number], "Writing")

    def _count(self, member: Member) -> None:
        done = self._done
        self._done = replace(
            done,
            contracts=done.contracts + 1,
            rows=done.rows + member.rows,
            dropped=done.dropped + member.duplicates_dropped,
            empty=done.empty + (member.rows == 0),
        )

    async def _boundary(self, out: PartFile, notes: Notes) -> None:
        """Between two contracts: the place for checkpoints and for leaving."""
        now = asyncio.get_running_loop().time()
        leaving = self._control.suspended and self._done.contracts < self._total
        due = self._save_checkpoint is not None and (
            now - self._checked_at >= _CHECKPOINT_EVERY_S
            or out.offset - self._checked_to >= _CHECKPOINT_EVERY
        )
        saver = self._saver
        assert saver is not None
        if leaving or ((due or notes.heavy) and not saver.busy):
            self._checked_at, self._checked_to = now, out.offset
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


async def _cleared(out: PartFile, notes: Notes, saver: Saver | None, box: Container | None) -> None:
    try:
        if saver is not None:
            await saver.over()
        if box is not None:
            await box.discard()
        await notes.remove()
    finally:
        await out.discard()
