"""What the tasks of tend_warehouse do."""

from __future__ import annotations

from airflow.sdk import get_current_context

from hedge_master.orchestration.connections import warehouse
from hedge_master.settings import load_settings
from hedge_master.warehouse import upkeep


def prune_records() -> dict[str, int]:
    """Delete what nothing asks for any more; table -> rows. By the scheduler's clock, which the records have too: that
    of a sample market may stand in 2020."""
    with warehouse() as connection:
        return upkeep.prune(connection, load_settings(), get_current_context()["dag_run"].run_after)


def refresh_statistics() -> bool:
    """Let the planner know how many prices there are; whether it was due."""
    with warehouse() as connection:
        return upkeep.refresh_statistics(connection)
