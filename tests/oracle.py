"""What an export must hold, worked out slowly and plainly from the specification alone.

The conformance suite compares the product's bytes with these. Nothing here may be shared with
the product: only `sqlite3`, whole lists in memory, and one small function per rule.
A request is the body of `POST /api/export/start` with `accepted_at` (a datetime) beside it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote

INDIA = timezone(timedelta(hours=5, minutes=30))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
THREE = {
    "NSE_INDEX|Nifty 50": "Nifty 50",
    "NSE_INDEX|Nifty Bank": "Bank Nifty",
    "BSE_INDEX|SENSEX": "Sensex",
}
DAYS = {"1d": 1, "7d": 7, "30d": 30, "90d": 90}
# India's derivatives began in 2000: other numbers, such as 20250905091500, are no epoch time.
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class OracleError(Exception):
    """The export must fail with this code, and the message must name `contract` (and `value`)."""

    def __init__(self, code: str, contract: str, value: object = None) -> None:
        super().__init__(f"{code}: {contract} {value!r}")
        self.code = code
        self.contract = contract
        self.value = value


@dataclass(frozen=True)
class Number:
    """A JSON number by its very digits: 2115.0 and 2115 are not the same text."""

    text: str


@dataclass(frozen=True)
class Candle:
    """One line of a file, every field already as the text that must stand there."""

    when: datetime
    prices: tuple[str, ...]  # open, high, low, close
    volume: str
    oi: str | None

    @property
    def stamp(self) -> str:
        return self.when.strftime("%Y-%m-%dT%H:%M:%S") + "+05:30"


@dataclass(frozen=True)
class Part:
    """One contract of the selection with its candles."""

    key: str
    label: str
    expiry: str
    kind: str
    strike: str | None
    trading_symbol: str
    symbol: str
    lot_size: Any
    tick_size: Any
    candles: list[Candle]
    dropped: int


@dataclass(frozen=True)
class Export:
    """The whole selection, in the order of the file."""

    instruments: list[str]
    names: list[str]
    parts: list[Part]
    format: str
    options: dict[str, Any]
    accepted_at: datetime
    money: list[dict[str, Any]]

    @property
    def openalgo(self) -> bool:
        return bool(self.options.get("include_openalgo", True))

    @property
    def details(self) -> bool:
        return bool(self.options.get("include_metadata", False))

    @property
    def separate(self) -> bool:
        return bool(self.options.get("separate_files", self.format == "zip"))

    @property
    def rows(self) -> int:
        return sum(len(part.candles) for part in self.parts)

    @property
    def dropped(self) -> int:
        return sum(part.dropped for part in self.parts)


def number_in(value: object) -> object:
    """A number that is stored as text, without loss where it is whole; else the value itself."""
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        digits = value.strip().lstrip("+-")
        return int(value) if digits.isdigit() else float(value)
    return value


def price_text(value: object) -> str | None:
    """Shortest decimal text that gives the number back, with a point; None if unreadable."""
    value = number_in(value)
    if isinstance(value, int):
        return f"{value}.0"
    if not isinstance(value, float) or not math.isfinite(value):
        return None
    text = format(Decimal(repr(value)), "f")
    return text if "." in text else text + ".0"


def count_text(value: object) -> str | None:
    """Volume or open interest as an integer; None if it is none."""
    value = number_in(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) else None


def instant(value: object) -> datetime | None:
    """A stored time as Indian time, cut to the second; None if unreadable."""
    value = number_in(value)
    if isinstance(value, (int, float)):
        for unit in (1, 1000):
            if FIRST.timestamp() <= value / unit < LAST.timestamp():
                return (EPOCH + timedelta(seconds=math.floor(value / unit))).astimezone(INDIA)
        return None
    match = STAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    *digits, zone = match.groups()
    try:
        year, month, day, hour, minute, second = (int(text or 0) for text in digits)
        local = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    if zone is None:
        return local.replace(tzinfo=INDIA)
    offset = timedelta()
    if zone != "Z":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        offset = -offset if zone[0] == "-" else offset
    return local.replace(tzinfo=timezone(offset)).astimezone(INDIA)


def plain_strike(value: object) -> str:
    """A strike as symbols and files show it: 22700, 292.5, 83.75."""
    text = price_text(value)
    assert text is not None
    return text.removesuffix(".0")


def kept(text: str | None) -> str:
    """The characters of a base symbol."""
    return "".join(c for c in (text or "").upper() if c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789&-")


def symbol_of(base: str, expiry: str, kind: str, strike: str | None, style: str) -> str:
    """The contract's symbol in the style asked for."""
    year, month, day = expiry.split("-")
    start = f"{base}{day}{MONTHS[int(month) - 1]}{year[2:]}"
    if kind == "FUT":
        return start + "FUT"
    return f"{start}{strike}{kind}" if style == "openalgo" else f"{start}{kind[0]}{strike}"


