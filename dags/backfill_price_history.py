"""Fetch the full price history (20 years and more) of symbols that have none yet, a new split, or a gap.

**What it does.** Asks for splits and the full daily history of each symbol, publishes the raw answers to
`market-data.price-history.v1`, and waits until the broker confirmed each. The stream starts when a chunk is published.

**What it costs.** Two calls a symbol (SPLITS, TIME_SERIES_DAILY full; the second needs a paid plan). A confirmed answer
is never bought again unless *refresh* is set. A *dry run* says how many calls would be made and how long they take, in
the log of `plan_calls`, and makes none. Calls go out within the budget that all runs share; the daily run goes first.

**When it fails.** Run it again: it goes on with what is missing, also after a kill. Where the day's budget is spent,
`conclude_run` is *skipped* and says how many are left. "FullHistoryIsPremium": the plan has no full histories. What
each message means: docs/runbook.md; what the API said: `market.api_calls`.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

from hedge_master.alerts.notifier import RunFailed
from hedge_master.orchestration.publishing import publish_planned
from hedge_master.orchestration.wiring import DEFAULTS, PRICE_HISTORY_PUBLISHED, START, Tag

with DAG(
    dag_id="backfill_price_history",
    description="Full histories of symbols that have none, into Kafka",
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
            description="One a line. Leave empty for every symbol that has no history yet.",
        ),
        "refresh": Param(
            False,
            type="boolean",
            title="Refresh",
            description="Fetch symbols again that have their history already. Costs two calls each.",
        ),
        "regions": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "minLength": 1},
            title="Regions",
            description="One a line, as the API names them (United States, XETRA). Empty: all.",
        ),
        "currencies": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "pattern": "^[A-Za-z]{3}$"},
            title="Currencies",
            description="One a line, as quoted (USD, GBX). Empty: all.",
        ),
        "types": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "minLength": 1},
            title="Types",
            description="One a line (Equity, Stock, ETF). Empty: all.",
        ),
        "limit": Param(
            0,
            type="integer",
            minimum=0,
            maximum=100_000,
            title="At most",
            description="The most calls to make: two a symbol, prices and splits; 0 is no limit.",
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Only say what would be asked, what it costs and how long it takes.",
        ),
    },
):

    @task
    def plan_calls(params: dict) -> dict:
        from hedge_master.orchestration import tasks

        return tasks.plan_history(params)

    publish_planned(plan_calls(), PRICE_HISTORY_PUBLISHED, urgent=False)
