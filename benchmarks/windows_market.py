"""The warehouse of the windows' benchmark: symbols in five currencies, their bars by binary COPY, and new days."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import dataclass
from datetime import date

import numpy as np
import psycopg2
from psycopg2.extensions import connection as Connection
from stream_messages import CURRENCIES, fill_reference, id_of
from stream_peers import make_table
from windows_bars import BAR, LAST, PRICE, Floats, bars, copied, in_parts, since_epoch, splits, trading_days
from windows_meter import Meter, Spent

COPY_PRICES = f"copy market.prices ({', '.join(PRICE)}) from stdin (format binary)"
COPY_BARS = "copy peer.bars from stdin (format binary)"
BATCH = 1
COPIES = 3  # of the yardstick; its mean counts

# What the merge of a day's delivery leaves: bars on top of the histories.
NEW_DAY = """
insert into market.prices (symbol_id, day, open, high, low, close, volume, known_since, batch_id, close_usd, fx_date)
select
    asked.symbol_id, %(day)s, last.close, last.close * 1.03, last.close * 0.97, last.close * moved.times, last.volume,
    %(day)s::date + interval '33 hours', last.batch_id + 1, last.close_usd * moved.times, last.fx_date
from unnest(%(symbols)s) as asked (symbol_id)
cross join lateral (
    select * from market.prices where prices.symbol_id = asked.symbol_id order by prices.day desc limit 1
) as last
cross join lateral (select 1 + 0.02 * sin(asked.symbol_id + extract(doy from %(day)s::date)) as times) as moved
"""
MARK = """
select market.mark_changed_weeks(asked.symbol_id, %(first)s, %(last)s, 'prices')
from unnest(%(symbols)s) as asked (symbol_id)
"""
DATE = "insert into market.market_dates (run_id, market_date, source) values (%s, %s, 'data interval')"


@dataclass(frozen=True)
class Market:
    """`url`: the warehouse as its owner; it begins empty."""

    url: str

    def begin(self, symbols: int) -> None:
        """Symbols, rates, splits and the market date; no bars."""
        days = trading_days()
        found = [
            (id_of(number), days[place].item(), factor) for number in range(symbols) for place, factor in splits(number)
        ]
        with closing(psycopg2.connect(self.url)) as warehouse:
            fill_reference(warehouse, symbols, LAST)
            with warehouse, warehouse.cursor() as cursor:
                cursor.executemany(
                    "insert into market.splits (symbol_id, effective_date, factor) values (%s, %s, %s)", found
                )
                cursor.execute(DATE, ("history", LAST))

    def store(self, numbers: range) -> int:
        """The histories of these symbols, marked as the stream marks what it merged; how many rows."""
        days = trading_days()
        symbols = [id_of(number) for number in numbers]
        stored = 0
        with closing(psycopg2.connect(self.url)) as warehouse:
            rates = usd_rates(warehouse)
            with warehouse, warehouse.cursor() as cursor:
                for some in in_parts(numbers):
                    made = bars(some, [id_of(number) for number in some], PRICE)
                    usd = np.concatenate([rates[CURRENCIES[number % len(CURRENCIES)]] for number in some])
                    made["close_usd"] = made["close"] * usd
                    made["fx_date"] = made["day"]
                    made["known_since"] = since_epoch(days[-1:] + 1)[0] * 86_400_000_000
                    made["batch_id"] = BATCH
                    cursor.copy_expert(COPY_PRICES, io.BytesIO(copied(made)))
                    stored += cursor.rowcount
                cursor.execute(MARK, {"first": days[0].item(), "last": LAST, "symbols": symbols})
        return stored

    def add_day(self, day: date, numbers: range) -> int:
        """A bar more of each of these symbols, and the market date of that day; how many rows."""
        symbols = [id_of(number) for number in numbers]
        with closing(psycopg2.connect(self.url)) as warehouse, warehouse, warehouse.cursor() as cursor:
            cursor.execute(NEW_DAY, {"day": day, "symbols": symbols})
            added = cursor.rowcount
            cursor.execute(MARK, {"first": day, "last": day, "symbols": symbols})
            cursor.execute(DATE, (f"day {day}", day))
        return added

    def forget_days(self) -> None:
        """Takes back what add_day brought."""
        with closing(psycopg2.connect(self.url)) as warehouse, warehouse, warehouse.cursor() as cursor:
            cursor.execute("delete from market.prices where day > %s", (LAST,))
            cursor.execute("delete from market.market_dates where market_date > %s", (LAST,))

    def copy_alone(self, numbers: range, meter: Meter) -> Spent:
        """The yardstick: binary COPY of the same bars into a logged table without a key, the bytes ready in memory."""
        make_table(self.url, "bars", "")
        with closing(psycopg2.connect(self.url)) as warehouse, warehouse.cursor() as cursor:
            with meter.measured() as measured:
                for _ in range(COPIES):
                    with warehouse:
                        cursor.execute("truncate peer.bars")
                        for some in in_parts(numbers):
                            made = bars(some, [id_of(number) for number in some], BAR)
                            cursor.copy_expert(COPY_BARS, io.BytesIO(copied(made)))
            cursor.execute("select count(*) from peer.bars")
            (measured.rows,) = cursor.fetchone() or (0,)
        return measured.spent.times(1 / COPIES).of_rows(measured.rows)


def usd_rates(warehouse: Connection) -> dict[str, Floats]:
    """Currency -> what one of it was worth on each trading day, as the merge looks it up."""
    days = trading_days()
    found = {}
    with warehouse, warehouse.cursor() as cursor:
        for currency in CURRENCIES:
            cursor.execute(
                "select usd_per_unit from market.usd_rates(%s, %s, %s) where day = any(%s) order by day",
                (currency, days[0].item(), LAST, [day.item() for day in days]),
            )
            found[currency] = np.array([rate for (rate,) in cursor.fetchall()])
            if len(found[currency]) != len(days):
                raise RuntimeError(f"{currency} has no rate on some days")
    return found
