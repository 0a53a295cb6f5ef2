"""An invented market for the demo database: days, contracts and candles that look like India's.

Everything follows from fixed seeds and `Random.random`, whose sequence Python guarantees, so the
same candles come out on every machine. No price here was ever traded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final

from exporter.symbols import MONTHS

MINUTES: Final = 375
_OPENING: Final = 9 * 60 + 15
_TICKS_PER_RUPEE: Final = 20
_YEAR_OF_MINUTES: Final = 252 * MINUTES
# The exchanges' holidays in the weeks that the demo covers.
_HOLIDAYS: Final = frozenset(
    date.fromisoformat(day)
    for day in ("2025-08-15", "2025-08-27", "2025-10-02", "2025-10-21", "2025-10-22")
)
_FIRST_DAY: Final = date(2025, 8, 18)
_LAST_DAY: Final = date(2025, 10, 28)

Row = tuple[str, str, float, float, float, float, int, int]


@dataclass(frozen=True, slots=True)
class Underlying:
    """What the demo knows of one instrument; expiries are ISO dates."""

    key: str
    symbol: str
    exchange: str
    segment: str
    kind: str
    spot: float
    volatility: float
    strike_step: int
    strikes_each_side: int
    lot: int
    weekly: tuple[str, ...]
    monthly: tuple[str, ...]


UNDERLYINGS: Final = (
    Underlying(
        "NSE_INDEX|Nifty 50", "NIFTY", "NFO", "NSE_FO", "INDEX", 24_700.0, 0.11, 100, 2, 75,
        ("2025-09-02", "2025-09-09", "2025-09-16", "2025-09-23", "2025-10-07", "2025-10-14"),
        ("2025-09-30", "2025-10-28"),
    ),
    Underlying(
        "NSE_INDEX|Nifty Bank", "BANKNIFTY", "NFO", "NSE_FO", "INDEX", 55_200.0, 0.12, 200, 2, 35,
        (), ("2025-09-30", "2025-10-28"),
    ),
    Underlying(
        "BSE_INDEX|SENSEX", "SENSEX", "BFO", "BSE_FO", "INDEX", 80_900.0, 0.11, 200, 2, 20,
        ("2025-09-11", "2025-09-18", "2025-10-01", "2025-10-09"), ("2025-09-25",),
    ),
    Underlying(
        "NSE_EQ|INE002A01018", "RELIANCE", "NFO", "NSE_FO", "EQUITY", 1_382.0, 0.21, 20, 2, 500,
        (), ("2025-09-30", "2025-10-28"),
    ),
    Underlying(
        "NSE_EQ|INE101A01026", "M&M", "NFO", "NSE_FO", "EQUITY", 3_340.0, 0.24, 50, 2, 200,
        (), ("2025-09-30", "2025-10-28"),
    ),
)  # fmt: skip
# The strike of every example in the documentation.
_EXAMPLE: Final = ("NIFTY", date(2025, 9, 16), 22_700)


@dataclass(frozen=True, slots=True)
class DemoContract:
    """One future or option of the demo; `strike` is None for a future."""

    key: str
    token: str
    underlying: Underlying
    expiry: date
    weekly: bool
    kind: str
    strike: int | None

    @property
    def trading_symbol(self) -> str:
        """As the broker writes it: `NIFTY 22700 CE 16 SEP 25`, `NIFTY FUT 30 SEP 25`."""
        day = f"{self.expiry.day:02} {MONTHS[self.expiry.month - 1]} {self.expiry.year % 100:02}"
        strike = "" if self.strike is None else f"{self.strike} "
        return f"{self.underlying.symbol} {strike}{self.kind} {day}"

    @property
    def openalgo_symbol(self) -> str:
        """As the collector stores it."""
        day = f"{self.expiry.day:02}{MONTHS[self.expiry.month - 1]}{self.expiry.year % 100:02}"
        strike = "" if self.strike is None else str(self.strike)
        return f"{self.underlying.symbol.replace('-', '')}{day}{strike}{self.kind}"


class Path:
    """The underlying's price at the end of every minute of every trading day."""

    def __init__(self, underlying: Underlying) -> None:
        self._random = Random(f"path {underlying.key}")
        self._step = underlying.volatility / math.sqrt(_YEAR_OF_MINUTES)
        self.days: dict[date, list[float]] = {}
        price = underlying.spot
        for day in trading_days(_FIRST_DAY, _LAST_DAY):
            # A night moves a price about as much as an hour of trading.
            price *= 1 + self._step * 8 * self._bell()
            minutes = [price]
            for _ in range(MINUTES):
                price *= 1 + self._step * self._bell()
                minutes.append(price)
            self.days[day] = minutes

    def _bell(self) -> float:
        """Near enough to a normal deviate, and the same on every version of Python."""
        draw = self._random.random
        return (draw() + draw() + draw() - 1.5) * 2.0


