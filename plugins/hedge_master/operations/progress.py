"""How far the publishing runs are, how fast they go, and when they will end, from the ledger alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from hedge_master.ingestion.budget import BudgetState
from hedge_master.ingestion.plan import FUNCTION

PACE_OVER = timedelta(minutes=5)
LEAST_MINUTES = 1 / 6  # a run that began a second ago has no pace to speak of
NEWEST_RUNS = 6

OUTCOMES = ("published", "stored", "nothing_there", "refused", "failed", "lost", "asked")

# Of each of the newest runs: its plan, what became of its calls, and how many were made in the newest PACE_OVER.
RUNS = f"""
select
    runs.run_id, runs.kind, runs.market_date, runs.planned_at, runs.ended_at, runs.symbols, runs.note,
    row_number() over (partition by runs.kind order by runs.planned_at desc) > 1 as is_followed,
    made.*
from (select * from market.ingest_runs order by planned_at desc limit %(runs)s) as runs
cross join lateral (
    select
        count(distinct calls.symbol) filter (
            where calls.function = %(function)s and calls.outcome in ('published', 'nothing_there')
        ),
        coalesce(sum(greatest(calls.attempts - 1, 0)), 0)::integer,
        min(calls.requested_at),
        max(calls.finished_at),
        coalesce(sum(calls.attempts) filter (where calls.finished_at > %(now)s - %(over)s), 0)::integer,
        {", ".join(f"count(*) filter (where calls.outcome = '{outcome}')" for outcome in OUTCOMES)}
    from market.api_calls as calls
    where calls.run_id = runs.run_id
) as made
order by runs.planned_at desc
"""  # noqa: S608 (names of our own)


class State(StrEnum):
    """What a run is about. A run without an end is `waiting` (for the API's pool, a retry) until another one of its
    kind was planned: then it was given up."""

    RUNNING = "running"
    WAITING = "waiting"
    ENDED = "ended"
    GIVEN_UP = "given up"


@dataclass(frozen=True)
class RunProgress:
    """`answered` of `symbols` planned ones; `outcomes`: how many of its calls ended how; HTTP calls a minute over the
    newest PACE_OVER, and when it would end at that pace within the day's budget (None where it makes no calls)."""

    run_id: str
    kind: str
    market_date: date
    planned_at: datetime
    ended_at: datetime | None
    state: State
    symbols: int
    answered: int
    outcomes: dict[str, int]
    retries: int
    last_call: datetime | None
    calls_per_minute: float
    ends_at: datetime | None
    note: str | None

    def __str__(self) -> str:
        ends = "no end in sight" if self.ends_at is None else f"ends about {self.ends_at:%Y-%m-%d %H:%M} UTC"
        return (
            f"{self.answered:,} of {self.symbols:,} symbols answered, {self.calls_per_minute:,.0f} calls a minute, "
            f"{self.retries:,} retries, {ends}"
        )


def recent_runs(cursor: Cursor, budget: BudgetState, calls_per_day: int, now: datetime) -> list[RunProgress]:
    """The NEWEST_RUNS publishing runs, newest first."""
    cursor.execute(RUNS, {"runs": NEWEST_RUNS, "function": FUNCTION, "now": now, "over": PACE_OVER})
    return [_run(row, budget, calls_per_day, now) for row in cursor.fetchall()]


def line_of(warehouse: Connection, run_id: str, budget: BudgetState, calls_per_day: int) -> str:
    """One line on a run that is under way, for its log: what the page shows of it. Leaves no transaction open, so that
    `warehouse` must not be in one."""
    with warehouse, warehouse.cursor() as cursor:
        runs = recent_runs(cursor, budget, calls_per_day, datetime.now(UTC))
    return next((str(run) for run in runs if run.run_id == run_id), f"{run_id} is none of the newest runs")


def end_at_pace(
    calls: int, calls_per_minute: float, budget: BudgetState, calls_per_day: int, now: datetime
) -> datetime | None:
    """When `calls` more are made at a pace that was seen; None where there is none. What the day's budget leaves over
    waits for the next days: for the next one alone where `calls_per_day` is 0, no limit, and the API refused today."""
    if not calls_per_minute:
        return None
    if budget.left is None or calls <= budget.left:
        return now + timedelta(minutes=calls / calls_per_minute)
    behind_today = calls - budget.left
    days = math.ceil(behind_today / calls_per_day) if calls_per_day else 1
    last_calls = behind_today - (days - 1) * calls_per_day
    return budget.resets_at + timedelta(days=days - 1, minutes=last_calls / calls_per_minute)


def _run(row: tuple[Any, ...], budget: BudgetState, calls_per_day: int, now: datetime) -> RunProgress:
    run_id, kind, market_date, planned_at, ended_at, symbols, note, is_followed, *made = row
    answered, retries, first_call, last_call, recent, *counts = made
    pace = 0.0
    if recent and ended_at is None:
        seconds = (now - max(first_call, now - PACE_OVER)).total_seconds()
        pace = recent / max(seconds / 60, LEAST_MINUTES)
    if ended_at is not None:
        state = State.ENDED
    elif recent:
        state = State.RUNNING
    else:
        state = State.GIVEN_UP if is_followed else State.WAITING
    return RunProgress(
        run_id,
        kind,
        market_date,
        planned_at,
        ended_at,
        state,
        symbols,
        answered,
        {outcome: count for outcome, count in zip(OUTCOMES, counts, strict=True) if count},
        retries,
        last_call,
        pace,
        end_at_pace(symbols - answered, pace, budget, calls_per_day, now),
        note,
    )
