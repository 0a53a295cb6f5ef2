"""Excel workbooks: a sheet for each expiry, and one that lists the contracts.

Written by XlsxWriter, which is imported with this module and only then. It keeps what is written in
files beside the artefact until the workbook is closed, so memory does not follow the rows; text is
written as text, whatever it begins with.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import count
from pathlib import Path
from tempfile import gettempprefix

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from exporter.errors import Code, ExportError
from exporter.files import PartFile, storage, unbroken
from exporter.formats.base import TextFormat, asked_columns
from exporter.formats.columnar import (
    OF_TIME,
    constant_text,
    said_columns,
)
from exporter.formats.sheets import MOST_ROWS, expiry_of, too_long
from exporter.model import IST, Column, ExcelTimes, Member
from exporter.notes import Note, Notes
from exporter.pieces import Finished, FromTheStart, Piece
from exporter.plan import Plan

_LONGEST_NAME = 31
_UNSAFE = re.compile(r"[\[\]:*?/\\'\x00-\x1f]")
_AT_ONCE = 1 << 20
# Excel has no days before that; it takes 1900 for a leap year.
_FIRST_DAY = date(1900, 3, 1)
_DAY_ZERO = date(1899, 12, 30)
# Digits that Excel keeps of a number.
_DIGITS = 15
_LISTED: Sequence[tuple[str, Callable[[Member], object]]] = (
    ("rows", lambda member: member.rows),
    ("first", lambda member: member.first),
    ("last", lambda member: member.last),
    ("duplicates_dropped", lambda member: member.duplicates_dropped),
    ("lot_size", lambda member: member.lot_size),
    ("tick_size", lambda member: member.tick_size),
)
_LISTED_TEXTS = (
    "openalgo_symbol", "instrument", "expiry", "strike", "option_type", "trading_symbol",
)  # fmt: skip
_WIDTHS = {"openalgo_symbol": 26, "trading_symbol": 26, "timestamp": 25, "instrument": 16}
_WIDTH = 12


class _Left(Exception):
    """Nobody waits for the workbook any more."""


class _Passing:
    """A file for the library's thread, whose bytes the event loop writes."""

    def __init__(self, out: PartFile) -> None:
        self._out = out
        self._loop = asyncio.get_running_loop()
        self._held = bytearray()
        self.left = False

    def write(self, data: bytes | memoryview) -> int:
        if self.left:
            raise _Left
        self._held += data
        if len(self._held) >= _AT_ONCE:
            self.flush_all()
        return len(data)

    def flush(self) -> None:
        return

    def flush_all(self) -> None:
        held, self._held = bytes(self._held), bytearray()
        asyncio.run_coroutine_threadsafe(self._out.write(held), self._loop).result()


class ExcelFile(FromTheStart):
    """The workbook; see the module."""

    def __init__(self, plan: Plan, text: TextFormat, out: PartFile) -> None:
        self._out = out
        self._plan = plan
        self._folder = out.part.parent
        self._sheets: _Sheets | None = None
        self._number = 0

    async def begin(self) -> None:
        with storage(self._out.part.parent):
            await unbroken(asyncio.to_thread(self._clean))
            self._sink = _Passing(self._out)
            self._sheets = _Sheets(self._plan, self._sink, self._folder)

    async def start(self, number: int, rows: int) -> None:
        self._number = number

    async def add(self, piece: Piece) -> None:
        assert self._sheets is not None
        with storage(self._out.part.parent):
            work = asyncio.to_thread(self._sheets.put, self._number, b"".join(piece.packed))
            await unbroken(work)

    async def end(self, finished: Finished) -> Note | None:
        assert self._sheets is not None
        with storage(self._out.part.parent):
            await unbroken(
                asyncio.to_thread(self._sheets.list_contract, self._number, finished.member)
            )
        return None

    async def close(self, summary: Mapping[str, object], notes: Notes) -> None:
        assert self._sheets is not None
        closing = asyncio.ensure_future(asyncio.to_thread(self._sheets.close))
        with storage(self._out.part.parent):
            try:
                await asyncio.shield(closing)
            except asyncio.CancelledError:
                self._sink.left = True
                await asyncio.wait({closing})
                closing.exception()
                raise
        await self.discard()

    async def discard(self) -> None:
        """Remove what the library kept on the disk."""
        with storage(self._out.part.parent):
            if self._sheets is not None:
                await unbroken(asyncio.to_thread(self._sheets.abandon))
            await unbroken(asyncio.to_thread(self._clean))

    def _clean(self) -> None:
        # The folder is the task's own, and the library names its files as tempfile does.
        for path in self._folder.glob(f"{gettempprefix()}*"):
            path.unlink(missing_ok=True)


