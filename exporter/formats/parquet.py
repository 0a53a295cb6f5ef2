"""Parquet: typed columns in row groups of whole contracts, in a file or one for each expiry.

Prices are doubles: what a database of SQLite holds is doubles, CSV writes the shortest text of
each, and that text gives the double back. Decimals would not hold every one of them.

Written by pyarrow, which is imported with this module and only then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from urllib.parse import quote

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from exporter.containers import ArchiveFile
from exporter.deflate import MemberPacker
from exporter.errors import Code, ExportError
from exporter.files import PartFile, unbroken
from exporter.formats.base import TextFormat, asked_columns
from exporter.formats.columnar import OF_TIME, constant_text, said_columns
from exporter.model import IST, Column, Level
from exporter.notes import Note, Notes
from exporter.pieces import Finished, FromTheStart, Piece
from exporter.plan import Plan
from exporter.spec import spec_to_json

# A row group ends with the contract that fills it, or inside of a contract of this much text.
_GROUP_ROWS = 122_880
_GROUP_BYTES = 32 << 20
# Gives back what it no longer needs; the default pool keeps fifty megabytes more.
pa.set_memory_pool(pa.system_memory_pool())

_STRENGTH = {Level.FAST: 1, Level.BALANCED: 3, Level.SMALL: 12}
_MOMENT = pa.timestamp("ms", "Asia/Kolkata")
_DAY_MS = 86_400_000
_IST_MS = 19_800_000
# Added before a division and taken off after it: whole days before 1970 are rounded down too.
_DAYS_BEFORE = 1_000_000
_TYPES: Mapping[str, pa.DataType] = {
    "date": pa.date32(),
    "time": pa.time32("ms"),
    "expiry": pa.date32(),
    "strike": pa.float64(),
    "timestamp": _MOMENT,
    "epoch_s": pa.int64(),
    "epoch_ms": pa.int64(),
    **dict.fromkeys(("open", "high", "low", "close"), pa.float64()),
    **dict.fromkeys(("volume", "oi"), pa.int64()),
}
_STRING = pa.dictionary(pa.int32(), pa.string())
# Rises evenly, so its differences take nearly nothing.
_EVEN = frozenset({"timestamp", "epoch_s", "epoch_ms"})
_FOLDERS = ("instrument", "expiry")


class _Collected:
    """A file for a writer: what was written since it was last asked."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes | memoryview) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._size += len(part)
        return len(part)

    def flush(self) -> None:
        return

    def tell(self) -> int:
        return self._size

    def taken(self) -> list[bytes]:
        parts, self._parts = self._parts, []
        return parts