def trading_days(first: date, last: date) -> list[date]:
    """Mondays to Fridays without the holidays, both ends included."""
    days = (first + timedelta(number) for number in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5 and day not in _HOLIDAYS]


def contracts(underlying: Underlying, path: Path) -> Iterator[DemoContract]:
    """Every contract of an instrument: options of each expiry, futures of the monthly ones."""
    expiries = sorted(
        [(date.fromisoformat(day), True) for day in underlying.weekly]
        + [(date.fromisoformat(day), False) for day in underlying.monthly]
    )
    token = Random(f"tokens {underlying.key}").randrange(35_000, 60_000)
    for expiry, weekly in expiries:
        step = underlying.strike_step
        middle = round(path.days[expiry][0] / step) * step
        side = underlying.strikes_each_side
        strikes: list[int | None] = [middle + step * n for n in range(-side, side + 1)]
        if (underlying.symbol, expiry) == _EXAMPLE[:2]:
            strikes.insert(0, _EXAMPLE[2])
        wanted = [(kind, strike) for strike in strikes for kind in ("CE", "PE")]
        if not weekly:
            wanted.insert(0, ("FUT", None))
        for kind, strike in wanted:
            token += 1
            key = f"{underlying.segment}|{token}|{expiry:%d-%m-%Y}"
            yield DemoContract(key, str(token), underlying, expiry, weekly, kind, strike)


def candles(contract: DemoContract, path: Path) -> list[Row]:
    """A contract's candles, newest first, as the collector receives and stores them."""
    underlying = contract.underlying
    draw = Random(f"candles {contract.key}").random
    life = trading_days(_FIRST_DAY, contract.expiry)[-_days(contract) :]
    remoteness = _remoteness(contract, path)
    traded = 1.0 if remoteness < 1 else 0.55
    busy = 400 / (1 + 8 * remoteness)
    interest = int(20_000 / (1 + 4 * remoteness)) + int(draw() * 4_000)
    rows: list[Row] = []
    for left, day in zip(range(len(life) - 1, -1, -1), life, strict=True):
        minutes = path.days[day]
        last = _ticks(contract, minutes[0], left + 1.0)
        for minute in range(MINUTES):
            if draw() > traded:
                continue
            opened = max(1, last + int(draw() * 3) - 1)
            fair = _ticks(contract, minutes[minute + 1], left + 1 - (minute + 1) / MINUTES)
            last = max(1, fair + int(draw() * 3) - 1)
            wick = 1 + last // 2_000
            high = max(opened, last) + int(draw() * draw() * 3 * wick)
            low = max(1, min(opened, last) - int(draw() * draw() * 3 * wick))
            interest = max(10, interest + int((draw() - 0.5) * busy))
            clock = _OPENING + minute
            rows.append(
                (
                    contract.key,
                    f"{day}T{clock // 60:02}:{clock % 60:02}:00+05:30",
                    opened / _TICKS_PER_RUPEE,
                    high / _TICKS_PER_RUPEE,
                    low / _TICKS_PER_RUPEE,
                    last / _TICKS_PER_RUPEE,
                    (1 + int(busy * draw() * draw())) * underlying.lot,
                    interest * underlying.lot,
                )
            )
    rows.reverse()
    return rows


def _days(contract: DemoContract) -> int:
    if contract.strike is None:
        return 14
    if contract.strike == _EXAMPLE[2] and contract.expiry == _EXAMPLE[1]:
        return 8
    return 2 if contract.weekly else 3


def _remoteness(contract: DemoContract, path: Path) -> float:
    """How far from the money, in percent of the price on the morning of expiry."""
    if contract.strike is None:
        return 0.0
    spot = path.days[contract.expiry][0]
    return abs(contract.strike - spot) / spot * 100


def _ticks(contract: DemoContract, spot: float, days_left: float) -> int:
    """The fair price in ticks: a future's small carry, an option's value in Bachelier's model."""
    if contract.strike is None:
        return round(spot * (1 + 0.0002 * days_left) * _TICKS_PER_RUPEE)
    spread = spot * contract.underlying.volatility * math.sqrt(max(days_left, 1e-4) / 252)
    ahead = spot - contract.strike if contract.kind == "CE" else contract.strike - spot
    ratio = ahead / spread
    below = 0.5 * (1 + math.erf(ratio / math.sqrt(2)))
    density = math.exp(-ratio * ratio / 2) / math.sqrt(2 * math.pi)
    return max(1, round((ahead * below + spread * density) * _TICKS_PER_RUPEE))
