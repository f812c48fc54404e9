"""Fetch today's prices (the latest 100 days) of every symbol that trades.

**What it does.** Every evening after the US close (HM_DAILY_SCHEDULE_TIME, 22:25, in HM_DAILY_SCHEDULE_TIMEZONE, UTC):
learns which symbols exist, loads new exchange rates and splits, asks for the compact answer of each active symbol,
publishes the raw answers to `market-data.daily-prices.v1`, and waits until the broker confirmed each. The stream keeps
what is new or changed.

**With the sample market** its clock moves on by one trading day first: at the run of the schedule, or where a run is
started with *next market day* (which is what `make next-day` does). A run that makes up for one that was missed while
the stack was down, more than an hour late, leaves the clock where it stands.

**What it costs.** Two calls for the listings, one for each search keyword, and two a symbol (SPLITS,
TIME_SERIES_DAILY compact). Symbols with the oldest last bar go first.

**When it fails.** Run it again, safe at any time. "calls brought nothing to publish" means that the API refused every
call: see `market.api_calls`; an outage of less than 100 trading days is caught up by the next run.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

from hedge_master.orchestration.publishing import publish_planned, sync_known_symbols
from hedge_master.orchestration.wiring import DAILY_PRICES_PUBLISHED, DEFAULTS, Tag, daily_after_us_close

with DAG(
    dag_id="produce_daily_prices",
    description="Latest prices of all active symbols, into Kafka",
    doc_md=__doc__,
    schedule=daily_after_us_close(),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=[Tag.INGESTION, Tag.DAILY],
    params={
        "next_market_day": Param(
            False,
            type="boolean",
            title="Next market day",
            description="Sample market only: let one trading day go by first.",
        )
    },
):

    @task
    def start_market_day(params: dict) -> str:
        from hedge_master.orchestration import tasks

        return tasks.start_market_day(params)

    @task
    def plan_calls() -> dict:
        from hedge_master.orchestration import tasks

        return tasks.plan_daily()

    plan = plan_calls()
    sync_known_symbols(after=start_market_day()) >> plan
    publish_planned(plan, DAILY_PRICES_PUBLISHED, every_split=False, urgent=True)