def display_name(key: str, table_symbol: str | None) -> str:
    """The instrument's name as people see it."""
    return THREE.get(key) or table_symbol or key.partition("|")[2] or key


def labels(names: dict[str, str]) -> dict[str, str]:
    """Instrument key to its name in files: the later of two alike carries its segment."""
    out: dict[str, str] = {}
    for key, name in names.items():
        label = name.replace(" ", "_")
        if label in out.values():
            label = first = f"{name}_{key.partition('|')[0]}".replace(" ", "_")
            number = 2
            while label in out.values():
                label = f"{first}_{number}"
                number += 1
        out[key] = label
    return out


def asked(request: Mapping[str, Any]) -> dict[str, list[str]]:
    """Instrument to expiries, oldest first; instruments without one are left out."""
    wanted: dict[str, set[str]] = {key: set() for key in request["instruments"]}
    expiries = request["expiries"]
    if isinstance(expiries, list):
        for pair in expiries:
            key, day = pair.split("~~~")
            wanted[key].add(day)
    else:
        for key, days in expiries.items():
            wanted[key].update(days)
    return {key: sorted(days) for key, days in wanted.items() if days}


def wanted_day(day: date, expiry: str, options: Mapping[str, Any]) -> bool:
    """Does the time range take this day in?"""
    days = DAYS.get(options.get("time_range", "all"))
    if days is not None:
        last = date.fromisoformat(expiry)
        return last - timedelta(days=days - 1) <= day <= last
    before = options.get("days_before_expiry")
    if before is not None and not 0 <= (date.fromisoformat(expiry) - day).days <= before:
        return False
    first, end = options.get("from_date"), options.get("to_date")
    return not (
        (first and day < date.fromisoformat(first)) or (end and day > date.fromisoformat(end))
    )


def candles_of(
    db: sqlite3.Connection, key: str, expiry: str, options: Mapping[str, Any]
) -> tuple[list[Candle], int]:
    """The contract's candles in time order, one per instant, and how many were dropped."""
    columns = {row[1] for row in db.execute("PRAGMA table_info(historical_data)")}
    oi_column = "oi" if "oi" in columns else "open_interest"
    by_instant: dict[datetime, tuple[Any, ...]] = {}
    seen = 0
    for when, *values in db.execute(
        f"SELECT timestamp, open, high, low, close, volume, {oi_column} FROM historical_data"
        " WHERE expired_instrument_key = ? ORDER BY rowid",
        (key,),
    ):
        moment = instant(when)
        if moment is None:
            raise OracleError("bad_row", key, when)
        if wanted_day(moment.date(), expiry, options):
            seen += 1
            by_instant[moment] = tuple(values)
    candles = [candle_of(key, moment, by_instant[moment]) for moment in sorted(by_instant)]
    return candles, seen - len(by_instant)


def wanted_row(candle: Candle, options: Mapping[str, Any]) -> bool:
    """Do the time of day and the volume let this row through?"""
    minute = candle.when.strftime("%H:%M")
    first, last = options.get("from_time"), options.get("to_time")
    if (first and minute < first) or (last and minute > last):
        return False
    return not options.get("min_volume") or int(candle.volume) >= options["min_volume"]


def money_of(
    db: sqlite3.Connection, found: Sequence[tuple[Any, ...]], expiry: str
) -> tuple[Fraction, str] | None:
    """The future's last close, else strike + call - put of the pair whose closes are nearest."""
    closes: dict[tuple[Fraction | None, str], Fraction] = {}
    for key, kind, strike, *_ in found:
        candles, _ = candles_of(db, key, expiry, {})
        place = (None if kind == "FUT" else Fraction(plain_strike(strike)), kind)
        if candles and place not in closes:
            closes[place] = Fraction(candles[-1].prices[3])
    if (None, "FUT") in closes:
        return closes[None, "FUT"], "future"
    best: tuple[Fraction, Fraction, Fraction] | None = None
    for (strike, kind), call in closes.items():
        put = closes.get((strike, "PE"))
        if kind == "CE" and put is not None and strike is not None:
            here = (abs(call - put), strike, strike + call - put)
            best = here if best is None or here < best else best
    return None if best is None else (best[2], "parity")