class _Sheets:
    """The workbook for threads: rows in, one contract after another."""

    def __init__(self, plan: Plan, sink: _Passing, folder: Path) -> None:
        self._plan = plan
        self._sink = sink
        self._columns = asked_columns(plan)
        self._said = said_columns(plan)
        self._moments = plan.spec.options.excel_times is ExcelTimes.DATETIME
        self._book = Workbook(sink, {"constant_memory": True, "tmpdir": str(folder)})
        created = plan.accepted_at.astimezone(IST).replace(tzinfo=None)
        self._book.set_properties({"created": created, "comments": "ExpiryTrack Export"})
        self._bold = self._book.add_format({"bold": True})
        self._formats: dict[str, Format] = {
            "timestamp": self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            "time": self._book.add_format({"num_format": "hh:mm:ss"}),
            "date": self._book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        self._formats["expiry"] = self._formats["date"]
        self._names: set[str] = set()
        self._list = self._sheet("Contracts", [*_LISTED_TEXTS, *(name for name, _ in _LISTED)])
        self._listed = 0
        self._now: tuple[str, str] | None = None
        self._rows: Worksheet | None = None
        self._row = 0

    def put(self, number: int, text: bytes) -> None:
        """The lines of a contract. Raises ExportError(TOO_MANY_ROWS) where a sheet is full."""
        contract = self._plan.contracts[number]
        if self._now != expiry_of(contract):
            self._now = expiry_of(contract)
            self._next(number)
        cells = [self._cell(number, column) for column in self._columns]
        for line in text.decode().split("\n")[:-1]:
            if self._row > MOST_ROWS:
                if not self._plan.spec.options.excel_split:
                    raise too_long(self._plan, [contract], None)
                self._next(number)
            sheet = self._rows
            assert sheet is not None
            fields = line.split(",")
            for place, (kind, cell) in enumerate(cells):
                value = cell(fields)
                if value == "":
                    continue
                if isinstance(value, str):
                    self._written(sheet.write_string(self._row, place, value))
                else:
                    self._written(sheet.write_number(self._row, place, value, kind))
            self._row += 1

    def list_contract(self, number: int, member: Member) -> None:
        """A line of the list."""
        self._listed += 1
        for place, name in enumerate(_LISTED_TEXTS):
            _, cell = self._cell(number, Column(name, name))
            self._write(self._list, self._listed, place, cell([]), self._formats.get(name))
        for place, (_, value) in enumerate(_LISTED, len(_LISTED_TEXTS)):
            known = value(member)
            self._write(self._list, self._listed, place, "" if known is None else known, None)

    def close(self) -> None:
        """Assemble the workbook and write it."""
        try:
            self._book.close()
        except FileCreateError as error:
            # The library wraps what the system says, which is known to our callers.
            raise (error.__context__ or error) from error
        self._sink.flush_all()

    def abandon(self) -> None:
        """Let go of the files, whether it was closed or not."""
        for sheet in self._book.worksheets():
            handle = getattr(sheet, "row_data_fh", None)
            if handle is not None:
                # What it still holds may not fit on the disk, and is of no use.
                with suppress(OSError):
                    handle.close()
        self._book.fileclosed = True

    def _next(self, number: int) -> None:
        contract = self._plan.contracts[number]
        label = _UNSAFE.sub("_", self._plan.label(number))
        self._rows = self._sheet(
            f"{{}} {contract.expiry}", [column.title for column in self._columns], label
        )
        self._row = 1

    def _sheet(self, pattern: str, titles: Sequence[str], label: str = "") -> Worksheet:
        for number in count(1):
            tail = pattern if number == 1 else f"{pattern} ({number})"
            room = _LONGEST_NAME - len(tail.format(""))
            name = tail.format(label[:room])
            if name.casefold() not in self._names:
                break
        self._names.add(name.casefold())
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for place, title in enumerate(titles):
            sheet.set_column(place, place, _WIDTHS.get(title, _WIDTH))
        for place, title in enumerate(titles):
            self._written(sheet.write_string(0, place, title, self._bold))
        return sheet

    def _write(
        self, sheet: Worksheet, row: int, place: int, value: object, kind: Format | None
    ) -> None:
        if isinstance(value, str):
            if value:
                self._written(sheet.write_string(row, place, value))
        else:
            self._written(sheet.write_number(row, place, value, kind))

    def _cell(
        self, number: int, column: Column
    ) -> tuple[Format | None, Callable[[Sequence[str]], str | float | int]]:
        """How a number of a column is shown, and the cell's value from the fields of a line."""
        name = column.name
        kind = self._formats.get(name) if self._moments else None
        if name in self._said and name != "timestamp":
            place = self._said.index(name)
            return None, lambda fields: _number(fields[place])
        if name in OF_TIME:
            said = _MOMENTS if self._moments else _TEXTS
            return kind, said[name]
        text = constant_text(self._plan, number, name)
        value: str | float | int = text
        if name == "strike" and text:
            value = _number(text)
        elif name == "expiry" and self._moments:
            value = _serial(text)
        return kind, lambda _: value

    def _written(self, answer: int) -> None:
        if answer:
            raise ExportError(
                Code.BAD_ROW, "a text is longer than the 32,767 characters that a cell can hold"
            )


def _number(text: str) -> str | float | int:
    """A number, or its text where Excel would not keep all of its digits."""
    if len(text) > _DIGITS:
        digits = text.replace("-", "").replace(".", "").strip("0")
        if len(digits) > _DIGITS:
            return text
    if not text:
        return text
    return float(text) if "." in text else int(text)


@lru_cache(maxsize=4096)
def _serial(day: str) -> str | int:
    """A day as Excel counts it; its text where Excel does not."""
    when = date.fromisoformat(day)
    return (when - _DAY_ZERO).days if when >= _FIRST_DAY else day


@lru_cache(maxsize=4096)
def _fraction(clock: str) -> float:
    hour, minute, second = clock.split(":")
    return (int(hour) * 3600 + int(minute) * 60 + int(second)) / 86400


def _moment(fields: Sequence[str]) -> str | float:
    stamp = fields[0]
    day = _serial(stamp[:10])
    return stamp if isinstance(day, str) else day + _fraction(stamp[11:19])


def _epoch_s(fields: Sequence[str]) -> int:
    return int(datetime.fromisoformat(fields[0]).astimezone(UTC).timestamp())


_EPOCHS: Mapping[str, Callable[[Sequence[str]], str | float | int]] = {
    "epoch_s": _epoch_s,
    "epoch_ms": lambda fields: _epoch_s(fields) * 1000,
}
_TEXTS: Mapping[str, Callable[[Sequence[str]], str | float | int]] = {
    "date": lambda fields: fields[0][:10],
    "time": lambda fields: fields[0][11:19],
    "timestamp": lambda fields: fields[0],
    **_EPOCHS,
}
_MOMENTS: Mapping[str, Callable[[Sequence[str]], str | float | int]] = {
    "date": lambda fields: _serial(fields[0][:10]),
    "time": lambda fields: _fraction(fields[0][11:19]),
    "timestamp": _moment,
    **_EPOCHS,
}
