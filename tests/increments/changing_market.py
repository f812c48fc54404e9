"""A market that changes: what the stream, the splits and the rates do to it, with the marks that they leave.

A session on every weekday from 2019-01-07 (a Monday). Marks are made by the product's own functions.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import date, timedelta

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from hedge_master.alpha_vantage.answers import Split
from hedge_master.ingestion import splits
from hedge_master.warehouse.usd import reprice_after_rates

FIRST = date(2019, 1, 7)
WEDNESDAY = date(2019, 9, 11)  # the market date at first: in the middle of a week
LATER = date(2019, 9, 17)  # the Tuesday after: a Sunday has gone by
NO_RATES = (date(2019, 4, 1), date(2019, 4, 30))  # EUR: from the 8th day on nothing is known

Change = Callable[[Connection], None]


def weekdays(first: date, last: date) -> list[date]:
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in days if day.weekday() < 5]


def store_bars(cursor: Cursor, symbol: str, days: list[date], times: float = 1.0) -> None:
    """Bars of a walk that is the symbol's own, day for day, times a factor; dollars as the merge finds them."""
    rows = []
    for day in days:
        draw = random.Random(f"{symbol} {day}")
        close = 50 * times * math.exp(draw.gauss(0, 0.03))
        opened = close * math.exp(draw.gauss(0, 0.01))
        low, high = min(opened, close) * 0.99, max(opened, close) * 1.01
        rows.append((day, opened, high, low, close, draw.randrange(1000, 9000)))
    execute_values(
        cursor,
        """insert into market.prices (symbol_id, day, open, high, low, close, volume, close_usd, fx_date, usd_missing,
            batch_id, known_since)
        select symbols.symbol_id, bars.day, open, high, low, close, volume, close * rate.usd_per_unit, rate.rate_date,
            market.usd_missing(symbols.currency, rate.usd_per_unit), 1, now()
        from (values %s) as bars (symbol, day, open, high, low, close, volume)
        inner join market.symbols using (symbol)
        left join lateral market.usd_rate(symbols.currency, bars.day) as rate on true
        on conflict (symbol_id, day) do update set open = excluded.open, high = excluded.high, low = excluded.low,
            close = excluded.close, volume = excluded.volume, close_usd = excluded.close_usd""",
        [(symbol, *row) for row in rows],
    )
    cursor.execute(
        "select market.mark_changed_weeks(symbol_id, %s, %s, 'prices') from market.symbols where symbol = %s",
        (days[0], days[-1], symbol),
    )


def add_symbol(cursor: Cursor, symbol: str, market: str, currency: str = "USD") -> None:
    cursor.execute(
        """insert into market.symbols (symbol, name, type, region, timezone, currency, first_seen)
        values (%s, %s, 'Equity', %s, 'UTC', %s, %s)""",
        (symbol, symbol.title(), market, currency, WEDNESDAY),
    )


def add_rates(cursor: Cursor, days: list[date]) -> list[tuple[str, date]]:
    rates = [("EUR", day, 1.1 + 0.01 * math.sin(day.toordinal()), "test") for day in days]
    execute_values(cursor, "insert into market.fx_rates (currency, rate_date, usd_per_unit, source) values %s", rates)
    return [(currency, day) for currency, day, _, _ in rates]


def begin(warehouse: Connection) -> None:
    """STEADY, EURO, SPLITTING, STOPPED (after May) and, in a market of its own with LONELY, GAPPED: its gap spans the
    five sessions that LONELY has, and three weekdays on which nobody was seen."""
    days = weekdays(FIRST, WEDNESDAY)
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("insert into market.market_dates values ('first', %s, 'sample market')", (WEDNESDAY,))
        add_rates(cursor, [day for day in days if not NO_RATES[0] <= day <= NO_RATES[1]])
        for symbol in ("STEADY", "SPLITTING", "STOPPED"):
            add_symbol(cursor, symbol, "Testland")
        add_symbol(cursor, "EURO", "Testland", "EUR")
        for symbol in ("LONELY", "GAPPED"):
            add_symbol(cursor, symbol, "Elsewhere")
        for symbol in ("STEADY", "SPLITTING", "EURO"):
            store_bars(cursor, symbol, days)
        store_bars(cursor, "STOPPED", [day for day in days if day <= date(2019, 5, 31)])
        unseen = [date(2019, 3, 13), date(2019, 3, 14), date(2019, 3, 15)]
        store_bars(cursor, "LONELY", [day for day in days if day not in unseen])
        store_bars(cursor, "GAPPED", [day for day in days if not date(2019, 3, 8) <= day <= date(2019, 3, 19)])


def new_days(warehouse: Connection) -> None:
    """Four sessions for all that trade; the market date passes a Sunday and a split's day."""
    days = weekdays(WEDNESDAY + timedelta(days=1), LATER)
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("insert into market.market_dates values ('later', %s, 'sample market')", (LATER,))
        add_rates(cursor, days)
        for symbol in ("STEADY", "SPLITTING", "EURO", "LONELY", "GAPPED"):
            store_bars(cursor, symbol, days)


def one_day(warehouse: Connection) -> None:
    """The session after those, a Wednesday."""
    day = LATER + timedelta(days=1)
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("insert into market.market_dates values ('a day later', %s, 'sample market')", (day,))
        add_rates(cursor, [day])
        for symbol in ("STEADY", "SPLITTING", "EURO", "LONELY", "GAPPED"):
            store_bars(cursor, symbol, [day])


def late_correction(warehouse: Connection) -> None:
    """One bar of STEADY, a Friday: the return of the Monday after changes too."""
    with warehouse, warehouse.cursor() as cursor:
        store_bars(cursor, "STEADY", [date(2019, 2, 22)], times=1.07)


def splits_announced(warehouse: Connection) -> None:
    """One that was in force long ago, and one that comes into force with the new days."""
    with warehouse:
        splits.store(warehouse, "SPLITTING", [Split(date(2019, 6, 3), 4.0), Split(date(2019, 9, 16), 3.0)])


def new_symbol(warehouse: Connection) -> None:
    with warehouse, warehouse.cursor() as cursor:
        add_symbol(cursor, "YOUNG", "Testland")
        store_bars(cursor, "YOUNG", weekdays(date(2019, 6, 5), WEDNESDAY))


def late_rates(warehouse: Connection) -> None:
    with warehouse, warehouse.cursor() as cursor:
        reprice_after_rates(cursor, add_rates(cursor, weekdays(*NO_RATES)))


def late_session(warehouse: Connection) -> None:
    """LONELY traded on a day that nobody had shown: the sixth that GAPPED missed, whose return over them goes."""
    with warehouse, warehouse.cursor() as cursor:
        store_bars(cursor, "LONELY", [date(2019, 3, 14)])


CHANGES: list[Change] = [late_correction, splits_announced, new_symbol, new_days, late_rates, late_session]
