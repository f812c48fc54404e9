"""All that the warehouse knows of one symbol's delivery, and why the next daily run asks for it or does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.coming_run import ComingRun
from hedge_master.ingestion.daily_plan import NOTHING_FOR_DAYS, full_is_allowed

NEWEST_CALLS = 20


class UnknownSymbol(LookupError):
    """market.symbols has no such symbol."""


@dataclass(frozen=True)
class Call:
    """One line of the ledger; `place` is the message's topic, partition and offset once the broker confirmed it."""

    requested_at: datetime
    function: str
    outputsize: str | None
    purpose: str
    outcome: str
    attempts: int
    rows: int | None
    first_bar: date | None
    last_bar: date | None
    place: str | None
    error: str | None
    run_id: str


@dataclass(frozen=True)
class Gap:
    """Nothing is known between the bars of `after` and `until`, and no full history came since."""

    after: date
    until: date | None


@dataclass(frozen=True)
class Split:
    """`factor` new shares for one old share."""

    effective_date: date
    factor: float


@dataclass(frozen=True)
class Story:
    """A symbol, its bars, its splits, and the newest lines of the ledger, newest first."""

    symbol: str
    name: str
    type: str
    region: str
    currency: str | None
    status: str
    ticker_until: date | None
    bars: int
    first_bar: date | None
    last_bar: date | None
    provisional: Sequence[date]
    splits: Sequence[Split]
    gaps: Sequence[Gap]
    calls: Sequence[Call]


@dataclass(frozen=True)
class Verdict:
    """Whether the next daily run asks for a symbol; `reason` is a sentence."""

    asked: bool
    reason: str


def story(warehouse: Connection, symbol: str) -> Story:
    """What is stored of a symbol (`aapl` finds AAPL). Raises UnknownSymbol."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            """select symbols.symbol_id, symbols.symbol, name, type, region, currency, status, ticker_until, added_at,
                bars.count, bars.first, bars.last, bars.provisional
            from market.symbols as symbols
            cross join lateral (
                select count(*) as count, min(day) as first, max(day) as last,
                    coalesce(array_agg(day order by day) filter (where provisional), '{}') as provisional
                from market.prices where prices.symbol_id = symbols.symbol_id
            ) as bars
            where symbols.symbol in (%(symbol)s, upper(%(symbol)s)) order by symbols.symbol <> %(symbol)s limit 1""",
            {"symbol": symbol},
        )
        row = cursor.fetchone()
        if row is None:
            raise UnknownSymbol(f'symbol "{symbol}" is not in market.symbols; sync_symbols learns which exist')
        symbol_id, found, name, kind, region, currency, status, ticker_until, added_at, count, *days = row
        cursor.execute(
            "select effective_date, factor from market.splits where symbol_id = %s order by effective_date",
            (symbol_id,),
        )
        splits = [Split(*each) for each in cursor.fetchall()]
        cursor.execute(
            """select requested_at, function, outputsize, purpose, outcome, attempts, rows, first_bar, last_bar,
                topic || ' ' || partition || ':' || kafka_offset, error, run_id
            from market.api_calls where symbol = %s and requested_at >= %s order by requested_at desc limit %s""",
            (found, added_at, NEWEST_CALLS),
        )
        calls = [Call(*each) for each in cursor.fetchall()]
        cursor.execute(
            """select gap_after, first_bar from market.api_calls as compact
            where symbol = %(symbol)s and requested_at >= %(since)s and outputsize = 'compact'
                and outcome = 'published' and gap_after is not null
                and not exists (
                    select from market.api_calls as whole
                    where whole.symbol = compact.symbol and whole.function = compact.function
                        and whole.outputsize = 'full' and whole.outcome = 'published'
                        and whole.requested_at > compact.requested_at)
            order by gap_after""",
            {"symbol": found, "since": added_at},
        )
        gaps = [Gap(*each) for each in cursor.fetchall()]
    first, last, provisional = days
    return Story(
        found,
        name,
        kind,
        region,
        currency,
        status,
        ticker_until,
        bars=count,
        first_bar=first,
        last_bar=last,
        provisional=provisional,
        splits=splits,
        gaps=gaps,
        calls=calls,
    )


def verdict(warehouse: Connection, about: Story, coming: ComingRun) -> Verdict:
    """Why the coming daily run asks for the symbol, when its turn is and whether the day's budget reaches that far; or
    why it does not ask."""
    turn = next((at for at, call in enumerate(coming.calls, 1) if call.symbol == about.symbol), None)
    daily_budget = coming.cost.left is not None
    waiting = (
        ""
        if full_is_allowed(warehouse, daily_budget) or not about.gaps
        else "; its gap waits for a plan with full histories"
    )
    if turn is not None:
        call = coming.calls[turn - 1]
        left = coming.cost.left
        reach = "today's budget reaches it"
        if left is not None and turn + coming.split_calls > left:
            reach = f"today's budget does not reach it ({left:,} calls left): the next days ask for it"
        return Verdict(True, f"{call.reason}: {call.outputsize}, {turn:,} of {len(coming.calls):,}; {reach}{waiting}")
    if about.ticker_until is not None:
        return Verdict(False, f"its ticker was another company's after {about.ticker_until}: it cannot be asked for")
    if about.status == "delisted":
        return Verdict(False, "delisted, and it has answered since, or never had a bar")
    if not about.bars and any(call.outcome == "nothing_there" for call in about.calls):
        return Verdict(False, f"the API has nothing of it: asked again after {NOTHING_FOR_DAYS} days of the market")
    return Verdict(False, f"its newest bar, {about.last_bar}, is of the last session that its market closed{waiting}")
