"""Keeps market.earnings in step: EARNINGS_CALENDAR for what is to come, EARNINGS for what each company has reported."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import date
from uuid import uuid4

from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.client import AlphaVantageClient, Horizon
from hedge_master.alpha_vantage.earnings import earnings, earnings_calendar
from hedge_master.alpha_vantage.errors import (
    AlphaVantageError,
    DailyLimitReached,
    KeyRefused,
    PremiumOnly,
    UnknownSymbol,
)
from hedge_master.ingestion.ledger import MOST_FAILED_SHARE, Ledger
from hedge_master.ingestion.report_store import Stored, store_calendar, store_reports

log = logging.getLogger(__name__)

QUARTER_DAYS = 80  # a company whose newest report is older has probably given the next one
ASK_AGAIN_DAYS = 7  # after an answer that did not have it yet


class EarningsUnknown(RuntimeError):
    """Too many calls failed: what companies have reported is not known."""


@dataclass
class ReportsReport:
    """`asked` companies, `left` ones that are due and were not asked: the limit of the run or the day's budget did not
    reach. `failed` calls. Reports that are `new`, `changed`, or `moved` to another day or side of the session."""

    asked: int = 0
    left: int = 0
    failed: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0

    def counts(self) -> dict[str, int]:
        return asdict(self)


# Companies whose prices we have first, then those never asked, then the longest ago. Funds report nothing.
DUE = """
select symbols.symbol
from market.symbols as symbols
left join lateral (
    select max(reports.report_date) filter (where reports.source = 'EARNINGS') as newest,
        min(reports.report_date) filter (where reports.source <> 'EARNINGS' and reports.report_date < %(until)s)
            as overdue
    from market.earnings as reports where reports.symbol_id = symbols.symbol_id
) as reported on true
left join lateral (
    select max(dates.market_date) as day
    from market.api_calls as calls left join market.market_dates as dates using (run_id)
    where calls.symbol = symbols.symbol and calls.function = 'EARNINGS' and calls.requested_at >= symbols.added_at
        and calls.outcome in ('stored', 'nothing_there')
) as asked on true
where symbols.status = 'active' and symbols.ticker_until is null
    and symbols.type not ilike '%%etf%%' and symbols.type not ilike '%%fund%%'
    and (
        asked.day is null
        or asked.day < %(until)s - %(quarter)s
        or (asked.day <= %(until)s - %(again)s
            and (reported.overdue is not null or reported.newest < %(until)s - %(quarter)s))
    )
order by
    exists (select from market.prices where prices.symbol_id = symbols.symbol_id) desc,
    asked.day nulls first, reported.overdue nulls last, symbols.symbol
"""


def due(warehouse: Connection, until: date) -> list[str]:
    """The companies to ask at the market date `until`, the stalest first: never asked, newest report older than
    QUARTER_DAYS, or an expected one whose day is over. One that had nothing new is left alone for ASK_AGAIN_DAYS."""
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(DUE, {"until": until, "quarter": QUARTER_DAYS, "again": ASK_AGAIN_DAYS})
        return [symbol for (symbol,) in cursor.fetchall()]


def sync_calendar(client: AlphaVantageClient, ledger: Ledger, warehouse: Connection, horizon: Horizon) -> Stored | None:
    """EARNINGS_CALENDAR for `horizon`, one call; None where the day's budget is spent."""
    request_id = uuid4()
    asking = ledger.announced(client, request_id, "EARNINGS_CALENDAR", horizon)
    try:
        answer = asking.earnings_calendar(horizon)
        coming = earnings_calendar(answer.body)
    except AlphaVantageError as error:
        ledger.failed(request_id, error)
        if isinstance(error, DailyLimitReached):
            return None
        raise
    with warehouse:
        stored = store_calendar(warehouse, coming, answer.requested_at)
    ledger.stored(request_id, answer, len(coming))
    return stored


def sync_reports(
    client: AlphaVantageClient, ledger: Ledger, warehouse: Connection, until: date, most_calls: int
) -> ReportsReport:
    """EARNINGS of at most `most_calls` companies that are due at the market date `until`. Each answer is stored before
    the next call, so that a run that was cut short goes on where it ended.

    Ends early where the day's budget is spent. Raises KeyRefused and PremiumOnly at once, EarningsUnknown where more
    than MOST_FAILED_SHARE of the calls failed.
    """
    report = ReportsReport()
    waiting = due(warehouse, until)
    for symbol in waiting[:most_calls]:
        try:
            stored = _ask(client, ledger, warehouse, until, symbol)
        except (KeyRefused, PremiumOnly):
            raise
        except DailyLimitReached:
            break
        except AlphaVantageError as error:
            report.failed += 1
            log.warning("%s: %s", symbol, error)
        else:
            report.new += stored.new
            report.changed += stored.changed
            report.moved += stored.moved
        report.asked += 1
    report.left = len(waiting) - report.asked
    if report.failed > MOST_FAILED_SHARE * report.asked:
        raise EarningsUnknown(f"{report.failed} of {report.asked} calls failed: see market.api_calls")
    return report


def _ask(client: AlphaVantageClient, ledger: Ledger, warehouse: Connection, until: date, symbol: str) -> Stored:
    """One call, from its first line in the ledger to its last; nothing new for a company without reports."""
    request_id = uuid4()
    asking = ledger.announced(client, request_id, "EARNINGS", symbol)
    try:
        answer = asking.earnings(symbol)
        quarters = earnings(answer.body).quarterly
    except AlphaVantageError as error:
        ledger.failed(request_id, error)
        if isinstance(error, UnknownSymbol):
            return Stored()
        raise
    with warehouse:
        stored = store_reports(warehouse, symbol, quarters, until, answer.requested_at)
    ledger.stored(request_id, answer, len(quarters))
    return stored
