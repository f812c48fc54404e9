"""The figures that an operator looks at: one read of the warehouse, at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from hedge_master.ingestion.budget import BudgetState, Limits, SharedBudget
from hedge_master.ingestion.plan import FUNCTION
from hedge_master.operations.progress import RunProgress, recent_runs

MOST_LISTED = 20
NEWEST_BATCHES = 20
STATEMENT_SECONDS = 5
# Where a whole market is silent for so many days, its symbols are stale although none of them is ahead of the others.
# The longest holiday of an exchange, China's golden week, keeps one silent for ten.
SILENT_DAYS = 10


@dataclass(frozen=True)
class StaleSymbol:
    """A symbol behind its market; `days` since its last bar by the market date, both None where it has no bar."""

    symbol: str
    region: str
    last_bar: date | None
    days: int | None
    reason: str


@dataclass(frozen=True)
class OpenGap:
    """Nothing is known of a symbol between the bars of `after` and `until`, and no full history came since."""

    symbol: str
    after: date
    until: date | None


@dataclass(frozen=True)
class Rejected:
    """Rows of the newest `batches` batches: how many were delivered, how many rejected, and of these by reason."""

    batches: int
    delivered: int
    rejected: int
    by_reason: dict[str, int]


@dataclass(frozen=True)
class Figures:
    """All of the page. Of the `symbols` that trade, `stale_count` are behind their market, of `empty_count` the API has
    nothing, and `histories` have their full history; the lists hold the MOST_LISTED worst. `refusals`: calls of the
    API's day that it refused or that failed, by error class."""

    read_at: datetime
    market_date: date | None
    newest_bar: date | None
    budget: BudgetState
    calls_per_day: int
    runs: Sequence[RunProgress]
    symbols: int
    histories: int
    empty_count: int
    stale_count: int
    stalest: Sequence[StaleSymbol]
    gap_count: int
    gaps: Sequence[OpenGap]
    rejected: Rejected
    refusals: dict[str, int]


# The newest bar of each symbol from the table of answers, two rows a symbol, where market.prices has thousands. No
# calendar is needed: a symbol is stale where another one of its region has a newer bar.
STALE = f"""
with last_bars as (
    select
        symbols.symbol, symbols.region, symbols.added_at,
        max(answers.last_day) as last_bar,
        bool_or(answers.outputsize = 'full') as has_history
    from market.symbols as symbols
    left join market.answers as answers using (symbol_id)
    where symbols.ticker_until is null and symbols.status = 'active'
    group by symbols.symbol_id
),
markets as (
    select *, greatest(max(last_bar) over (partition by region), %(market_date)s::date - {SILENT_DAYS}) as newest
    from last_bars
),
answered as (
    select
        *,
        last_bar is null and exists (
            select from market.api_calls as calls
            where calls.symbol = markets.symbol and calls.function = %(function)s
                and calls.requested_at >= markets.added_at and calls.outcome = 'nothing_there'
        ) as is_empty
    from markets
),
known as materialized (
    select *, not is_empty and (last_bar is null or last_bar < newest) as is_stale from answered
),
summary as (
    select
        max(last_bar), count(*), count(*) filter (where has_history), count(*) filter (where is_empty),
        count(*) filter (where is_stale)
    from known
),
stalest as (
    select * from known where is_stale order by last_bar nulls first, symbol limit {MOST_LISTED}
)
select
    summary.*, stalest.symbol, stalest.region, stalest.last_bar, %(market_date)s::date - stalest.last_bar,
    case
        when newest_call.outcome is null then 'never asked'
        when newest_call.outcome = 'asked' then 'asked, no answer yet'
        when newest_call.outcome <> 'published'
            then newest_call.outcome || coalesce(': ' || split_part(newest_call.error, ':', 1), '')
        when newest_call.last_bar > coalesce(stalest.last_bar, '-infinity') then 'published, not stored yet'
        else 'answered without a newer bar'
    end || coalesce(' (asked ' || to_char(newest_call.requested_at, 'YYYY-MM-DD HH24:MI') || ')', '')
from summary
left join stalest on true
left join lateral (
    select calls.outcome, calls.error, calls.last_bar, calls.requested_at
    from market.api_calls as calls
    where calls.symbol = stalest.symbol and calls.function = %(function)s
        and calls.requested_at >= stalest.added_at
    order by calls.requested_at desc limit 1
) as newest_call on true
order by stalest.last_bar nulls first, stalest.symbol
"""  # noqa: S608 (numbers of our own)

