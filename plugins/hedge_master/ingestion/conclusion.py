"""What became of a publishing run: how much of its plan is left, and whether it brought anything new."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.budget import BudgetState
from hedge_master.ingestion.ledger import MOST_FAILED_SHARE, TOO_LARGE
from hedge_master.ingestion.plan import ANSWERS_PLANNED, FUNCTION

# What became of each planned symbol.
OUTCOME = f"""
select
    count(*),
    count(*) filter (where answered.symbol is null),
    count(*) filter (where answered.symbol is null and failed.symbol is not null),
    count(*) filter (where planned.awaited and answered.symbol is not null),
    count(*) filter (where planned.awaited and answered.last_bar >= planned.session)
from market.planned_calls as planned
inner join market.ingest_runs as runs using (run_id)
left join lateral (
    select calls.symbol, calls.last_bar from market.api_calls as calls
    where {ANSWERS_PLANNED}
    order by calls.last_bar desc nulls last limit 1
) as answered on true
left join lateral (
    select calls.symbol from market.api_calls as calls
    where calls.run_id = planned.run_id and calls.symbol = planned.symbol and calls.function = %(function)s
        and (calls.outcome = 'failed' or (calls.outcome = 'refused' and calls.error not like 'DailyLimitReached%%'))
    limit 1
) as failed on true
where planned.run_id = %(run)s
"""  # noqa: S608 (words of our own)


class NothingNew(RuntimeError):
    """Markets have closed a session, their symbols were asked for, and not one bar of it came."""


class TooManyFailed(RuntimeError):
    """More of the asked symbols failed than a good run may have, or all of them."""


class NotDelivered(RuntimeError):
    """Kafka does not take the answer of a symbol: it is larger than a message may be. The others were published."""


@dataclass(frozen=True)
class Outcome:
    """`left` of `planned` symbols have no answer, and of these the calls of `failed` went wrong. Of the answered ones
    `awaited` were to bring the bar of a session that their markets have closed and of which nobody had one; `came` is
    how many did."""

    planned: int
    left: int
    failed: int
    awaited: int
    came: int

    def note(self, budget: BudgetState) -> str:
        """One line for the operator: what is left and when it goes on."""
        if not self.planned:
            return "nothing was missing"
        if not self.left:
            return f"all {self.planned:,} symbols answered, {self.came:,} of {self.awaited:,} awaited bars came"
        failed = f", {self.failed:,} of them failed" if self.failed else ""
        reset = f"budget resets at {budget.resets_at:%Y-%m-%d %H:%M} UTC"
        goes_on = reset if budget.left == 0 else "the next run goes on"
        return f"{self.left:,} of {self.planned:,} left{failed}, {goes_on}"


def conclude(warehouse: Connection, run_id: str, budget: BudgetState) -> Outcome:
    """Close the run's line in market.ingest_runs, and commit; then raise NotDelivered, TooManyFailed or NothingNew
    where the run was no good one."""
    with warehouse.cursor() as cursor:
        cursor.execute(OUTCOME, {"function": FUNCTION, "run": run_id})
        outcome = Outcome(*(cursor.fetchone() or (0, 0, 0, 0, 0)))
        cursor.execute(
            "update market.ingest_runs set ended_at = clock_timestamp(), note = %s where run_id = %s",
            (outcome.note(budget), run_id),
        )
        cursor.execute(
            """select error from market.api_calls
            where run_id = %s and outcome = 'failed' and error like %s order by symbol""",
            (run_id, f"{TOO_LARGE}:%"),
        )
        too_large = [error for (error,) in cursor.fetchall()]
    warehouse.commit()
    if too_large:
        raise NotDelivered(f"{outcome.note(budget)}: {len(too_large)} too large for Kafka: {too_large[0]}")
    answered = outcome.planned - outcome.left
    if outcome.failed and outcome.failed > MOST_FAILED_SHARE * (answered + outcome.failed):
        raise TooManyFailed(f"{outcome.note(budget)}: see market.api_calls for what the API said")
    if outcome.awaited and not outcome.came:
        raise NothingNew(
            f"{outcome.awaited:,} symbols whose markets have closed a session were answered, and none of the answers "
            "holds that session's bar: the API serves old data. Run it again later; nothing was lost"
        )
    return outcome
