"""The one date that rules all: the sample market's clock or, with the real API, the end of the run's data interval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection

from hedge_master.settings import Settings

API_ZONE = ZoneInfo("America/New_York")  # Alpha Vantage dates its answers in US/Eastern
ON_TIME = timedelta(hours=1)


class NoMarketClock(ValueError):
    """A run was told to let a day go by, and the far end is no sample market."""


class SampleMarketEnded(RuntimeError):
    """The sample market's clock stands on its last day."""


@dataclass(frozen=True)
class RunTimes:
    """What Airflow knows of a run: whether its schedule made it, since when it was due, when it began, and the end of
    its data interval."""

    is_scheduled: bool
    due: datetime
    began: datetime
    interval_end: datetime

    @property
    def is_scheduled_and_on_time(self) -> bool:
        """False for a run that was missed while the stack was down and is made up for at the next start."""
        return self.is_scheduled and self.began - self.due <= ON_TIME


def start_market_day(settings: Settings, warehouse: Connection, run_id: str, run: RunTimes, next_day: bool) -> date:
    """The market date of a run, kept in the warehouse; another task or a retry of the run gets the same one.

    The sample market knows no other time than its runs: a daily run on its schedule, and one with `next_day`, lets one
    trading day go by first. A run that makes up for a missed one, more than an hour late, does not, so that a stack
    that was down shows at its start what it showed at its end. The date is kept before the clock moves, so that no
    retry moves it twice.

    Raises NoMarketClock, SampleMarketEnded, and ClockUnavailable where the sample market does not answer.
    """
    if not settings.uses_sample_market:
        if next_day:
            raise NoMarketClock(
                f"next_market_day: {settings.alpha_vantage_url} is a real API, its days go by themselves"
            )
        return _kept(warehouse, run_id, run.interval_end.astimezone(API_ZONE).date(), "data interval")
    from hedge_master.sample_market import clock_client

    url = settings.sample_market_url
    clock = clock_client.clock(url)
    day = _kept_date(warehouse, run_id)
    if day is None:
        day = clock.moment.day
        if next_day or run.is_scheduled_and_on_time:
            if clock.next_trading_day is None:
                raise SampleMarketEnded(f"the sample market ends on {clock.last_market_date}")
            day = clock.next_trading_day
        day = _kept(warehouse, run_id, day, "sample market")
        warehouse.commit()
    if day > clock.moment.day:
        clock_client.set_market_date(url, day)
    return day


def market_moment(settings: Settings, run: RunTimes) -> datetime:
    """The moment of a run in its market's own time: where the sample market's clock stands, or the end of the data
    interval. Raises ClockUnavailable where the sample market does not answer."""
    if not settings.uses_sample_market:
        return run.interval_end
    from hedge_master.sample_market import clock_client

    return clock_client.clock(settings.sample_market_url).moment.instant


def _kept_date(warehouse: Connection, run_id: str) -> date | None:
    with warehouse.cursor() as cursor:
        cursor.execute("select market_date from market.market_dates where run_id = %s", (run_id,))
        row = cursor.fetchone()
    return row[0] if row else None


def _kept(warehouse: Connection, run_id: str, day: date, source: str) -> date:
    """Keep the market date of a run and return it; the first one wins."""
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
