"""Fetch today's prices (the latest 100 days) of every symbol that trades.

**What it does.** Every evening after the US close (HM_DAILY_SCHEDULE_TIME, 22:25, in HM_DAILY_SCHEDULE_TIMEZONE, UTC):
loads new exchange rates and splits, asks for the compact answer of
each active symbol, publishes the raw answers to `market-data.daily-prices.v1`, and waits until the broker confirmed
each. The stream keeps what is new or changed.

**What it costs.** Two calls a symbol (SPLITS, TIME_SERIES_DAILY compact). Symbols with the oldest last bar go first.

**When it fails.** Run it again, safe at any time. "calls brought nothing to publish" means that the API refused every
call: see `market.api_calls`; an outage of less than 100 trading days is caught up by the next run.
"""

from __future__ import annotations

from airflow.sdk import DAG, task

from hedge_master.orchestration.publishing import publish_planned
from hedge_master.orchestration.wiring import DAILY_PRICES_PUBLISHED, DEFAULTS, Tag, daily_after_us_close, daily_start

with DAG(
    dag_id="produce_daily_prices",
    description="Latest prices of all active symbols, into Kafka",
    doc_md=__doc__,
    schedule=daily_after_us_close(),
    start_date=daily_start(),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=[Tag.INGESTION, Tag.DAILY],
):

    @task
    def plan_calls() -> dict:
        from hedge_master.orchestration import tasks

        return tasks.plan_daily()

    publish_planned(plan_calls(), "compact", DAILY_PRICES_PUBLISHED)
