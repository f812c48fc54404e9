"""Fetch the latest prices of every symbol whose market has closed a session since its last bar.

**What it does.** Every evening after the US close (HM_DAILY_SCHEDULE_TIME, 22:25, in HM_DAILY_SCHEDULE_TIMEZONE, UTC):
learns which symbols exist, plans which to ask (exchange calendars; a bar that was not final is asked again), loads new
exchange rates and splits, asks for compact answers (the latest 100 days), publishes them raw to
`market-data.daily-prices.v1`, and waits until the broker confirmed each. The stream keeps what is new or changed. A
symbol with a gap, a new split or no history gets its full answer instead, at most 500 a run, where the plan has it.

**With the sample market** its clock moves on by one trading day first: at the run of the schedule, or where a run is
started with *next market day* (which is what `make next-day` does). A run that makes up for one that was missed while
the stack was down, more than an hour late, leaves the clock where it stands.

**What it costs.** Two calls for the listings, one for each search keyword, and two a symbol (SPLITS,
TIME_SERIES_DAILY). On a plan with a daily budget the listings and searches weekly, SPLITS only after a jump.
`plan_calls` logs calls needed, calls left and when it ends. Symbols whose last answer is oldest go first. A budget that
is spent ends the run with `conclude_run` *skipped* and a note how many are left; the next run goes on with them.

**When it fails.** Run it again, safe at any time: nothing that was confirmed is bought twice. "none of the answers
holds that session's bar" means that the API still serves the day before. An outage of any length is caught up by the
next run. What each message means: docs/runbook.md; what the API said: `market.api_calls`.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

from hedge_master.alerts.notifier import RunFailed
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
    on_failure_callback=RunFailed(),
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
    listed, searched = sync_known_symbols(after=start_market_day())
    searched >> plan
    publish_planned(plan, DAILY_PRICES_PUBLISHED, urgent=True, complaints=(listed, searched))