GAPS = f"""
select count(*) over (), symbol, gap_after, first_bar
from (
    select distinct on (calls.symbol) calls.symbol, calls.gap_after, calls.first_bar
    from market.api_calls as calls
    inner join market.symbols as symbols on symbols.symbol = calls.symbol and symbols.ticker_until is null
    where calls.gap_after is not null and calls.outcome = 'published' and calls.requested_at >= symbols.added_at
        and not exists (
            select from market.api_calls as whole
            where whole.symbol = calls.symbol and whole.function = calls.function and whole.outputsize = 'full'
                and whole.outcome = 'published' and whole.requested_at > calls.requested_at)
    order by calls.symbol, calls.gap_after
) as open_gaps
order by gap_after, symbol
limit {MOST_LISTED}
"""  # noqa: S608 (numbers of our own)

REJECTED = """
with newest as (
    select delivered, rejected, rejected_by_reason from market.ingest_batches order by batch_id desc limit %s
)
select
    count(*), coalesce(sum(delivered), 0)::bigint, coalesce(sum(rejected), 0)::bigint,
    (
        select coalesce(json_object_agg(reason, rows order by rows desc, reason), '{}')
        from (
            select reason, sum(rows::bigint) as rows
            from newest, jsonb_each_text(rejected_by_reason) as each (reason, rows)
            group by reason
        ) as by_reason
    )
from newest
"""

REFUSALS = """
select coalesce(split_part(error, ':', 1), 'unknown'), count(*)
from market.api_calls
where outcome in ('refused', 'failed')
    and requested_at >= market.api_day(%s)::timestamp at time zone 'America/New_York'
group by 1 order by 2 desc, 1
"""


def read_figures(warehouse: Connection, account: str, limits: Limits) -> Figures:
    """One look at the warehouse, all from one snapshot but the budget, which is read first.

    `account` and `limits` are those of the shared budget. The session is made to read only, and to give up a statement
    after STATEMENT_SECONDS (psycopg2.extensions.QueryCanceledError).
    """
    warehouse.set_session(readonly=True, autocommit=True)
    with warehouse.cursor() as cursor:
        cursor.execute("set statement_timeout = %s", (f"{STATEMENT_SECONDS}s",))
    budget = SharedBudget(warehouse, account, limits).state()
    warehouse.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
    with warehouse.cursor() as cursor:
        cursor.execute("select clock_timestamp(), (select max(market_date) from market.market_dates)")
        now, market_date = cursor.fetchone() or (None, None)
        cursor.execute(STALE, {"market_date": market_date, "function": FUNCTION})
        rows = cursor.fetchall()
        newest_bar, symbols, histories, empty_count, stale_count = rows[0][:5]
        gap_count, gaps = _gaps(cursor)
        figures = Figures(
            read_at=now,
            market_date=market_date,
            newest_bar=newest_bar,
            budget=budget,
            calls_per_day=limits.per_day,
            runs=recent_runs(cursor, budget, limits.per_day, now),
            symbols=symbols,
            histories=histories,
            empty_count=empty_count,
            stale_count=stale_count,
            stalest=[StaleSymbol(*row[5:]) for row in rows if row[5] is not None],
            gap_count=gap_count,
            gaps=gaps,
            rejected=_rejected(cursor),
            refusals=_refusals(cursor, now),
        )
    warehouse.rollback()
    return figures


def _gaps(cursor: Cursor) -> tuple[int, list[OpenGap]]:
    cursor.execute(GAPS)
    rows = cursor.fetchall()
    return (rows[0][0] if rows else 0), [OpenGap(*row[1:]) for row in rows]


def _rejected(cursor: Cursor) -> Rejected:
    cursor.execute(REJECTED, (NEWEST_BATCHES,))
    return Rejected(*(cursor.fetchone() or (0, 0, 0, {})))


def _refusals(cursor: Cursor, now: datetime) -> dict[str, int]:
    cursor.execute(REFUSALS, (now,))
    return dict(cursor.fetchall())
