"""Which symbols the daily run asks for: those whose market has closed a session that they have no bar of."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from hedge_master.ingestion.ledger import full_history_allowed
from hedge_master.ingestion.plan import FUNCTION, PlannedCall
from hedge_master.markets.sessions import ClosedSession

COMPACT_BARS = 100
MOST_FULL_PULLS = 500  # whole histories in one daily run; backfill_price_history is for more
DEAD_FOR_DAYS = 30  # a market that had no bar for so long when it was last asked is awaited no more
NOTHING_FOR_DAYS = 7  # of the market, before a symbol that the API has nothing of is asked for again

# One row a symbol that may be asked for, with all that its reason depends on. The newest answers come from the ledger,
# which knows of published messages that the stream has not read yet. A full answer of nothing is none once a compact
# one had bars.
CANDIDATES = """
select
    symbols.symbol,
    symbols.region,
    symbols.status,
    greatest(newest_bar.day, compact.last_bar, whole.last_bar) as last_bar,
    exists (select from market.prices where symbol_id = symbols.symbol_id and provisional) as provisional,
    compact.requested_at as compact_at,
    compact.outcome as compact_outcome,
    compact_run.market_date as compact_on,
    compact.rows as compact_rows,
    gap.gap_after,
    gap.requested_at as gap_at,
    case
        when whole.outcome = 'published' or compact.rows is null or compact.requested_at < whole.requested_at
            then whole.requested_at
    end as whole_at,
    newest_split.known_since as split_at,
    greatest(compact.requested_at, whole.requested_at) as answered_at,
    symbols.updated_at
from market.symbols as symbols
left join lateral (
    select prices.day from market.prices as prices
    where prices.symbol_id = symbols.symbol_id order by prices.day desc limit 1
) as newest_bar on true
left join lateral (
    select calls.requested_at, calls.run_id, calls.outcome, calls.last_bar, calls.rows
    from market.api_calls as calls
    where calls.symbol = symbols.symbol and calls.function = 'TIME_SERIES_DAILY' and calls.outputsize = 'compact'
        and calls.requested_at >= symbols.added_at and calls.outcome in ('published', 'nothing_there')
    order by calls.requested_at desc limit 1
) as compact on true
left join lateral (
    select calls.requested_at, calls.gap_after
    from market.api_calls as calls
    where calls.symbol = symbols.symbol and calls.gap_after is not null and calls.requested_at >= symbols.added_at
    order by calls.requested_at desc limit 1
) as gap on true
left join market.market_dates as compact_run on compact_run.run_id = compact.run_id
left join lateral (
    select calls.requested_at, calls.outcome, calls.last_bar
    from market.api_calls as calls
    where calls.symbol = symbols.symbol and calls.function = 'TIME_SERIES_DAILY' and calls.outputsize = 'full'
        and calls.requested_at >= symbols.added_at and calls.outcome in ('published', 'nothing_there')
    order by calls.requested_at desc limit 1
) as whole on true
left join lateral (
    select max(splits.known_since) as known_since from market.splits as splits
    where splits.symbol_id = symbols.symbol_id
) as newest_split on true
where symbols.ticker_until is null
"""

# `full` where a whole history is wanted and the plan of the key has it, at most MOST_FULL_PULLS of them.
# Materialized: else the planner sorts the symbols by region before it looks each of them up, all over the indexes.
PLAN = f"""
with candidates as materialized ({CANDIDATES}),
reasoned as (
    select
        candidates.*,
        sessions.closed,
        max(last_bar) over (partition by candidates.region) as front,
        max(compact_on) over (partition by candidates.region) as asked_on,
        case
            when status = 'delisted' and (last_bar is null or greatest(compact_at, whole_at) >= updated_at) then null
            when status = 'delisted' then 'delisted since its last answer'
            when
                last_bar is null and compact_outcome = 'nothing_there'
                and compact_on > (select max(market_date) from market.market_dates) - {NOTHING_FOR_DAYS} then null
            when compact_at is null and whole_at is null then 'never asked'
            when provisional then 'its last bar was not final'
            when sessions.closed is null then coalesce(sessions.unsure, 'no calendar for ' || candidates.region)
            when last_bar is null or last_bar < sessions.closed then 'its market closed a session on ' || closed
        end as compact_reason,
        case
            when gap_after is not null and (whole_at is null or whole_at < gap_at)
                then 'nothing known after ' || gap_after
            when whole_at is not null and split_at > whole_at then 'a new split'
            when whole_at is null and compact_rows >= {COMPACT_BARS} then 'no history yet'
        end as full_reason
    from candidates
    left join closed_sessions as sessions on sessions.region = candidates.region
),
wanted as (
    select
        *,
        full_reason is not null and %(full)s and row_number() over (
            partition by full_reason is null order by answered_at nulls first, symbol
        ) <= {MOST_FULL_PULLS} as whole
    from reasoned
    where compact_reason is not null or (full_reason is not null and status = 'active' and %(full)s)
)
select symbol, case when whole then 'full' else 'compact' end,
    case when whole then full_reason else compact_reason end, last_bar, closed,
    coalesce(last_bar = front and front < closed and front >= coalesce(asked_on, closed) - {DEAD_FOR_DAYS}, false)
from wanted
where whole or compact_reason is not null
order by answered_at nulls first, last_bar nulls first, symbol
"""  # noqa: S608 (numbers of our own)


def plan_daily(warehouse: Connection, closed: Mapping[str, ClosedSession], full: bool) -> list[PlannedCall]:
    """The calls of the day, the stalest symbol first: where the day's budget does not reach all, it goes first.

    `closed`: region -> the newest session that its market had closed. Where no calendar tells, its symbols are asked
    always, and the reason says so.
    `full`: whether the plan of the key has full histories (see `full_is_allowed`); then a symbol with a gap, a new
    split or no history gets its full answer in the place of the compact one.

    A symbol is stale since its last answer, not since its last bar: else stocks that no longer trade would go first
    for ever. One that was delisted is asked for once more, since its last bar may have been missed.
    """
    with warehouse.cursor() as cursor:
        cursor.execute(
            "create temporary table closed_sessions (region text primary key, closed date, unsure text) on commit drop"
        )
        if closed:
            rows = [(region, session.day, session.unsure) for region, session in closed.items()]
            execute_values(cursor, "insert into closed_sessions values %s", rows)
        cursor.execute("analyze closed_sessions")
        cursor.execute(PLAN, {"full": full})
        planned = [PlannedCall(*row) for row in cursor.fetchall()]
        cursor.execute("drop table closed_sessions")
    return planned


def regions(warehouse: Connection) -> list[str]:
    """The regions of all symbols that can be asked for."""
    with warehouse.cursor() as cursor:
        cursor.execute("select distinct region from market.symbols where ticker_until is null order by region")
        return [region for (region,) in cursor.fetchall()]


def full_is_allowed(warehouse: Connection, daily_budget: bool) -> bool:
    """Whether a daily run may ask for full histories. A plan with a daily budget is a free one: there the API must have
    answered one before; else it must not have refused the last one."""
    allowed = full_history_allowed(warehouse, FUNCTION)
    return not daily_budget if allowed is None else allowed
