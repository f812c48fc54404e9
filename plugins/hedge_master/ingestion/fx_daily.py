"""FX_DAILY for what the ECB lacks: which currencies, from when and how far is read off the stored prices and rates.

Asked as units for one US dollar, so that five decimals are five digits: a rupiah is 0.00007 dollars.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, timedelta
from typing import Literal
from uuid import uuid4

from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.client import AlphaVantageClient, Answer
from hedge_master.alpha_vantage.errors import (
    AlphaVantageError,
    DailyLimitReached,
    KeyRefused,
    PremiumOnly,
    UnknownSymbol,
)
from hedge_master.alpha_vantage.exchange_rates import exchange_rates
from hedge_master.ingestion.budget import Limits
from hedge_master.ingestion.ledger import Ledger, full_history_allowed
from hedge_master.ingestion.rate_store import Rate, Source, Stored, store_rates

log = logging.getLogger(__name__)

FUNCTION = "FX_DAILY"
RATE_REACHES = timedelta(days=7)  # as market.usd_rate has it: a rate serves its day and the 7 days after
COMPACT_REACHES = timedelta(days=110)  # 100 bars, six a week at most
HOLDS_ON_A_BUDGET = timedelta(days=7)  # five market days: the rates of one answer serve until the next
MOST_CALLS_ON_A_BUDGET = 5  # of a day whose calls are counted; the prices need the rest


@dataclass(frozen=True)
class Need:
    """A currency in which prices are quoted (a major one), with what is known of its rates.

    first_day: of the prices, None while there are none. bank_since: first day of the ECB's present, unbroken quoting,
    and bank_last: its newest rate; None where it has none. newest: newest rate of any source. had_full: a full answer
    came once. asked_on: market date of the run that got the newest answer.
    """

    currency: str
    first_day: date | None
    bank_since: date | None
    bank_last: date | None
    newest: date | None
    had_full: bool
    asked_on: date | None


@dataclass(frozen=True)
class RateCall:
    """`current`: rates of these days are missing, not only older ones, which nothing but a full answer brings."""

    currency: str
    outputsize: Literal["compact", "full"]
    current: bool


@dataclass
class FxReport:
    """`asked` calls, `rates` new or different, `repriced` bars, `failed` calls, `left` calls for which the day's budget
    did not reach; `without_history`: currencies whose older rates the plan of the key does not include."""

    asked: int = 0
    rates: int = 0
    repriced: int = 0
    failed: int = 0
    left: int = 0
    without_history: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {name: len(value) if isinstance(value, list) else value for name, value in asdict(self).items()}


# One row a currency, the one with most symbols first. A symbol that is gone needs rates only for the bars that it has;
# one whose full history a run is about to ask for needs them from the API's first day on.
NEEDS = """
with quoted as (
    select coalesce(minor.major_currency, symbols.currency) as currency,
        min(least(first_bar.day, case when coming.symbol is not null then date '1999-11-01' end)) as first_day,
        count(*) as symbols
    from market.symbols as symbols
    left join market.currencies as minor using (currency)
    left join lateral (
        select prices.day from market.prices as prices
        where prices.symbol_id = symbols.symbol_id order by prices.day limit 1
    ) as first_bar on true
    left join (
        select distinct planned.symbol from market.planned_calls as planned
        inner join market.ingest_runs as runs using (run_id)
        where planned.outputsize = 'full' and runs.ended_at is null
    ) as coming on coming.symbol = symbols.symbol
    where symbols.currency is not null
        and (first_bar.day is not null or (symbols.status = 'active' and symbols.ticker_until is null))
    group by coalesce(minor.major_currency, symbols.currency)
)
select quoted.currency, quoted.first_day, bank.since, bank.last, newest.day, coalesce(asked.had_full, false), asked.day
from quoted
left join lateral (
    select max(rate_date) filter (where day_before is null or rate_date - day_before > %(reach)s) as since,
        max(rate_date) as last
    from (
        select rate_date, lag(rate_date) over (order by rate_date) as day_before from market.fx_rates
        where fx_rates.currency = quoted.currency and source = any(%(bank)s) and rate_date <= %(until)s
    ) as days
) as bank on true
left join lateral (
    select max(rate_date) as day from market.fx_rates
    where fx_rates.currency = quoted.currency and rate_date <= %(until)s
) as newest on true
left join lateral (
    select bool_or(calls.outputsize = 'full') as had_full, max(dates.market_date) as day
    from market.api_calls as calls
    left join market.market_dates as dates using (run_id)
    where calls.symbol = quoted.currency and calls.function = %(function)s
        and calls.outcome in ('stored', 'nothing_there')
) as asked on true
where quoted.currency <> 'USD'
order by quoted.symbols desc, quoted.currency
"""


def needs(warehouse: Connection, until: date) -> list[Need]:
    """What is known of each currency in which stored or coming prices are quoted, up to `until`, the market date."""
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            NEEDS,
            {
                "until": until,
                "reach": RATE_REACHES.days,
                "bank": [str(Source.ECB), str(Source.ECB_SEED)],
                "function": FUNCTION,
            },
        )
        return [Need(*row) for row in cursor.fetchall()]


def wanted(need: Need, until: date, *, holds: timedelta, full: bool) -> RateCall | None:
    """The call that a currency is worth at the market date `until`, or None.

    `holds`: how long an answer serves before the next. `full`: whether the plan of the key has full histories.
    """
    if need.asked_on is not None and need.asked_on >= until:
        return None
    bank_ended = need.bank_last is None or until - need.bank_last > RATE_REACHES
    outdated = need.newest is None or need.newest < _last_closed_day(until)
    held = need.asked_on is not None and until - need.asked_on < holds
    current = bank_ended and outdated and not held
    before_the_bank = need.bank_since is None or (need.first_day is not None and need.first_day < need.bank_since)
    lost_touch = current and (need.newest is None or until - need.newest > COMPACT_REACHES)
    if full and (lost_touch or (before_the_bank and not need.had_full)):
        return RateCall(need.currency, "full", current)
    return RateCall(need.currency, "compact", current) if current else None


def due(warehouse: Connection, until: date, limits: Limits) -> list[RateCall]:
    """The calls of a run: at most one a currency and market day; on a plan with a daily budget a currency that has been
    answered waits five market days, and at most MOST_CALLS_ON_A_BUDGET are asked."""
    holds = HOLDS_ON_A_BUDGET if limits.per_day else timedelta(days=1)
    with warehouse:
        full = full_history_allowed(warehouse, FUNCTION) is not False
    calls = [call for need in needs(warehouse, until) if (call := wanted(need, until, holds=holds, full=full))]
    calls.sort(key=lambda call: not call.current)
    return calls[:MOST_CALLS_ON_A_BUDGET] if limits.per_day else calls


def sync_fx_daily(
    client: AlphaVantageClient, ledger: Ledger, warehouse: Connection, until: date, calls: list[RateCall]
) -> FxReport:
    """Ask for each of `calls` and store the closed days up to `until`, the market date, currency by currency.

    A call that fails is counted and the others go on: bars without a rate keep the reason, and a later rate prices
    them. Raises KeyRefused at once; ends early where the day's budget is spent.
    """
    report = FxReport()
    waiting = deque(calls)
    while waiting:
        call = waiting.popleft()
        report.asked += 1
        try:
            stored = _ask(client, ledger, warehouse, until, call)
        except KeyRefused:
            raise
        except DailyLimitReached:
            report.asked -= 1
            report.left = 1 + len(waiting)
            break
        except PremiumOnly as error:
            if call.outputsize == "compact":
                report.failed += 1
                log.warning("%s", error)
                break  # the plan has no rates at all
            report.without_history += [each.currency for each in (call, *waiting) if each.outputsize == "full"]
            waiting = deque(replace(each, outputsize="compact") for each in (call, *waiting) if each.current)
        except AlphaVantageError as error:
            report.failed += 1
            log.warning("%s: %s", call.currency, error)
        else:
            report.rates += stored.rates
            report.repriced += stored.repriced
    return report


def _ask(client: AlphaVantageClient, ledger: Ledger, warehouse: Connection, until: date, call: RateCall) -> Stored:
    """One call, from its first line in the ledger to its last; nothing new where the API has no such pair."""
    request_id = uuid4()
    asking = ledger.announced(client, request_id, FUNCTION, call.currency, call.outputsize)
    try:
        answer = asking.fx_daily("USD", call.currency, call.outputsize)
        rates = list(closed_rates(answer, call.currency, until))
    except AlphaVantageError as error:
        ledger.failed(request_id, error)
        if isinstance(error, UnknownSymbol):
            return Stored(0, 0)
        raise
    with warehouse:
        stored = store_rates(warehouse, rates, Source.ALPHA_VANTAGE)
    ledger.stored(request_id, answer, len(rates))
    return stored


def closed_rates(answer: Answer, currency: str, until: date) -> Iterator[Rate]:
    """The dollars for one of `currency` at the close of each day up to `until` that was over at the answer.

    The days are UTC's: the newest bar is still moving until its day is over.
    """
    running = answer.market_time.astimezone(UTC).date()
    for bar in exchange_rates(answer.body).bars:
        if bar.day <= until and bar.day < running:
            yield currency, bar.day, 1 / bar.close


def _last_closed_day(until: date) -> date:
    """The weekday before: rates of `until` itself are not final on it."""
    day = until - timedelta(days=1)
    return day - timedelta(days=max(day.isoweekday() - 5, 0))