class _Document:
    """One Parquet file on its way: text of contracts in, bytes of the file out.

    `put` and `finish` are for threads.
    """

    def __init__(self, plan: Plan, columns: Sequence[Column]) -> None:
        self._plan = plan
        self._columns = columns
        self._said = said_columns(plan)
        self._sink = _Collected()
        self._schema = pa.schema(
            [(column.title, _TYPES.get(column.name, _STRING)) for column in columns],
            metadata=_key_metadata(plan),
        )
        even = [column.title for column in columns if column.name in _EVEN]
        self._writer = pq.ParquetWriter(
            self._sink,
            self._schema,
            compression="zstd",
            compression_level=_STRENGTH[plan.spec.options.level],
            use_dictionary=[one.title for one in columns if one.name not in _EVEN] or False,
            column_encoding=dict.fromkeys(even, "DELTA_BINARY_PACKED") or None,
            sorting_columns=_sorting(plan, columns),
        )

    def put(self, text: bytes, runs: Sequence[tuple[int, int]]) -> list[bytes]:
        """A row group from the text of contracts: their numbers, and how many rows of each."""
        if text:
            self._writer.write_table(self._table(text, runs), row_group_size=_GROUP_BYTES)
        return self._sink.taken()

    def finish(self, summary: Mapping[str, object]) -> list[bytes]:
        self._writer.add_key_value_metadata({"summary": orjson.dumps(summary).decode()})
        self._writer.close()
        return self._sink.taken()

    def _table(self, text: bytes, runs: Sequence[tuple[int, int]]) -> pa.Table:
        types = {name: _TYPES[name] for name in self._said}
        try:
            said = pa_csv.read_csv(
                pa.BufferReader(text),
                read_options=pa_csv.ReadOptions(column_names=list(self._said)),
                # A candle whose only column is not known is an empty line.
                parse_options=pa_csv.ParseOptions(ignore_empty_lines=False),
                convert_options=pa_csv.ConvertOptions(column_types=types, null_values=[""]),
            )
        except pa.ArrowInvalid as error:
            raise ExportError(
                Code.BAD_ROW, f"a candle holds what a column of Parquet cannot: {error}"
            ) from error
        arrays = [self._column(column.name, said, runs) for column in self._columns]
        return pa.table(arrays, schema=self._schema)

    def _column(
        self, name: str, said: pa.Table, runs: Sequence[tuple[int, int]]
    ) -> pa.ChunkedArray | pa.Array:
        if name in OF_TIME:
            return _of_time(name, said.column("timestamp"))
        if name in self._said:
            return said.column(name)
        texts = [constant_text(self._plan, number, name) for number, _ in runs]
        if name in _TYPES:
            value = date.fromisoformat if name == "expiry" else float
            values = pa.array([value(text) if text else None for text in texts], _TYPES[name])
            return pa.concat_arrays(
                [pa.repeat(values[place], rows) for place, (_, rows) in enumerate(runs)]
            )
        different = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        indices = [
            pa.repeat(pa.scalar(different[text], pa.int32()), rows)
            for text, (_, rows) in zip(texts, runs, strict=True)
        ]
        return pa.DictionaryArray.from_arrays(
            pa.concat_arrays(indices), pa.array(list(different), pa.string())
        )


def _of_time(name: str, moments: pa.ChunkedArray) -> pa.ChunkedArray:
    if name == "timestamp":
        return moments
    epoch = moments.cast(pa.int64())
    if name == "epoch_ms":
        return epoch
    if name == "epoch_s":
        return pc.divide(epoch, 1000)
    local = pc.add(epoch, _IST_MS + _DAYS_BEFORE * _DAY_MS)
    days = pc.divide(local, _DAY_MS)
    if name == "date":
        return pc.subtract(days, _DAYS_BEFORE).cast(pa.int32()).cast(pa.date32())
    return pc.subtract(local, pc.multiply(days, _DAY_MS)).cast(pa.int32()).cast(pa.time32("ms"))


def _sorting(plan: Plan, columns: Sequence[Column]) -> list[pq.SortingColumn] | None:
    """By which columns every row group is sorted: the contracts stand by symbol (see `arranged`).

    Where two contracts are of one symbol, or no column says it, the time begins anew unseen.
    """
    places = {column.name: place for place, column in enumerate(columns)}
    moments = [places[name] for name in ("timestamp", "epoch_s", "epoch_ms") if name in places][:1]
    by = [places["openalgo_symbol"]] if "openalgo_symbol" in places else []
    if len(plan.contracts) < 2 or (by and len(set(plan.symbols)) == len(plan.symbols)):
        by += moments
    return [pq.SortingColumn(place) for place in by] or None


def _key_metadata(plan: Plan) -> dict[str, str]:
    options = plan.spec.options
    return {
        "creator": f"expirytrack-export {version('expirytrack-export')}",
        "version": "1.0",
        "exported_at": plan.accepted_at.astimezone(IST).isoformat(timespec="seconds"),
        "symbol_style": options.symbol_style.value,
        "spec": orjson.dumps(spec_to_json(plan.spec)).decode(),
        "metadata": orjson.dumps(plan.metadata()).decode(),
    }


