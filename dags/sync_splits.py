"""Ask for the splits of symbols, those first that were asked for longest ago.

**What it does.** Makes `market.splits` what SPLITS says, symbol by symbol. A split that is new, another one or gone
marks all weeks of its symbol; the models are built anew, and the next daily run pulls the symbol's full history where
it had one. The daily run asks too: for every symbol on a plan without a daily budget, else only where a price jumped.
So this DAG is for a free key's quiet day, and for a doubt about one symbol.

**What it costs.** One call a symbol, which a free key may make too; never more than *at most*.

**When it fails.** Run it again: it goes on with the symbols that have no answer yet. More than 5% failed calls fail the
run; see `market.api_calls` for what the API said. `report_left` is skipped, with a note, where symbols are left: the
limit or the day's calls did not reach, and the next run begins with them.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

from hedge_master.alerts.notifier import RunFailed
from hedge_master.orchestration.wiring import API_POOL, DEFAULTS, PRICES_MERGED, START, Tag

with DAG(
    dag_id="sync_splits",
    description="Splits of all symbols, the stalest first, or of given ones",
    doc_md=__doc__,
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    on_failure_callback=RunFailed(),
    tags=[Tag.INGESTION, Tag.ON_DEMAND],
    params={
        "symbols": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "minLength": 1},
            title="Symbols",
            description="One a line. Leave empty for every symbol that trades.",
        ),
        "limit": Param(
            100,
            type="integer",
            minimum=1,
            maximum=100_000,
            title="At most",
            description="The most symbols to ask for, one call each.",
        ),
    },
):

    @task(pool=API_POOL)
    def sync_stalest(params: dict) -> dict[str, int]:
        from hedge_master.orchestration import reference_tasks

        return reference_tasks.sync_splits(params)

    @task(outlets=[PRICES_MERGED])
    def announce_changes(counts: dict) -> str:
        from hedge_master.orchestration import reference_tasks

        return reference_tasks.announce_changes(counts)

    @task
    def report_left(counts: dict) -> str:
        from hedge_master.orchestration import reference_tasks

        return reference_tasks.report_left(counts)

    synced = sync_stalest()
    announce_changes(synced)
    report_left(synced)
