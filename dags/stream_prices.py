"""Read what the producers published, keep what is new or changed, convert it to USD, and store it.

**What it does.** Runs `spark_jobs/stream_prices.py`: both topics from the offsets that the warehouse holds to their
end. Rows and offsets move in one transaction, so a retry, a kill or a second run loses and doubles nothing. Impossible
rows go to `market.rejections` with their reason, each once, however often it is delivered; the accounts of each batch
are in `market.ingest_batches`. A payload that is known byte by byte is counted and not read again.

**When it starts.** When either producer has published ("0 of 2 assets updated" is normal at rest). One run at a time. A
run that finds nothing unread is skipped, and no models are built for it.

**When it fails.** Run it again. "MessagesLost" in the log means that Kafka no longer holds messages that were not read;
it names the symbols. `hm stream accept-loss --yes` lets go of them, and the next runs ask the API for them again.
"""

from __future__ import annotations

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG, task

from hedge_master.alerts.notifier import RunFailed
from hedge_master.orchestration.spark_driver import driver_options
from hedge_master.orchestration.wiring import (
    DAILY_PRICES_PUBLISHED,
    DEFAULTS,
    DRIVER_OPTIONS,
    PRICE_HISTORY_PUBLISHED,
    PRICES_MERGED,
    SPARK_CONF,
    START,
    Tag,
)
from hedge_master.settings import REPO_ROOT, load_settings

settings = load_settings()

with DAG(
    dag_id="stream_prices",
    description="Kafka to the warehouse: new and changed prices, in USD",
    doc_md=__doc__,
    schedule=(PRICE_HISTORY_PUBLISHED | DAILY_PRICES_PUBLISHED),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    on_failure_callback=RunFailed(),
    tags=[Tag.STREAM],
    user_defined_macros={"driver_options": driver_options},
):

    @task.short_circuit
    def has_unread_messages() -> dict[str, int] | None:
        from hedge_master.orchestration import tasks

        return tasks.unread_messages()

    has_unread_messages() >> SparkSubmitOperator(
        task_id="merge_prices",
        conn_id="hm_spark",
        application=str(REPO_ROOT / "spark_jobs" / "stream_prices.py"),
        application_args=["--run-id", "{{ dag_run.dag_id }}/{{ dag_run.run_id }}"],
        name="hedge_master stream_prices",
        jars=str(settings.spark_jars / "*.jar"),
        driver_memory=settings.spark_driver_memory,
        conf=SPARK_CONF | {DRIVER_OPTIONS: "{{ driver_options(ti.xcom_pull('has_unread_messages')) }}"},
        outlets=[PRICES_MERGED],
    )
