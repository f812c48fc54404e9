"""A market for the figures of single symbols: closes that are worked by hand, and walks that plain loops follow.

A session on every weekday from 2019-01-07 (a Monday) to the market date.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from oracles.made_up_bars import weekdays

FIRST, MARKET_DATE = date(2019, 1, 7), date(2020, 6, 12)
SESSIONS = [day for day in weekdays(FIRST, 400) if day <= MARKET_DATE]
SPLIT_DAY, SPLIT = date(2020, 3, 16), 8.0
SPLITS: Mapping[str, Mapping[date, float]] = {"SPLIT": {SPLIT_DAY: SPLIT}}
WILD_WEEK = date(2020, 4, 13)
NO_REPORT_TIME = None
# (symbol, fiscal end, report date, time of day, source): what sync_earnings would have stored.
REPORTS: list[tuple[str, date, date, str | None, str]] = [
    ("WILD", date(2018, 9, 30), date(2018, 10, 25), "post-market", "EARNINGS"),
    ("WILD", date(2018, 12, 31), date(2019, 1, 30), "pre-market", "EARNINGS"),
    ("WILD", date(2019, 3, 31), date(2019, 4, 25), "pre-market", "EARNINGS"),
    ("WILD", date(2019, 6, 30), date(2019, 7, 26), "post-market", "EARNINGS"),  # a Friday
    ("WILD", date(2019, 9, 30), date(2019, 10, 24), NO_REPORT_TIME, "EARNINGS"),
    ("WILD", date(2020, 3, 31), date(2020, 6, 12), "post-market", "EARNINGS"),
    ("WILD", date(2019, 12, 31), date(2020, 1, 30), NO_REPORT_TIME, "EARNINGS_CALENDAR"),  # never confirmed
    ("WILD", date(2020, 6, 30), date(2020, 7, 30), "post-market", "EARNINGS_CALENDAR"),
    ("WILD", date(2020, 9, 30), date(2020, 10, 29), NO_REPORT_TIME, "EARNINGS_CALENDAR"),
    ("GAPPED", date(2020, 3, 31), date(2020, 1, 30), "post-market", "EARNINGS"),  # in its gap
    ("FLAT", date(2020, 3, 31), date(2020, 4, 30), "pre-market", "EARNINGS"),
    ("YOUNG", date(2020, 3, 31), MARKET_DATE, "pre-market", "EARNINGS_CALENDAR"),
]


def closes_by_symbol() -> dict[str, dict[date, float]]:
    """Symbol -> day -> close in USD, as quoted."""
    gap = [day for day in SESSIONS if not date(2019, 12, 2) <= day <= date(2020, 2, 1)]
    return {
        "WILD": walk(1, 0.05, SESSIONS),
        "SPLIT": {day: close / (SPLIT if day >= SPLIT_DAY else 1) for day, close in walk(2, 0.02, SESSIONS).items()},
        "GAPPED": walk(3, 0.03, gap),
        "YOUNG": walk(4, 0.03, [day for day in SESSIONS if day >= date(2020, 5, 4)]),
        "GONE": walk(5, 0.03, [day for day in SESSIONS if day <= date(2019, 11, 29)]),
        "FLAT": dict.fromkeys(SESSIONS, 50.0),
        "UPDOWN": up_and_down(),
        "TENTWELVE": {day: 11.0 if day >= WILD_WEEK else 10.0 + 2 * (n % 2) for n, day in enumerate(SESSIONS)},
        "EMPTY": {},
    }


def walk(seed: int, daily: float, days: Iterable[date]) -> dict[date, float]:
    draw, price, closes = random.Random(seed), 50.0, {}
    for day in days:
        price *= math.exp(draw.gauss(0, daily))
        closes[day] = price
    return closes


def up_and_down() -> dict[date, float]:
    """Log returns of +1% and -1% in turn; of 3% in the week of 2020-04-13."""
    level, closes = math.log(50.0), {}
    for n, day in enumerate(SESSIONS):
        is_wild = WILD_WEEK <= day < date(2020, 4, 20)
        level += (-1) ** n * (0.03 if is_wild else 0.01)
        closes[day] = math.exp(level)
    return closes


def load(owner: Connection) -> None:
    with owner, owner.cursor() as cursor:
        ids = {symbol: _add(cursor, symbol, closes) for symbol, closes in closes_by_symbol().items()}
        execute_values(
            cursor,
            """insert into market.earnings (symbol_id, fiscal_end, report_date, report_time, source, known_since)
            values %s""",
            [(ids[symbol], *report, MARKET_DATE) for symbol, *report in REPORTS],
        )
        cursor.execute("insert into market.market_dates values ('test', %s, 'sample market')", (MARKET_DATE,))


def _add(cursor: Cursor, symbol: str, closes: Mapping[date, float]) -> Any:
    cursor.execute(
        """insert into market.symbols (symbol, name, type, region, timezone, currency, first_seen)
        values (%s, %s, 'Equity', 'Testland', 'UTC', 'USD', %s) returning symbol_id""",
        (symbol, symbol.title(), MARKET_DATE),
    )
    (symbol_id,) = cursor.fetchone() or (None,)
    execute_values(
        cursor,
        """insert into market.prices (symbol_id, day, open, high, low, close, volume, close_usd, fx_date,
        batch_id, known_since) values %s""",
        [(symbol_id, day, *([close] * 4), 1, close, day, 1, MARKET_DATE) for day, close in closes.items()],
        page_size=1000,
    )
    for effective, factor in SPLITS.get(symbol, {}).items():
        cursor.execute("insert into market.splits values (%s, %s, %s)", (symbol_id, effective, factor))
    return symbol_id


def ask(connection: Connection, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()
