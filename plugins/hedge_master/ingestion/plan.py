"""The plan of a publishing run: which symbols it asks for, in which order, and what of it is left.

A plan is written down before the first call (market.ingest_runs, market.planned_calls), so that what travels between
tasks is small, a retry knows what is left, and an operator sees how far a run is.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.budget import BudgetState, Limits
from hedge_master.ingestion.ledger import TOO_LARGE

CHUNK_SYMBOLS = 500
CHUNK_MINUTES = 5
CALLS_A_SYMBOL = 2  # prices and splits
MOST_CHUNKS = 1000  # Airflow maps a task at most 1,024 times; what is left is for the next run
KEPT_PLANS = timedelta(days=30)
FUNCTION = "TIME_SERIES_DAILY"
# A call answers a planned one where it is the run's own, or where another run has got the full history since the
# plan was made.
ANSWERS_PLANNED = """(
    calls.symbol = planned.symbol and calls.function = %(function)s and calls.outcome in ('published', 'nothing_there')
    and (calls.run_id = planned.run_id or (
        planned.outputsize = 'full' and calls.outputsize = 'full' and calls.requested_at > runs.planned_at))
)"""
TOO_LARGE_FOR_KAFKA = """(
    calls.run_id = planned.run_id and calls.symbol = planned.symbol and calls.function = %(function)s
    and calls.outcome = 'failed' and calls.error like %(too_large)s
)"""

Kind = Literal["daily", "history"]


@dataclass(frozen=True)
class PlannedCall:
    """One symbol of a plan. `last_bar`: the newest bar that was known; `session`: the newest session that its market
    had closed, None where no calendar tells; `awaited`: nobody in it had a bar of that session yet. `asks_splits`: its
    splits are asked for too, before. `follows_compact`: the run has the symbol's compact answer already."""

    symbol: str
    outputsize: str
    reason: str
    last_bar: date | None = None
    session: date | None = None
    awaited: bool = False
    asks_splits: bool = False
    follows_compact: bool = False


@dataclass(frozen=True)
class Estimate:
    """What a run costs: `calls` needed, `left` of the day's budget (None: no limit), pace, and when it would end: today
    where the day reaches, else after as many days as it takes (`days`)."""

    calls: int
    left: int | None
    calls_per_minute: float | None
    days: int
    ends_at: datetime

    def __str__(self) -> str:
        left = "no daily limit" if self.left is None else f"{self.left} left today"
        pace = "no pace set" if self.calls_per_minute is None else f"{self.calls_per_minute:,.0f} a minute"
        return f"{self.calls:,} calls needed, {left}, {pace}: ends about {self.ends_at:%Y-%m-%d %H:%M} UTC" + (
            f", on day {self.days}" if self.days > 1 else ""
        )


def estimate(calls: int, limits: Limits, budget: BudgetState, now: datetime) -> Estimate:
    """How long `calls` take at the plan's pace, from `now` on, with what is left of today and whole days after it.

    A plan without a daily limit has nothing left where the API says that the day is spent: all waits for the next one.
    """
    pace = limits.calls_per_minute
    minutes = calls / pace if pace else 0.0
    if budget.left is None or calls <= budget.left:
        return Estimate(calls, budget.left, pace, 1, now + timedelta(minutes=minutes))
    if not limits.per_day:
        return Estimate(calls, budget.left, pace, 2, budget.resets_at + timedelta(minutes=minutes))
    whole_days, last_calls = divmod(calls - budget.left, limits.per_day)
    days = whole_days + (1 if last_calls else 0)
    last_minutes = (last_calls or limits.per_day) / pace if pace else 0.0
    begins = budget.resets_at + timedelta(days=days - 1)
    return Estimate(calls, budget.left, pace, days + 1, begins + timedelta(minutes=last_minutes))