def near_money(strikes: set[Fraction], money: Fraction | None, around: int) -> set[Fraction]:
    """The strike nearest to the money, and so many on each side; all where it is not known."""
    if money is None or not strikes:
        return strikes
    nearest = min(strikes, key=lambda strike: (abs(strike - money), strike))
    below = sorted(strike for strike in strikes if strike < nearest)
    above = sorted(strike for strike in strikes if strike > nearest)
    return {nearest, *below[-around:], *above[:around]}


def decimal_of(value: Fraction) -> str:
    """An exact decimal number as shortest text, with a point."""
    text = format(Decimal(value.numerator) / Decimal(value.denominator), "f")
    whole, _, part = text.partition(".")
    return f"{whole}.{part.rstrip('0') or '0'}"


def wanted_contract(contract: tuple[Any, ...], near: set[Fraction] | None, options: Any) -> bool:
    """Do type and strike let this contract through? Futures have no strike."""
    kinds = options.get("option_types")
    if kinds and contract[1] not in kinds:
        return False
    if contract[1] == "FUT":
        return True
    strike = Fraction(plain_strike(contract[2]))
    least, most = options.get("strike_from"), options.get("strike_to")
    return (
        (near is None or strike in near)
        and (least is None or strike >= Fraction(repr(least)))
        and (most is None or strike <= Fraction(repr(most)))
    )


def candle_of(key: str, moment: datetime, values: tuple[Any, ...]) -> Candle:
    """A row that stays, as text; what nobody can read fails the export."""
    *prices, volume, oi = values
    texts: list[str] = []
    for price in prices:
        text = price_text(price)
        if text is None:
            raise OracleError("bad_row", key, price)
        texts.append(text)
    amount = count_text(volume)
    if amount is None:
        raise OracleError("bad_row", key, volume)
    interest = None if oi is None else count_text(oi)
    if oi is not None and interest is None:
        raise OracleError("bad_row", key, oi)
    return Candle(moment, tuple(texts), amount, interest)


def load(db_path: Path | str, request: Mapping[str, Any]) -> Export:
    """Read the whole selection; raises OracleError where the export must fail."""
    options = dict(request.get("options") or {})
    style = options.get("symbol_style", "expirytrack")
    chosen = asked(request)
    parts: list[Part] = []
    money: list[dict[str, Any]] = []
    with closing(sqlite3.connect(f"{Path(db_path).as_uri()}?mode=ro", uri=True)) as db:
        table = dict(db.execute("SELECT instrument_key, symbol FROM instruments"))
        names = {key: display_name(key, table.get(key)) for key in chosen}
        label = labels(names)
        for instrument, days in chosen.items():
            for expiry in days:
                found = db.execute(
                    "SELECT expired_instrument_key, contract_type, strike_price, trading_symbol,"
                    " lot_size, tick_size FROM contracts"
                    " WHERE instrument_key = ? AND expiry_date = ?",
                    (instrument, expiry),
                ).fetchall()
                found.sort(key=lambda c: (c[2] is not None, c[2] or 0, c[1], c[0]))
                near = None
                if options.get("strikes_around"):
                    guess = money_of(db, found, expiry)
                    money.append(
                        {
                            "instrument": label[instrument],
                            "expiry": expiry,
                            "value": Number(decimal_of(guess[0])) if guess else None,
                            "method": guess[1] if guess else None,
                        }
                    )
                    near = near_money(
                        {Fraction(plain_strike(c[2])) for c in found if c[1] != "FUT"},
                        guess[0] if guess else None,
                        options["strikes_around"],
                    )
                for key, kind, strike_price, trading_symbol, lot, tick in found:
                    words = (trading_symbol or "").split()
                    base = (
                        kept(words[0] if words else "")
                        or kept(table.get(instrument))
                        or kept(names[instrument])
                    )
                    if not base or (kind != "FUT" and strike_price is None):
                        raise OracleError("bad_contract", key)
                    strike = None if kind == "FUT" else plain_strike(strike_price)
                    symbol = symbol_of(base, expiry, kind, strike, style)
                    if not wanted_contract((key, kind, strike_price), near, options):
                        continue
                    candles, dropped = candles_of(db, key, expiry, options)
                    if options.get("only_with_candles") and not candles:
                        continue
                    candles = [candle for candle in candles if wanted_row(candle, options)]
                    parts.append(
                        Part(
                            key,
                            label[instrument],
                            expiry,
                            kind,
                            strike,
                            trading_symbol or "",
                            symbol,
                            lot,
                            tick,
                            candles,
                            dropped,
                        )
                    )
    return Export(
        list(chosen),
        [names[key] for key in chosen],
        parts,
        request["format"],
        options,
        request["accepted_at"].astimezone(INDIA),
        money,
    )


DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";"}


def text_field(text: str, delimiter: str) -> str:
    """A text field of a CSV line: formulas made harmless, then quoted where it must be."""
    if text[:1] in ("=", "+", "-", "@", "\t", "\r"):
        text = "'" + text
    if any(c in text for c in (delimiter, '"', "\n", "\r")):
        return '"' + text.replace('"', '""') + '"'
    return text


def columns(export: Export, *, csv: bool) -> list[tuple[str, str]]:
    """The columns of a CSV file, or the keys of a JSON candle: what, and under which title."""
    asked_for = export.options.get("columns")
    if asked_for:
        return [
            (one, one) if isinstance(one, str) else (one["name"], one.get("as", one["name"]))
            for one in asked_for
        ]
    out = ["openalgo_symbol"] if csv and export.openalgo else []
    out += ["date", "time"]
    if csv and export.details:
        out += ["instrument", "expiry", "strike", "option_type", "trading_symbol"]
    return [(one, one) for one in [*out, "timestamp", *PRICES, "volume", "oi"]]


PRICES = ("open", "high", "low", "close")


def price_shown(export: Export, text: str) -> str:
    """A price as stored, or to so many places: half goes away from zero, zero has no sign."""
    places = export.options.get("decimals")
    if places is None:
        return text
    exact = Fraction(text)
    units = (abs(exact) * 10**places * 2 + 1) // 2
    whole, part = divmod(int(units), 10**places)
    sign = "-" if exact < 0 and units else ""
    return f"{sign}{whole}" + (f".{part:0{places}}" if places else "")


def value_of(export: Export, part: Part, candle: Candle, name: str) -> str | Number | None:
    """What a column holds: a text, a number by its digits, or nothing."""
    if name in PRICES:
        return Number(price_shown(export, candle.prices[PRICES.index(name)]))
    second = (candle.when - EPOCH) // timedelta(seconds=1)
    values: dict[str, str | Number | None] = {
        "openalgo_symbol": part.symbol,
        "instrument": part.label,
        "expiry": part.expiry,
        "strike": None if part.strike is None else Number(part.strike),
        "option_type": part.kind,
        "trading_symbol": part.trading_symbol,
        "date": candle.when.strftime("%Y-%m-%d"),
        "time": candle.when.strftime("%H:%M:%S"),
        "timestamp": candle.stamp,
        "epoch_s": Number(str(second)),
        "epoch_ms": Number(str(second * 1000)),
        "volume": Number(candle.volume),
        "oi": None if candle.oi is None else Number(candle.oi),
    }
    return values[name]


def csv_of(export: Export, parts: list[Part]) -> bytes:
    """The CSV file of these contracts."""
    delimiter = DELIMITERS[export.options.get("delimiter", "comma")]
    named = columns(export, csv=True)
    lines = [delimiter.join(text_field(title, delimiter) for _, title in named)]
    for part in parts:
        for candle in part.candles:
            fields = []
            for name, _ in named:
                value = value_of(export, part, candle, name)
                if isinstance(value, str):
                    fields.append(text_field(value, delimiter))
                else:
                    fields.append("" if value is None else value.text)
            lines.append(delimiter.join(fields))
    text = "".join(line + "\n" for line in lines)
    return (b"\xef\xbb\xbf" if export.options.get("excel") else b"") + text.encode("utf-8")


def jsonl_of(export: Export, parts: list[Part]) -> list[dict[str, Any]]:
    """The objects of the JSON Lines file of these contracts: CSV's columns, numbers as numbers."""
    named = columns(export, csv=True)
    return [
        {title: value_of(export, part, candle, name) for name, title in named}
        for part in parts
        for candle in part.candles
    ]


def parse_lines(content: bytes) -> list[Any]:
    """JSON Lines: every line ends, and is a value by itself."""
    *lines, rest = content.split(b"\n")
    assert rest == b""
    return [parse_json(line) for line in lines]


def contract_value(export: Export, part: Part) -> dict[str, Any]:
    """The contract's object in JSON."""
    out: dict[str, Any] = {"openalgo_symbol": part.symbol} if export.openalgo else {}
    out["trading_symbol"] = part.trading_symbol
    out["strike"] = None if part.strike is None else Number(part.strike)
    out["option_type"] = part.kind
    named = columns(export, csv=False)
    out["historical_data"] = [
        {title: value_of(export, part, candle, name) for name, title in named}
        for candle in part.candles
    ]
    return out


