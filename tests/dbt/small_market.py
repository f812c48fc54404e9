"""The market of the models' tests: a session on every weekday from 2019-01-07 (a Monday) to the market date."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

FIRST, MARKET_DATE = date(2019, 1, 7), date(2020, 6, 12)
LAST_COMPLETE = date(2020, 6, 7)  # the Sunday before the market date
WEEKDAYS = [
    FIRST + timedelta(days=n) for n in range((MARKET_DATE - FIRST).days + 1) if (FIRST + timedelta(n)).weekday() < 5
]
SPLIT_DAY = date(2020, 3, 16)
WRONG_UNIT_UNTIL = date(2019, 3, 1)  # a Friday
# Duncan's table of c4, to 4 digits, is too short for 1e-9: the definition in gamma functions.
C4 = {n: math.sqrt(2 / (n - 1)) * math.gamma(n / 2) / math.gamma((n - 1) / 2) for n in range(2, 15)}


@dataclass(frozen=True)
class Stock:
    """Closes as quoted. `splits`: new shares for one old. `volume`: shares on each day. `rate`: USD for a unit of the
    currency, the same on every day; None where none is known.
    """

    closes: dict[date, float]
    splits: dict[date, float] = field(default_factory=dict)
    volume: int = 1_000_000
    market: str = "Testland"
    currency: str = "USD"
    rate: float | None = 1.0
    delisted_on: date | None = None

    def adjusted(self) -> dict[date, float]:
        return {
            day: close / math.prod(factor for effective, factor in self.splits.items() if day < effective)
            for day, close in self.closes.items()
        }


@dataclass(frozen=True)
class HandMade:
    """A window straight from the definitions."""

    days: int
    mean: float
    deviation: float | None
    volatility: float | None


def walk(seed: int, daily: float, days: list[date], start: float = 50.0, trend: float = 0.0) -> dict[date, float]:
    draw = random.Random(seed)
    price, closes = start, {}
    for day in days:
        price *= math.exp(draw.gauss(trend, daily))
        closes[day] = price
    return closes


def until(last: date) -> list[date]:
    return [day for day in WEEKDAYS if day <= last]


def market() -> dict[str, Stock]:
    wild = walk(1, 0.05, WEEKDAYS)
    split = walk(2, 0.02, WEEKDAYS, start=400.0)
    # The feed quoted WILD in cents at first: a hundredth on the day that it stopped, and no split.
    wild |= {day: close * 100 for day, close in wild.items() if day <= WRONG_UNIT_UNTIL}
    gone = [day for day in WEEKDAYS if not date(2019, 9, 1) <= day <= date(2020, 2, 1)]
    # The same prices from April 2019 on, after others or none: the sums before them differ.
    twin = walk(6, 0.03, [day for day in WEEKDAYS if day >= date(2019, 4, 1)])
    return {
        "WILD": Stock(wild),
        "DEAR": Stock(walk(3, 0.01, WEEKDAYS, start=5000.0), market="Elsewhere"),
        "GEOMETRIC": Stock({day: 100 * 1.001**n for n, day in enumerate(WEEKDAYS)}),
        "SPLIT": Stock(
            {day: close / (8.0 if day >= SPLIT_DAY else 1.0) for day, close in split.items()}, {SPLIT_DAY: 8.0}
        ),
        "YOUNG": Stock(walk(4, 0.03, [day for day in WEEKDAYS if day >= date(2020, 1, 6)])),
        "GAPPED": Stock(walk(5, 0.03, gone)),
        "TWIN.B": Stock(walk(7, 0.04, until(date(2019, 3, 29))) | twin, market="Elsewhere"),
        "TWIN.A": Stock(twin),
        "DECAYING": decaying(),
        "BOUGHT": Stock(walk(8, 0.03, until(date(2020, 1, 31))), delisted_on=date(2020, 1, 31)),
        "JUST_BOUGHT": Stock(walk(9, 0.03, until(date(2020, 5, 15))), delisted_on=date(2020, 5, 15)),
        "SILENT": Stock(walk(10, 0.03, until(date(2019, 3, 1)))),
        "SUSPENDED": Stock(walk(11, 0.03, until(date(2020, 1, 10)))),
        "RATELESS": Stock(walk(12, 0.03, WEEKDAYS), currency="VND", rate=None),
        "POUND": Stock(walk(13, 0.03, WEEKDAYS), market="Elsewhere", currency="GBP", rate=1.25),
        "THIN": Stock(walk(14, 0.03, WEEKDAYS, start=2.0), volume=10_000),
    }


def decaying() -> Stock:
    """As a fund of futures decays: from tens of millions in today's share to a few dollars, which it was quoted at all
    the time.
    """
    splits = {date(2019, 8, 1): 0.001, date(2019, 11, 1): 0.001}
    adjusted = walk(15, 0.05, until(date(2019, 6, 28)), start=3e7)
    fall = [day for day in WEEKDAYS if date(2019, 6, 28) < day < date(2019, 11, 1)]
    adjusted |= walk(16, 0.05, fall, adjusted[date(2019, 6, 28)], trend=-math.log(1e7) / len(fall))
    adjusted |= walk(17, 0.01, [day for day in WEEKDAYS if day >= date(2019, 11, 1)], adjusted[fall[-1]])
    quoted = {
        day: close * math.prod(factor for effective, factor in splits.items() if day < effective)
        for day, close in adjusted.items()
    }
    return Stock(quoted, splits)


def store(cursor: Cursor, stocks: Mapping[str, Stock]) -> None:
    """Puts the market into the warehouse, in place of what is there."""
    cursor.execute("truncate market.symbols, market.market_dates restart identity cascade")
    for symbol, stock in stocks.items():
        cursor.execute(
            """insert into market.symbols (symbol, name, type, region, timezone, currency, first_seen, status,
            delisted_on) values (%s, %s, 'Equity', %s, 'UTC', %s, %s, %s, %s) returning symbol_id""",
            (
                *(symbol, symbol.title(), stock.market, stock.currency, MARKET_DATE),
                *("delisted" if stock.delisted_on else "active", stock.delisted_on),
            ),
        )
        (symbol_id,) = cursor.fetchone() or (None,)
        execute_values(
            cursor,
            """insert into market.prices (symbol_id, day, open, high, low, close, volume, close_usd, fx_date,
            usd_missing, batch_id, known_since) values %s""",
            [
                (symbol_id, day, *([close] * 4), stock.volume, *in_dollars(stock, close, day), 1, MARKET_DATE)
                for day, close in stock.closes.items()
            ],
        )
        for effective, factor in stock.splits.items():
            cursor.execute("insert into market.splits values (%s, %s, %s)", (symbol_id, effective, factor))
    # A session that was still open when it was asked for: in no model.
    cursor.execute(
        """insert into market.prices (symbol_id, day, open, high, low, close, volume, close_usd, fx_date, batch_id,
        known_since, provisional) select symbol_id, %(day)s, 1e9, 1e9, 1e9, 1e9, 1, 1e9, %(day)s, 1, %(day)s, true
        from market.symbols""",
        {"day": MARKET_DATE + timedelta(days=3)},
    )
    cursor.execute("insert into market.market_dates values ('test', %s, 'sample market')", (MARKET_DATE,))


def in_dollars(stock: Stock, close: float, day: date) -> tuple[float | None, date | None, str]:
    """The columns close_usd, fx_date, usd_missing."""
    if stock.rate is None:
        return None, None, f"no rate for {stock.currency}"
    return close * stock.rate, day, ""


def windows_by_hand(stock: Stock) -> dict[date, HandMade]:
    """Window start -> the window; mean and deviation in USD, or in the quoted currency where no rate is known."""
    closes = stock.adjusted()
    days = sorted(closes)
    returns: dict[date, float] = {}
    for before, day in itertools.pairwise(days):
        missed = WEEKDAYS.index(day) - WEEKDAYS.index(before) - 1
        if missed <= 5:
            returns[day] = math.log(closes[day] / closes[before])
    found = {}
    start = FIRST - timedelta(days=7)
    while start <= MARKET_DATE:
        inside = [day for day in days if start <= day < start + timedelta(days=14)]
        moves = [returns[day] for day in inside if day in returns]
        if inside:
            prices = [closes[day] * (stock.rate or 1) for day in inside]
            volatility = statistics.stdev(moves) * math.sqrt(252) / C4[len(moves)] if len(moves) >= 7 else None
            deviation = statistics.stdev(prices) if len(prices) > 1 else None
            found[start] = HandMade(len(inside), statistics.fmean(prices), deviation, volatility)
        start += timedelta(days=7)
    return found
