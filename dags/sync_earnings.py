"""Learn when companies report: the calendar ahead, and the past dates of those whose newest report is old.

**What it does.** One call of EARNINGS_CALENDAR tells the expected reports of US companies; then EARNINGS is asked for
companies that were never asked, whose newest report is more than 80 days old, or whose expected day is over: those with
prices first, then those asked longest ago. All stands in `market.earnings`; what was believed before a date moved, a
figure was restated or a report withdrawn is kept in `market.earnings_revisions`.

**When it starts.** With a real API on Sundays at 12:00 UTC, once the DAG is switched on: few markets trade then, so
that its calls take none from the prices of the day. Never by itself with the sample market, whose clock would move on
with a scheduled run.

**What it costs.** One call for the calendar and one for each company, never more than *at most* in a run. A company is
asked about once a quarter.

**When it fails.** Run it again: it goes on with the companies that have no answer yet. More than 5% failed calls fail
the run; see `market.api_calls` for what the API said. `report_left` is skipped, with a note, where companies or
the calendar are left: the limit or the day's calls did not reach, and the next run begins with them.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable, Param, task

from hedge_master.alerts.notifier import RunFailed
from hedge_master.orchestration.wiring import API_POOL, DEFAULTS, Tag
from hedge_master.settings import load_settings

ON_SUNDAYS = CronTriggerTimetable("0 12 * * 0", timezone="Etc/UTC")

# No start date, as for the daily run: switched on, it waits for the next Sunday instead of making up for the last.
with DAG(
    dag_id="sync_earnings",
    description="When companies report: expected and past dates, earnings per share",
    doc_md=__doc__,
    schedule=None if load_settings().uses_sample_market else ON_SUNDAYS,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    on_failure_callback=RunFailed(),
    tags=[Tag.INGESTION, Tag.ON_DEMAND],
    params={
        "horizon": Param(
            "3month",
            type="string",
            enum=["3month", "6month", "12month"],
            title="Horizon",
            description="How far the calendar looks ahead; one call whatever it is.",
        ),
        "limit": Param(
            100,
            type="integer",
            minimum=0,
            maximum=100_000,
            title="At most",
            description="The most companies to ask for past dates, one call each; 0 asks for the calendar alone.",
        ),
    },
):

    @task(pool=API_POOL)
    def sync_calendar(params: dict) -> dict[str, int]:
        from hedge_master.orchestration import reference_tasks

        return reference_tasks.sync_calendar(params)

    @task(pool=API_POOL)
    def sync_reports(params: dict) -> dict[str, int]:
        from hedge_master.orchestration import reference_tasks

        return reference_tasks.sync_reports(params)

    @task
    def report_left(calendar: dict, reports: dict) -> str:
        from hedge_master.orchestration import reference_tasks

        return reference_tasks.report_left(reports, calendar)

    # The calendar first: it tells whose day is over.
    calendar, reports = sync_calendar(), sync_reports()
    calendar >> reports
    report_left(calendar, reports)
