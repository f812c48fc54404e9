"""What one market day has brought into the warehouse, told from its accounts and its revisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from psycopg2.extensions import connection as Connection


@dataclass(frozen=True)
class Mark:
    """A point in the life of a warehouse: its last batch and its clock."""

    batch_id: int
    moment: datetime


@dataclass(frozen=True)
class MarketDay:
    """Rows that the batches since a mark brought: `bars` new ones of the market date, `late` new ones of days before.

    `rejected` are those that were not rejected before. `news`: kind -> a short text for each.
    """

    market_date: date
    bars: int
    late: int
    changed: int
    unchanged: int
    rejected: int
    news: dict[str, list[str]]


WRITTEN = """
select
    count(*) filter (where day = %(day)s and not is_changed), count(*) filter (where day < %(day)s and not is_changed)
from (
    select prices.day, exists (
        select from market.price_revisions as revisions
        where revisions.symbol_id = prices.symbol_id and revisions.day = prices.day
            and revisions.replaced_by_batch_id > %(batch)s
    ) as is_changed
    from market.prices where prices.batch_id > %(batch)s
) as written
"""
ACCOUNTS = """
select coalesce(sum(changed), 0), coalesce(sum(unchanged), 0) from market.ingest_batches where batch_id > %(batch)s
"""
FIRST_REJECTED = """
from market.rejections as rejected
where first_batch_id > %(batch)s and not exists (
    select from market.rejections as known
    where known.first_batch_id <= %(batch)s and known.reason = rejected.reason
        and known.symbol is not distinct from rejected.symbol and known.day is not distinct from rejected.day
)
"""
NEWS = {
    "new symbols": "select symbol || ' ' || name from market.symbols where added_at > %(moment)s order by 1",
    "no longer listed": """
        select concat_ws(' since ', symbol, delisted_on) from market.symbols
        where status = 'delisted' and updated_at > %(moment)s and added_at <= %(moment)s order by 1""",
    "splits": """
        select symbol || ' ' || case when factor < 1 then '1 for ' || round((1 / factor)::numeric, 4)::float8
            else round(factor::numeric, 4)::float8 || ' for 1' end
        from market.splits inner join market.symbols using (symbol_id) where effective_date = %(day)s order by 1""",
    "late": """
        select symbol || ' ' || day from market.prices inner join market.symbols using (symbol_id)
        where batch_id > %(batch)s and day < %(day)s and not exists (
            select from market.price_revisions as revisions
            where revisions.symbol_id = prices.symbol_id and revisions.day = prices.day
                and revisions.replaced_by_batch_id > %(batch)s)
        order by 1""",
    "corrected": """
        select symbol || ' ' || day || ' ' || revisions.close || ' -> ' || prices.close
        from market.price_revisions as revisions
        inner join market.prices using (symbol_id, day) inner join market.symbols using (symbol_id)
        where revisions.replaced_by_batch_id > %(batch)s order by 1""",
    "rejected": f"select distinct concat_ws(' ', symbol, day, reason) {FIRST_REJECTED} order by 1",
}


def mark_of(session: Connection) -> Mark:
    with session.cursor() as cursor:
        cursor.execute("select coalesce(max(batch_id), 0), clock_timestamp() from market.ingest_batches")
        return Mark(*cursor.fetchone())  # type: ignore[misc]


def day_of(session: Connection, market_date: date, since: Mark) -> MarketDay:
    """What came since the mark, for the market date that was reached."""
    asked = {"day": market_date, "batch": since.batch_id, "moment": since.moment}

    def numbers(query: str) -> tuple[int, ...]:
        with session.cursor() as cursor:
            cursor.execute(query, asked)
            return tuple(int(value) for value in cursor.fetchone() or ())

    def lines(query: str) -> list[str]:
        with session.cursor() as cursor:
            cursor.execute(query, asked)
            return [str(line) for (line,) in cursor.fetchall()]

    bars, late = numbers(WRITTEN)
    changed, unchanged = numbers(ACCOUNTS)
    (rejected,) = numbers(f"select count(distinct (symbol, day, reason)) {FIRST_REJECTED}")
    news = {kind: found for kind, query in NEWS.items() if (found := lines(query))}
    return MarketDay(market_date, bars, late, changed, unchanged, rejected, news)
