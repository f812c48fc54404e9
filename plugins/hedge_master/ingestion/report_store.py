"""The one way into market.earnings: what a company reported wins over what was expected, and a moved date is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from hedge_master.alpha_vantage.earnings import QuarterlyEarnings, ReportToCome

Source = Literal["EARNINGS", "EARNINGS_CALENDAR"]
REPORT_TIMES = ("pre-market", "post-market")
# Two answers may name one fiscal quarter by days that are a little apart; two quarters never are that near.
SAME_QUARTER_DAYS = 45


@dataclass(frozen=True)
class Stored:
    """Reports that are `new`, `changed` (a figure or an estimate), `moved` (to another day, or side of the session) or
    `withdrawn`; `unknown`: delivered ones of no symbol that we know, or without their quarter."""

    new: int = 0
    changed: int = 0
    moved: int = 0
    withdrawn: int = 0
    unknown: int = 0


def store_calendar(warehouse: Connection, coming: Sequence[ReportToCome], known_since: datetime) -> Stored:
    """Store the calendar's expected reports, in the caller's transaction.

    The answer speaks for all days from its first to its last: an expected report in between that it no longer names is
    withdrawn. What was reported already stays as it is.
    """
    with warehouse.cursor() as cursor:
        cursor.execute("select symbol, symbol_id from market.symbols where ticker_until is null")
        known: dict[str, int] = dict(cursor.fetchall())
        # One row a quarter: where the answer names two days, its first is the next one.
        rows = {
            (known[report.symbol], report.fiscal_date_ending): (
                known[report.symbol],
                report.fiscal_date_ending,
                report.report_date,
                _side(report.time_of_day),
                None,
                report.estimate,
                report.currency,
            )
            for report in sorted(coming, key=lambda report: report.report_date, reverse=True)
            if report.symbol in known and report.fiscal_date_ending is not None
        }
        new, changed, moved = _merge(cursor, rows.values(), "EARNINGS_CALENDAR", known_since)
        withdrawn = 0
        if coming:
            days = [report.report_date for report in coming]
            withdrawn = _withdraw(
                cursor,
                """report_date between %s and %s
                and not exists (select from delivered_reports where (symbol_id, fiscal_end)
                    = (expected.symbol_id, expected.fiscal_end))""",
                (min(days), max(days)),
                known_since,
            )
        cursor.execute("drop table delivered_reports")
    unknown = sum(1 for report in coming if report.symbol not in known or report.fiscal_date_ending is None)
    return Stored(new, changed, moved, withdrawn, unknown)


def store_reports(
    warehouse: Connection, symbol: str, quarters: Iterable[QuarterlyEarnings], market_date: date, known_since: datetime
) -> Stored:
    """Store what a company has reported up to the market date, in the caller's transaction.

    A quarter without a day, or with one that is still to come, is the calendar's business. Raises LookupError for no
    such symbol.
    """
    with warehouse.cursor() as cursor:
        cursor.execute("select symbol_id from market.symbols where symbol = %s", (symbol,))
        row = cursor.fetchone()
        if row is None:
            raise LookupError(f"{symbol} is not in market.symbols: run sync_symbols first")
        (symbol_id,) = row
        rows = {
            quarter.fiscal_date_ending: (
                symbol_id,
                quarter.fiscal_date_ending,
                quarter.reported_date,
                _side(quarter.report_time),
                quarter.reported_eps,
                quarter.estimated_eps,
                None,
            )
            for quarter in quarters
            if quarter.reported_date is not None and quarter.reported_date <= market_date
        }
        new, changed, moved = _merge(cursor, rows.values(), "EARNINGS", known_since)
        # What was expected under another day of the same quarter has come.
        withdrawn = _withdraw(
            cursor,
            """symbol_id = %s and exists (select from market.earnings as reported
                where reported.symbol_id = expected.symbol_id and reported.source = 'EARNINGS'
                    and abs(reported.fiscal_end - expected.fiscal_end) <= %s)""",
            (symbol_id, SAME_QUARTER_DAYS),
            known_since,
        )
        cursor.execute("drop table delivered_reports")
    return Stored(new, changed, moved, withdrawn)


def _merge(
    cursor: Cursor, rows: Iterable[Sequence[object]], source: Source, known_since: datetime
) -> tuple[int, int, int]:
    """(new, changed, moved). Leaves the temporary table delivered_reports behind. What an answer does not tell stays as
    it was known: EARNINGS names no currency, and not always the side of the session."""
    cursor.execute(
        """create temporary table delivered_reports (symbol_id integer, fiscal_end date, report_date date,
        report_time text, reported_eps float8, estimated_eps float8, currency text) on commit drop"""
    )
    execute_values(cursor, "insert into delivered_reports values %s", list(rows), page_size=5000)
    cursor.execute(
        """create temporary table next_reports on commit drop as
        select delivered.symbol_id, delivered.fiscal_end, delivered.report_date,
            coalesce(
                delivered.report_time, case when known.report_date = delivered.report_date then known.report_time end
            ) as report_time,
            delivered.reported_eps,
            coalesce(delivered.estimated_eps, known.estimated_eps) as estimated_eps,
            coalesce(delivered.currency, known.currency) as currency,
            case
                when known.symbol_id is null then 'new'
                when known.report_date <> delivered.report_date or known.report_time <> delivered.report_time
                    then 'moved'
                when known.reported_eps is distinct from delivered.reported_eps and known.reported_eps is not null
                    then 'restated'
                else 'changed'
            end as what
        from delivered_reports as delivered
        left join market.earnings as known using (symbol_id, fiscal_end)
        where %(source)s = 'EARNINGS' or not exists (
            select from market.earnings as reported
            where reported.symbol_id = delivered.symbol_id and reported.source = 'EARNINGS'
                and abs(reported.fiscal_end - delivered.fiscal_end) <= %(days)s)""",
        {"source": source, "days": SAME_QUARTER_DAYS},
    )
    cursor.execute(
        """delete from next_reports as next using market.earnings as known
        where known.symbol_id = next.symbol_id and known.fiscal_end = next.fiscal_end and known.source = %s
            and (known.report_date, known.report_time, known.reported_eps, known.estimated_eps, known.currency)
                is not distinct from
                (next.report_date, next.report_time, next.reported_eps, next.estimated_eps, next.currency)""",
        (source,),
    )
    cursor.execute(
        """insert into market.earnings_revisions
        select known.*, %s, next.what from market.earnings as known
        inner join next_reports as next using (symbol_id, fiscal_end) where next.what in ('moved', 'restated')""",
        (known_since,),
    )
    cursor.execute(
        """insert into market.earnings
        select symbol_id, fiscal_end, report_date, report_time, reported_eps, estimated_eps, currency, %s, %s
        from next_reports
        on conflict (symbol_id, fiscal_end) do update set
            report_date = excluded.report_date, report_time = excluded.report_time,
            reported_eps = excluded.reported_eps, estimated_eps = excluded.estimated_eps,
            currency = excluded.currency, source = excluded.source, known_since = excluded.known_since""",
        (source, known_since),
    )
    cursor.execute(
        """select count(*) filter (where what = 'new'), count(*) filter (where what in ('changed', 'restated')),
            count(*) filter (where what = 'moved') from next_reports"""
    )
    counts = cursor.fetchone() or (0, 0, 0)
    cursor.execute("drop table next_reports")
    return counts[0], counts[1], counts[2]


def _withdraw(cursor: Cursor, which: str, values: tuple[object, ...], known_until: datetime) -> int:
    """Take expected reports back; `which`: a condition on market.earnings as `expected`."""
    cursor.execute(
        f"""with withdrawn as (
            delete from market.earnings as expected
            where expected.source = 'EARNINGS_CALENDAR' and {which} returning expected.*
        )
        insert into market.earnings_revisions select withdrawn.*, %s, 'withdrawn' from withdrawn""",  # noqa: S608
        (*values, known_until),
    )
    return cursor.rowcount


def _side(text: str | None) -> str | None:
    """pre-market or post-market; None for any other word: the day of a report is worth keeping without it."""
    return text if text in REPORT_TIMES else None
