"""Let go of records that nothing asks for any more, and tell the planner how much the prices have grown.

**What it does.** Each night `prune_records` deletes calls of the API behind a newer one of the same kind
(HM_KEEP_CALLS_DAYS) and rejections that are resolved or closed (HM_KEEP_RESOLVED_DAYS). Prices, what they were before
a correction, open rejections and the account of each batch stay for ever. `refresh_statistics` analyses the table of
all prices, which autovacuum does not.

**What it costs.** No call to the API; seconds of the warehouse, the first time after years some minutes.

**When it fails.** Nothing is lost: the records stay a day longer. Run it again: safe at any time, after a kill too.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable, task

from hedge_master.alerts.notifier import RunFailed
from hedge_master.orchestration.wiring import DEFAULTS, Tag

with DAG(
    dag_id="tend_warehouse",
    description="Old records go, statistics of the prices are renewed",
    doc_md=__doc__,
    # No start date: the first run is the next night. Switched on by itself: nobody misses it until the disk is full.
    schedule=CronTriggerTimetable("50 4 * * *", timezone="Etc/UTC"),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    on_failure_callback=RunFailed(),
    tags=[Tag.DAILY],
):

    @task
    def prune_records() -> dict[str, int]:
        from hedge_master.orchestration import upkeep_tasks

        return upkeep_tasks.prune_records()

    @task
    def refresh_statistics() -> bool:
        from hedge_master.orchestration import upkeep_tasks

        return upkeep_tasks.refresh_statistics()

    prune_records() >> refresh_statistics()