class _Groups:
    """Gathers the text of contracts until there is a row group of it."""

    def __init__(self, plan: Plan, columns: Sequence[Column]) -> None:
        self._document = _Document(plan, columns)
        self._text: list[bytes] = []
        self._bytes = self._rows = self._written = 0
        self._runs: list[tuple[int, int]] = []

    async def add(self, number: int, piece: Piece) -> list[bytes]:
        """Bytes of the file, where they are ready."""
        self._text += piece.packed
        self._bytes += sum(map(len, piece.packed))
        if self._bytes < _GROUP_BYTES:
            return []
        lines = sum(part.count(b"\n") for part in self._text)
        self._written += lines - self._rows
        return await self._put([*self._runs, (number, lines - self._rows)])

    async def end(self, number: int, rows: int) -> list[bytes]:
        """The contract has ended, and has so many rows."""
        rest, self._written = rows - self._written, 0
        self._runs.append((number, rest))
        self._rows += rest
        return await self._put(self._runs) if self._rows >= _GROUP_ROWS else []

    async def finish(self, summary: Mapping[str, object]) -> list[bytes]:
        parts = await self._put(self._runs)
        finish = asyncio.to_thread(self._document.finish, summary)
        return parts + await unbroken(finish)

    async def _put(self, runs: Sequence[tuple[int, int]]) -> list[bytes]:
        text, self._text = b"".join(self._text), []
        self._bytes = self._rows = 0
        self._runs = []
        return await unbroken(asyncio.to_thread(self._document.put, text, runs))


class ParquetFile(FromTheStart):
    """One file of all contracts."""

    def __init__(self, plan: Plan, text: TextFormat, out: PartFile) -> None:
        self._out = out
        self._groups = _Groups(plan, asked_columns(plan))
        self._number = 0

    async def begin(self) -> None:
        return

    async def start(self, number: int, rows: int) -> None:
        self._number = number

    async def add(self, piece: Piece) -> None:
        await self._out.write(*await self._groups.add(self._number, piece))

    async def end(self, finished: Finished) -> Note | None:
        await self._out.write(*await self._groups.end(self._number, finished.member.rows))
        return None

    async def close(self, summary: Mapping[str, object], notes: Notes) -> None:
        await self._out.write(*await self._groups.finish(summary))

    async def discard(self) -> None:
        return


class ParquetFolders(FromTheStart, ArchiveFile):
    """An archive with a folder per instrument and expiry, of one file each, and metadata.json.

    The names of the folders are values, as Hive has it: the files lack these two columns.
    """

    def __init__(self, plan: Plan, text: TextFormat, out: PartFile) -> None:
        super().__init__(plan, text, out)
        self._columns = [one for one in asked_columns(plan) if one.name not in _FOLDERS]
        self._groups: _Groups | None = None
        self._packer = MemberPacker(Level.FAST)
        self._number = 0
        self._rows = 0

    async def begin(self) -> None:
        return

    async def start(self, number: int, rows: int) -> None:
        self._number = number
        if self._groups is None:
            self._groups = _Groups(self._plan, self._columns)
            self._packer, self._rows = MemberPacker(Level.FAST), 0
            await self._start(self._name(number), large=True)

    async def add(self, piece: Piece) -> None:
        assert self._groups is not None
        await self._pack(await self._groups.add(self._number, piece))

    async def end(self, finished: Finished) -> Note | None:
        assert self._groups is not None
        number, rows = self._number, finished.member.rows
        await self._pack(await self._groups.end(number, rows))
        self._rows += rows
        name = self._name(number)
        note: Note = {"file": {**asdict(finished.member), "name": name}}
        if number + 1 == len(self._plan.contracts) or self._name(number + 1) != name:
            await self._pack(await self._groups.finish({"rows": self._rows}), last=True)
            self._groups = None
            note["entry"] = asdict(await self._end(name, self._packer.crc, self._packer.size))
        return note

    async def close(self, summary: Mapping[str, object], notes: Notes) -> None:
        await self._finish(summary, notes, None)

    def _name(self, number: int) -> str:
        expiry = self._plan.contracts[number].expiry
        label = quote(self._plan.label(number), safe="")
        return f"instrument={label}/expiry={expiry}/data.parquet"

    async def _pack(self, parts: Sequence[bytes], *, last: bool = False) -> None:
        if parts or last:
            data = b"".join(parts)
            await self._out.write(await asyncio.to_thread(self._packer.pack, data, last=last))