def metadata_value(export: Export) -> dict[str, Any]:
    """The `metadata` of the JSON export and of archives."""
    out = {
        "exported_at": export.accepted_at.strftime("%Y-%m-%dT%H:%M:%S") + "+05:30",
        "instruments": export.instruments,
        "format": "OpenAlgo" if export.openalgo else "Standard",
        "version": "1.0",
    }
    return {**out, "money": export.money} if export.options.get("strikes_around") else out


def json_value(export: Export) -> dict[str, Any]:
    """The JSON export but for its last key, `summary`."""
    data: dict[str, dict[str, list[Any]]] = {}
    for part in export.parts:
        by_expiry = data.setdefault(part.label, {})
        by_expiry.setdefault(part.expiry, []).append(contract_value(export, part))
    return {"metadata": metadata_value(export), "data": data}


def artefact_name(export: Export) -> str:
    """The file's name."""
    name = export.names[0] if len(export.names) == 1 else "All"
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    ending = {"gzip": ".gz", "zstd": ".zst"}.get(export.options.get("compression", ""), "")
    archive = export.separate or export.format == "zip"
    extension = "zip" if archive else export.format + ending
    moment = export.accepted_at.strftime("%Y%m%d_%H%M%S")
    return f"{'OpenAlgo_' if export.openalgo else ''}ExpiryTrack_{safe}_{moment}.{extension}"


def member_names(export: Export) -> list[str]:
    """One name per contract, in order."""
    if export.format == "parquet":
        return [
            f"instrument={quote(part.label, safe='')}/expiry={part.expiry}/data.parquet"
            for part in export.parts
        ]
    extension = "csv" if export.format == "zip" else export.format
    taken: list[str] = []
    for part in export.parts:
        name = part.symbol
        if name in taken:
            name = first = f"{part.symbol}_{part.key.partition('|')[0]}"
            number = 2
            while name in taken:
                name = f"{first}_{number}"
                number += 1
        taken.append(name)
    return [f"{name}.{extension}" for name in taken]


def zip_members(export: Export) -> dict[str, Any]:
    """Members in order without metadata.json: bytes for CSV, values for JSON and JSON Lines."""
    if not export.separate:
        return {artefact_name(export).removesuffix(".zip") + ".csv": csv_of(export, export.parts)}
    one_of: Mapping[str, Callable[[Part], Any]] = {
        "json": lambda part: contract_value(export, part),
        "jsonl": lambda part: jsonl_of(export, [part]),
    }
    value: Callable[[Part], Any] = one_of.get(export.format, lambda part: csv_of(export, [part]))
    return {
        name: value(part) for name, part in zip(member_names(export), export.parts, strict=True)
    }


def archive_metadata(export: Export, members: Mapping[str, bytes]) -> dict[str, Any]:
    """What metadata.json says of an archive that holds these bytes."""
    names = member_names(export) if export.separate else list(members) * len(export.parts)
    files = [
        {
            "name": name,
            "contract": part.key,
            "symbol": part.symbol,
            "instrument": part.label,
            "expiry": part.expiry,
            "lot_size": as_number(part.lot_size),
            "tick_size": as_number(part.tick_size),
            "rows": Number(str(len(part.candles))),
            "first": part.candles[0].stamp if part.candles else None,
            "last": part.candles[-1].stamp if part.candles else None,
            "duplicates_dropped": Number(str(part.dropped)),
            "sha256": hashlib.sha256(members[name]).hexdigest(),
        }
        for name, part in zip(names, export.parts, strict=True)
    ]
    return {**metadata_value(export), "files": files}


def as_number(value: object) -> Number | None:
    """A stored lot or tick size."""
    return None if value is None else Number(repr(value))


def parse_json(content: bytes) -> Any:
    """JSON with its numbers by their digits, no key twice, and no NaN."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(pairs)
        assert len(out) == len(pairs), f"a key stands twice in {[key for key, _ in pairs]}"
        return out

    def refuse(text: str) -> Any:
        raise AssertionError(f"{text} is not JSON")

    return json.loads(
        content.decode("utf-8"),
        parse_float=Number,
        parse_int=Number,
        parse_constant=refuse,
        object_pairs_hook=unique,
    )


def same_with_order(left: Any, right: Any) -> bool:
    """Are two parsed JSON values alike, the order of their keys included?"""
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(
            same_with_order(left[key], right[key]) for key in left
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_with_order, left, right))
    return type(left) is type(right) and bool(left == right)


def csv_bytes(db_path: Path | str, request: Mapping[str, Any]) -> bytes:
    """The whole CSV export of a request."""
    export = load(db_path, request)
    return csv_of(export, export.parts)
