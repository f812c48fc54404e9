"""Keeps the USD closes true when a rate, or the currency of a symbol, turns out to be another one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from hedge_master.warehouse.merge import ONE_MERGE_AT_A_TIME, along_the_key

# Expects a temporary table touched (symbol_id, day); changes only what differs, and marks its weeks.
# Runs along_the_key.
REPRICE = """
with priced as (
    select
        stored.symbol_id, stored.day, stored.close_usd as was_usd, stored.fx_date as was_date,
        stored.usd_missing as was_missing, stored.close * rate.usd_per_unit as close_usd, rate.rate_date,
        market.usd_missing(symbols.currency, rate.usd_per_unit) as usd_missing
    from touched
    cross join lateral (
        select * from market.prices
        where prices.symbol_id = touched.symbol_id and prices.day = touched.day
        offset 0
    ) as stored
    inner join market.symbols on symbols.symbol_id = stored.symbol_id
    left join lateral market.usd_rate(symbols.currency, stored.day) as rate on true
),
differing as materialized (
    select * from priced
    where (was_usd, was_date, was_missing) is distinct from (close_usd, rate_date, usd_missing)
),
repriced as (
    update market.prices as stored
    set
        close_usd = differing.close_usd, fx_date = differing.rate_date, usd_missing = differing.usd_missing
    from differing
    where stored.symbol_id = differing.symbol_id and stored.day = differing.day
    returning stored.symbol_id, stored.day
),
-- Weeks that follow one another share an island: a rate of 2001 and one of today mark two spans, not all between.
weeks as (
    select symbol_id, day, (day - date '0001-01-01') / 7 as week from repriced
),
islands as (
    select symbol_id, day, week - dense_rank() over (partition by symbol_id order by week) as island from weeks
),
marked as (
    select market.mark_changed_weeks(symbol_id, min(day), max(day), 'usd') from islands group by symbol_id, island
)
select (select count(*) from repriced), (select count(*) from marked)
"""


def reprice_after_rates(cursor: Cursor, rates: Sequence[tuple[str, date]]) -> int:
    """Look up anew the bars that (currency, date) rates can reach: their day and the 7 days after; how many changed."""
    _wait_for_merges(cursor)
    cursor.execute("create temporary table new_rates (currency text, rate_date date) on commit drop")
    execute_values(cursor, "insert into new_rates values %s", rates, page_size=10_000)
    cursor.execute(
        """create temporary table touched on commit drop as
        select stored.symbol_id, stored.day
        from (
            select currency, unnest(range_agg(daterange(rate_date, rate_date + 7, '[]'))) as days
            from new_rates
            group by currency
        ) as reached
        inner join (
            select symbols.symbol_id, coalesce(minor.major_currency, symbols.currency) as currency
            from market.symbols left join market.currencies as minor using (currency)
        ) as quoted using (currency)
        cross join lateral (
            select prices.symbol_id, prices.day from market.prices
            where prices.symbol_id = quoted.symbol_id
                and prices.day >= lower(reached.days) and prices.day < upper(reached.days)
            offset 0
        ) as stored"""
    )
    return _reprice(cursor)


def reprice_symbols(cursor: Cursor, symbols: Sequence[str]) -> int:
    """Look up anew all bars of symbols whose currency was another one than believed; how many changed."""
    _wait_for_merges(cursor)
    cursor.execute(
        """create temporary table touched on commit drop as
        select symbols.symbol_id, stored.day
        from market.symbols
        cross join lateral (
            select prices.day from market.prices where prices.symbol_id = symbols.symbol_id offset 0
        ) as stored
        where symbols.symbol = any(%s)""",
        (list(symbols),),
    )
    return _reprice(cursor)


def _wait_for_merges(cursor: Cursor) -> None:
    """A merge that has looked up its rates before these, and commits behind us, keeps dollars that nobody mends."""
    cursor.execute("select pg_advisory_xact_lock(%s)", (ONE_MERGE_AT_A_TIME,))


def _reprice(cursor: Cursor) -> int:
    with along_the_key(cursor):
        cursor.execute(REPRICE)
        row = cursor.fetchone()
    cursor.execute("drop table touched")
    return int(row[0]) if row else 0
