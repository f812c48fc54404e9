"""What the next publishing runs would ask for, and what that costs. Makes no call and writes nothing down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg2.extensions import connection as Connection

from hedge_master.ingestion import daily_plan, history_plan, splits
from hedge_master.ingestion.budget import BudgetState, Limits
from hedge_master.ingestion.history_plan import Choice
from hedge_master.ingestion.plan import Estimate, PlannedCall, estimate
from hedge_master.markets.sessions import closed_sessions


@dataclass(frozen=True)
class ComingRun:
    """The calls for prices in the order of asking, how many more for splits, and what all of them cost together."""

    calls: Sequence[PlannedCall]
    split_calls: int
    cost: Estimate


def coming_daily(warehouse: Connection, moment: datetime, limits: Limits, budget: BudgetState) -> ComingRun:
    """What produce_daily_prices would ask for now, the stalest symbol first; `moment` is the market's own."""
    closed = closed_sessions(moment, daily_plan.regions(warehouse))
    calls = daily_plan.plan_daily(warehouse, closed, daily_plan.full_is_allowed(warehouse, limits.per_day > 0))
    split_calls = len(splits.due(warehouse, [call.symbol for call in calls], budget.left))
    return _run(calls, split_calls, limits, budget)


def coming_history(warehouse: Connection, limits: Limits, budget: BudgetState) -> ComingRun:
    """What backfill_price_history would ask for now, its form left empty: one call for splits with each history."""
    calls = history_plan.plan_history(warehouse, Choice())
    return _run(calls, len(calls), limits, budget)


def _run(calls: Sequence[PlannedCall], split_calls: int, limits: Limits, budget: BudgetState) -> ComingRun:
    cost = estimate(len(calls) + split_calls, limits, budget, datetime.now(UTC))
    return ComingRun(calls, split_calls, cost)
