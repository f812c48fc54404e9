"""Judge refused rows and messages once more, after a fix: by reason, symbol or batch.

**What it does.** Runs `spark_jobs/redrive_rejected.py` over the open rejections of `market.rejections`. Rows are judged
from their own JSON, which is kept for ever; a message that was refused whole, or a row whose rule asks for the whole
message, is read from Kafka again. What passes is stored under the rule of the newest answer, so an old row never undoes
a newer price, and its rejection is marked resolved. What is refused again stays open and counts as seen no more often.
A message that Kafka has deleted stays open and says so: ask for the symbol again with *refresh* in
`backfill_price_history`, and then `hm rejected close` it. Safe to run again, and beside the stream. The ranking is
built anew where prices came in, also by a run that failed behind them.

**When to run it.** After a fix: `sync_symbols` has learned a symbol (`unknown_symbol`), a rule was mended. `hm rejected
list` counts what is open for which reason, `hm rejected redrive` starts this DAG from a terminal.

**What it costs.** No call to the API; a start of Spark. Skipped where nothing is open.

**When it fails.** Run it again: each merge stands by itself, so it goes on with what is left. All rows are driven
before Kafka is asked; the log of `redrive_rows` says for each topic what kept its messages from being read. "does not
hold, and has not deleted": the topic has lost its end, see `hm stream accept-loss`.
"""

from __future__ import annotations

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Param, TriggerRule, task

from hedge_master.alerts.notifier import RunFailed
from hedge_master.orchestration.wiring import DEFAULTS, PRICES_MERGED, SPARK_CONF, START, Tag
from hedge_master.settings import REPO_ROOT, load_settings

settings = load_settings()

with DAG(
    dag_id="redrive_rejected",
    description="Refused rows and messages, judged once more after a fix",
    doc_md=__doc__,
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    on_failure_callback=RunFailed(),
    tags=[Tag.STREAM, Tag.ON_DEMAND],
    params={
        "reason": Param(
            None,
            type=["null", "string"],
            pattern="^[a-z_]*$",
            maxLength=100,
            title="Reason",
            description="As `hm rejected list` names it (unknown_symbol). Empty: any.",
        ),
        "symbol": Param(
            None,
            type=["null", "string"],
            maxLength=100,
            title="Symbol",
            description="As the API names it. Empty: any.",
        ),
        "batch": Param(
            0,
            type="integer",
            minimum=0,
            maximum=2**53,
            title="Batch",
            description="Only what this batch of market.ingest_batches refused first or last; 0: any.",
        ),
        "limit": Param(
            50_000,
            type="integer",
            minimum=1,
            maximum=200_000,
            title="At most",
            description="No further message is begun after so many rejections; run it again for the rest.",
        ),
    },
):

    @task.short_circuit
    def has_rejections(params: dict) -> bool:
        from hedge_master.orchestration import redrive_tasks

        return redrive_tasks.has_rejections(params)

    redrive_rows = SparkSubmitOperator(
        task_id="redrive_rows",
        conn_id="hm_spark",
        application=str(REPO_ROOT / "spark_jobs" / "redrive_rejected.py"),
        application_args=[
            "--run-id={{ dag_run.dag_id }}/{{ dag_run.run_id }}",
            "--reason={{ params.reason or '' }}",
            "--symbol={{ params.symbol or '' }}",
            "--batch={{ params.batch | int }}",
            "--limit={{ params.limit | int }}",
        ],
        name="hedge_master redrive_rejected",
        driver_memory=settings.spark_driver_memory,
        conf=SPARK_CONF,
    )

    # Also behind a job that failed: what it had stored by then is announced all the same.
    @task(trigger_rule=TriggerRule.ALL_DONE)
    def report_redriven(params: dict) -> dict[str, int]:
        from hedge_master.orchestration import redrive_tasks

        return redrive_tasks.report_redriven(params)

    @task(outlets=[PRICES_MERGED])
    def announce_merged(became: dict) -> str:
        from hedge_master.orchestration import redrive_tasks

        return redrive_tasks.announce_merged(became)

    # The one end, which fails with the job: the tasks behind it may be green or skipped.
    conclude_run = EmptyOperator(task_id="conclude_run", trigger_rule=TriggerRule.NONE_FAILED)

    reported = report_redriven()
    has_rejections() >> redrive_rows >> reported
    [redrive_rows, announce_merged(reported)] >> conclude_run