def write_plan(
    warehouse: Connection, run_id: str, kind: Kind, market_date: date, calls: Sequence[PlannedCall], cost: Estimate
) -> None:
    """Write the plan down; a retry of the planning task replaces it. Plans older than KEPT_PLANS go."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            "delete from market.planned_calls as planned using market.ingest_runs as runs "
            "where runs.run_id = planned.run_id and (runs.run_id = %s or runs.planned_at < now() - %s)",
            (run_id, KEPT_PLANS),
        )
        cursor.execute(
            """insert into market.ingest_runs as planned
                (run_id, kind, market_date, symbols, calls_needed, calls_left, calls_per_minute, expected_end)
            values (%s, %s, %s, %s, %s, %s, %s, %s)
            on conflict (run_id) do update set
                symbols = excluded.symbols, calls_needed = excluded.calls_needed, calls_left = excluded.calls_left,
                calls_per_minute = excluded.calls_per_minute, expected_end = excluded.expected_end,
                planned_at = clock_timestamp(), ended_at = null, note = null""",
            (
                run_id,
                kind,
                market_date,
                len(calls),
                cost.calls,
                cost.left,
                cost.calls_per_minute,
                cost.ends_at,
            ),
        )
        columns = "run_id, position, symbol, outputsize, reason, last_bar, session, awaited, asks_splits"
        rows = io.StringIO()
        csv.writer(rows).writerows(
            (
                run_id,
                position,
                each.symbol,
                each.outputsize,
                each.reason,
                each.last_bar,
                each.session,
                each.awaited,
                each.asks_splits,
            )
            for position, each in enumerate(calls)
        )
        rows.seek(0)
        cursor.copy_expert(f"copy market.planned_calls ({columns}) from stdin with (format csv)", rows)


def chunks(symbols: int, limits: Limits) -> list[tuple[int, int]]:
    """(first, behind the last) position of each chunk: at most CHUNK_SYMBOLS and CHUNK_MINUTES of calls."""
    pace = limits.calls_per_minute
    size = min(CHUNK_SYMBOLS, max(math.floor(pace * CHUNK_MINUTES / CALLS_A_SYMBOL), 1)) if pace else CHUNK_SYMBOLS
    return [(start, min(start + size, symbols)) for start in range(0, symbols, size)][:MOST_CHUNKS]


def pull_whole(warehouse: Connection, run_id: str, symbols: Sequence[str], reason: str) -> int:
    """Plan the full history in the place of the compact one for those of `symbols` that had a full one before."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            """update market.planned_calls as planned set outputsize = 'full', reason = %s
            where run_id = %s and symbol = any(%s) and outputsize = 'compact' and exists (
                select from market.api_calls as calls
                where calls.symbol = planned.symbol and calls.function = %s and calls.outputsize = 'full'
                    and calls.outcome = 'published')""",
            (reason, run_id, list(symbols), FUNCTION),
        )
        return cursor.rowcount


def unsettled(warehouse: Connection, run_id: str, first: int = 0, until: int | None = None) -> list[PlannedCall]:
    """The planned calls from position `first` to before `until` that have no answer yet, in their order.

    A full answer that another run has got since the plan was written counts as well: a backfill of days and the daily
    run beside it do not buy the same history. Left out is what this run found to be too large for Kafka: each try would
    buy it again, and fail the chunk for all its other symbols.
    """
    with warehouse.cursor() as cursor:
        cursor.execute(
            f"""select symbol, outputsize, reason, last_bar, session, awaited, asks_splits
            from market.planned_calls as planned
            inner join market.ingest_runs as runs using (run_id)
            where run_id = %(run)s and position >= %(first)s and position < coalesce(%(until)s, 2147483647)
                and not exists (select from market.api_calls as calls where {ANSWERS_PLANNED})
                and not exists (select from market.api_calls as calls where {TOO_LARGE_FOR_KAFKA})
            order by position""",  # noqa: S608 (words of our own)
            {"run": run_id, "first": first, "until": until, "function": FUNCTION, "too_large": f"{TOO_LARGE}:%"},
        )
        return [PlannedCall(*row) for row in cursor.fetchall()]
