"""What is worth a message besides a failed run: late data, a day's budget that ends, a rise of rejected rows."""

from __future__ import annotations

from datetime import date, timedelta

from psycopg2.extensions import connection as Connection

from hedge_master.alerts.alert import Alert
from hedge_master.ingestion.budget import BudgetState
from hedge_master.operations.figures import Figures
from hedge_master.settings import Settings

SATURDAY = 5
NEWEST_BATCHES = 20
RISE = 2.0  # so many times the share of the batches before

# Of the newest batches of each topic those that break the limit, one row for the worst of a topic and day.
REJECTED = f"""
with batches as (
    select
        batch_id, topic, run_id, finished_at, delivered, rejected, rejected_by_reason,
        rejected::float8 / nullif(delivered, 0) as share,
        sum(rejected) over before / nullif(sum(delivered) over before, 0)::float8 as usual,
        row_number() over (partition by topic order by batch_id desc) as age
    from market.ingest_batches
    where batch_id > (select max(batch_id) from market.ingest_batches) - {10 * NEWEST_BATCHES}
    window before as (partition by topic order by batch_id rows between {NEWEST_BATCHES} preceding and 1 preceding)
)
select distinct on (topic, finished_at::date)
    topic, finished_at::date, run_id, rejected, delivered, share, coalesce(usual, 0),
    (
        select string_agg(reason || ' ' || rows, ', ' order by rows::bigint desc, reason)
        from jsonb_each_text(rejected_by_reason) as each (reason, rows)
    )
from batches
where age <= {NEWEST_BATCHES} and share > %(limit)s and share > {RISE} * coalesce(usual, 0)
order by topic, finished_at::date, share desc
"""  # noqa: S608 (numbers of our own)


def causes(warehouse: Connection, settings: Settings, figures: Figures, market_day: date) -> list[Alert]:
    """All that is worth a message now; `market_day` is the present day in the market's own time."""
    found = [
        late_data(figures.newest_bar, market_day, settings.alert_late_sessions),
        low_budget(figures.budget, figures.calls_per_day, settings.alert_budget_percent),
        *rejected_rows(warehouse, settings.alert_rejected_percent),
    ]
    return [alert for alert in found if alert is not None]


def late_data(newest_bar: date | None, market_day: date, most_sessions: int) -> Alert | None:
    """The newest bar is more than `most_sessions` weekdays behind; no alert for 0, and none before the first bar."""
    if newest_bar is None or not most_sessions:
        return None
    missing = weekdays_after(newest_bar, market_day)
    if missing <= most_sessions:
        return None
    return Alert(
        f"late data: {newest_bar}",
        f"Hedge Master: no prices since {newest_bar}",
        f"The newest bar of all symbols is of {newest_bar}, {missing} weekdays before the market date {market_day}.\n"
        "Look at the last runs of produce_daily_prices and stream_prices; an outage of any length is caught up by the "
        "next run that succeeds.",
    )


def low_budget(budget: BudgetState, calls_per_day: int, percent: int) -> Alert | None:
    """Less than `percent` of the day's calls are left, or none: the API may refuse a day that has no limit of ours,
    `calls_per_day` 0. No alert for 0 percent; one message for each of the API's days."""
    if budget.left is None or not percent:
        return None
    if budget.left and budget.left >= calls_per_day * percent / 100:
        return None
    of_the_day = f"{budget.left:,} of {calls_per_day:,}" if calls_per_day else "no"
    return Alert(
        f"budget: until {budget.resets_at:%Y-%m-%d}",
        f"Hedge Master: {of_the_day} API calls left today",
        f"{budget}.\nWhat is not asked today waits: the next run asks the stalest symbols first.",
    )


def rejected_rows(warehouse: Connection, percent: float) -> list[Alert]:
    """Batches with more than `percent` of their rows rejected, and RISE times the share of the batches before them on
    their topic; one message for a topic and day."""
    if not percent:
        return []
    with warehouse.cursor() as cursor:
        cursor.execute(REJECTED, {"limit": percent / 100})
        return [
            Alert(
                f"rejected rows: {topic} on {day}",
                f"Hedge Master: {share:.1%} of a batch of {topic} were rejected",
                f"{rejected:,} of {delivered:,} rows that {run_id} read from {topic} were rejected, {share:.1%} after "
                f"{usual:.1%} in the batches before: {reasons}.\nThe rows and their reasons are in "
                "market.rejections (`hm rejected list`); what was accepted is stored.",
            )
            for topic, day, run_id, rejected, delivered, share, usual, reasons in cursor.fetchall()
        ]


def weekdays_after(first: date, last: date) -> int:
    """How many days from Monday to Friday lie behind `first`, up to `last`."""
    days = (first + timedelta(days=number) for number in range(1, (last - first).days + 1))
    return sum(day.weekday() < SATURDAY for day in days)
