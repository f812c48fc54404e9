"""The one date that rules all: the sample market's clock or, with the real API, the end of the run's data interval."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection

from hedge_master.settings import Settings

API_ZONE = ZoneInfo("America/New_York")  # Alpha Vantage dates its answers in US/Eastern


def market_date_of_run(settings: Settings, interval_end: datetime) -> tuple[date, str]:
    """Market date and its source for a run whose data interval ends at `interval_end`."""
    if settings.uses_sample_market:
        from hedge_master.sample_market.clock_client import market_date

        return market_date(settings.sample_market_url), "sample market"
    return interval_end.astimezone(API_ZONE).date(), "data interval"


def recorded_market_date(warehouse: Connection, run_id: str, day: date, source: str) -> date:
    """Keep the market date of a run and return it; another task or a retry of the run gets the first one."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            """insert into market.market_dates as kept (run_id, market_date, source) values (%s, %s, %s)
            on conflict (run_id) do update set run_id = kept.run_id returning market_date""",
            (run_id, day, source),
        )
        row = cursor.fetchone()
    if row is None:
        raise LookupError(f"market.market_dates did not keep the date of {run_id}")
    kept: date = row[0]
    return kept
