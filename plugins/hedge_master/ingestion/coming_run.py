"""What a publishing run asks for, and what that costs: the same for the run itself and for those who only want to know.
Makes no call and writes nothing down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from psycopg2.extensions import connection as Connection

from hedge_master.ingestion import daily_plan, history_plan, splits
from hedge_master.ingestion.budget import BudgetState, Limits
from hedge_master.ingestion.history_plan import Choice
from hedge_master.ingestion.plan import Estimate, PlannedCall, estimate
from hedge_master.markets.sessions import ClosedSession, closed_sessions

EVERYTHING = Choice()


class TooFewCalls(ValueError):
    """The limit of calls does not reach for a single symbol."""


@dataclass(frozen=True)
class ComingRun:
    """The calls for prices in the order of asking, and what they cost together with those for splits.

    `unsure`: the markets all of whose symbols are asked because no calendar tells, and why.
    """

    calls: Sequence[PlannedCall]
    cost: Estimate
    unsure: Sequence[tuple[str, ClosedSession]] = ()

    @property
    def split_calls(self) -> int:
        """How many more calls there are for splits."""
        return sum(call.asks_splits for call in self.calls)


def coming_daily(warehouse: Connection, moment: datetime, limits: Limits, budget: BudgetState) -> ComingRun:
    """What produce_daily_prices would ask for now, the stalest symbol first; `moment` is the market's own."""
    closed = closed_sessions(moment, daily_plan.regions(warehouse))
    calls = daily_plan.plan_daily(warehouse, closed, daily_plan.full_is_allowed(warehouse, limits.per_day > 0))
    unsure = [(region, session) for region, session in closed.items() if session.unsure]
    return _run(_with_splits(warehouse, calls, budget), limits, budget, unsure)


def coming_history(
    warehouse: Connection, limits: Limits, budget: BudgetState, choice: Choice = EVERYTHING, most_calls: int = 0
) -> ComingRun:
    """What backfill_price_history would ask for, with its form filled in as `choice` and `most_calls` in all, those for
    splits included (0: no limit).

    Raises UnknownSymbols; TooFewCalls where `most_calls` does not reach for the first symbol.
    """
    calls = _with_splits(warehouse, history_plan.plan_history(warehouse, choice), budget)
    if most_calls:
        calls = _within(calls, most_calls)
    return _run(calls, limits, budget)


def _with_splits(warehouse: Connection, calls: Sequence[PlannedCall], budget: BudgetState) -> list[PlannedCall]:
    """The same calls, with those marked whose splits are worth one more."""
    due = set(splits.due(warehouse, [call.symbol for call in calls], budget.left))
    return [replace(call, asks_splits=True) if call.symbol in due else call for call in calls]


def _within(calls: Sequence[PlannedCall], most_calls: int) -> list[PlannedCall]:
    """As many of `calls` as `most_calls` reach for: one each, and one more for splits."""
    kept: list[PlannedCall] = []
    spent = 0
    for call in calls:
        spent += 2 if call.asks_splits else 1
        if spent > most_calls:
            break
        kept.append(call)
    if calls and not kept:
        raise TooFewCalls(f"limit: {most_calls} call is too few: {calls[0].symbol} takes {spent}, prices and splits")
    return kept


def _run(
    calls: Sequence[PlannedCall],
    limits: Limits,
    budget: BudgetState,
    unsure: Sequence[tuple[str, ClosedSession]] = (),
) -> ComingRun:
    calls_in_all = len(calls) + sum(call.asks_splits for call in calls)
    return ComingRun(calls, estimate(calls_in_all, limits, budget, datetime.now(UTC)), unsure)
