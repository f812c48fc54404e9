"""Bring the exchange rates up to date, and with them every USD close that a new or corrected rate reaches.

**What it does.** Loads the European Central Bank's reference rates up to the market date: its small daily file where
nothing is missing before it, else its whole history, which fills a gap of any length. Then asks FX_DAILY for what the
bank lacks and stored prices need (currencies that it does not quote, or quoted later than the first price). The daily
run and the backfill do the same first; this DAG is for rates alone. Where a USD close is another one, the models are
built anew.

**What it costs.** No call for the bank's files. One call for each currency that the bank lacks and each market day; on
a plan with a daily budget one in five market days, at most 5 a run. A plan without full histories gets the newest 100
days only.

**When it fails.** Run it again: safe at any time. "HM_ECB_RATES_URL" in the log means that the bank's file could not be
had: look at the address, or name a mirror in the setting. `report_left` fails where calls for a currency failed: its
bars say "no rate for ..." beside their empty USD close until a later run fills them. See `market.api_calls` for what
the API said. *Whole history* finds what the bank corrected of late; else that is found with each week's first run.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

from hedge_master.alerts.notifier import RunFailed
from hedge_master.orchestration.wiring import API_POOL, DEFAULTS, PRICES_MERGED, START, Tag

with DAG(
    dag_id="sync_fx_rates",
    description="Exchange rates of the ECB, and FX_DAILY for what it lacks",
    doc_md=__doc__,
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    on_failure_callback=RunFailed(),
    tags=[Tag.INGESTION, Tag.ON_DEMAND],
    params={
        "whole_history": Param(
            False,
            type="boolean",
            title="Whole history",
            description="Read the bank's whole history (500 kB) even where its daily file would do.",
        )
    },
):

    @task(pool=API_POOL)
    def sync_rates(params: dict) -> dict[str, int]:
        from hedge_master.orchestration import reference_tasks

        return reference_tasks.sync_rates(whole_history=params["whole_history"])

    @task(outlets=[PRICES_MERGED])
    def announce_changes(counts: dict) -> str:
        from hedge_master.orchestration import reference_tasks

        return reference_tasks.announce_changes(counts)

    @task
    def report_left(counts: dict) -> str:
        from hedge_master.orchestration import reference_tasks

        return reference_tasks.report_left(counts, most_failed=0)

    synced = sync_rates()
    announce_changes(synced)
    report_left(synced)
