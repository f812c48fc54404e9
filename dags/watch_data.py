"""Tell whoever is on call when data are late, when the day's calls run out, and when more rows are rejected than usual.

**What it does.** Every half hour it reads the figures of the page "Hedge Master" and compares them with
HM_ALERT_LATE_SESSIONS, HM_ALERT_BUDGET_PERCENT and HM_ALERT_REJECTED_PERCENT. Messages go by mail (HM_ALERT_EMAIL_TO)
and to a webhook (HM_ALERT_WEBHOOK_URL), one for each cause; `market.alerts_sent` has what was told. While neither way
is set up, it is skipped. A failed run of another DAG is told by that DAG itself.

**What it costs.** No call to the API; a second of the warehouse.

**When it fails.** The mail server or the webhook did not take a message: the log says which. The next run tries again.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable, task

from hedge_master.alerts.notifier import RunFailed
from hedge_master.orchestration.wiring import DEFAULTS, Tag

with DAG(
    dag_id="watch_data",
    description="Late data, low budget, rejected rows: a message for each cause",
    doc_md=__doc__,
    # No start date: the first run is the next half hour. Switched on by itself, since a watch that sleeps is none.
    schedule=CronTriggerTimetable("*/30 * * * *", timezone="Etc/UTC"),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    on_failure_callback=RunFailed(),
    tags=[Tag.INGESTION],
):

    @task
    def check_data() -> int:
        from hedge_master.orchestration import watch_tasks

        return watch_tasks.watch_data()

    check_data()
