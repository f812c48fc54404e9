"""What became of a publishing run: how much of its plan is left, and whether it brought anything new."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.budget import BudgetState
from hedge_master.ingestion.plan import FUNCTION


class NothingNew(RuntimeError):
    """Markets have closed a session, their symbols were asked for, and not one bar of it came."""


@dataclass(frozen=True)
class Outcome:
    """`left` of `planned` symbols have no answer in the run. Of the answered ones `awaited` were to bring the bar of a
    session that their markets have closed and of which nobody had one; `came` is how many did."""

    planned: int
    left: int
    awaited: int
    came: int

    def note(self, budget: BudgetState) -> str:
        """One line for the operator: what is left and when it goes on."""
        if not self.left:
            return f"all {self.planned:,} symbols answered, {self.came:,} of {self.awaited:,} awaited bars came"
        reset = f"{budget.resets_at:%Y-%m-%d %H:%M} UTC"
        return f"{self.left:,} of {self.planned:,} left, budget resets at {reset}"


def conclude(warehouse: Connection, run_id: str, budget: BudgetState) -> Outcome:
    """Close the run's line in market.ingest_runs. Raises NothingNew, after the line was written (the caller commits
    before it is raised, since the connection commits here)."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            """select
                count(*),
                count(*) filter (where answered.symbol is null),
                count(*) filter (where planned.awaited and answered.symbol is not null),
                count(*) filter (where planned.awaited and answered.last_bar >= planned.session)
            from market.planned_calls as planned
            left join lateral (
                select calls.symbol, calls.last_bar from market.api_calls as calls
                where calls.run_id = planned.run_id and calls.symbol = planned.symbol and calls.function = %s
                    and calls.outcome in ('published', 'nothing_there')
                order by calls.last_bar desc nulls last limit 1
            ) as answered on true
            where planned.run_id = %s""",
            (FUNCTION, run_id),
        )
        outcome = Outcome(*(cursor.fetchone() or (0, 0, 0, 0)))
        cursor.execute(
            "update market.ingest_runs set ended_at = clock_timestamp(), note = %s where run_id = %s",
            (outcome.note(budget), run_id),
        )
    warehouse.commit()
    if outcome.awaited and not outcome.came:
        raise NothingNew(
            f"{outcome.awaited:,} symbols whose markets have closed a session were answered, and none of the answers "
            "holds that session's bar: the API serves old data. Run it again later; nothing was lost"
        )
    return outcome
