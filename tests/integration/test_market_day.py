"""The market date of a run, and who moves the sample market's clock: a run on its schedule, and `make next-day`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.market_date import NoMarketClock, RunTimes, SampleMarketEnded, start_market_day
from hedge_master.sample_market.clock_client import market_date, set_market_date
from hedge_master.settings import Settings, load_settings

FRIDAY, MONDAY, TUESDAY = date(2020, 6, 12), date(2020, 6, 15), date(2020, 6, 16)
DUE = datetime(2026, 11, 24, 22, 25, tzinfo=UTC)
REAL_API = {"HM_ALPHA_VANTAGE_BASE_URL": "https://api.example", "HM_ALPHA_VANTAGE_API_KEY": "k"}
BY_HAND = RunTimes(is_scheduled=False, due=DUE, began=DUE, interval_end=DUE)
ON_TIME = RunTimes(is_scheduled=True, due=DUE, began=DUE + timedelta(minutes=59), interval_end=DUE)
MADE_UP = RunTimes(is_scheduled=True, due=DUE, began=DUE + timedelta(hours=9), interval_end=DUE)


@pytest.fixture
def market(open_market: Callable[..., Settings]) -> Settings:
    return open_market(HM_SAMPLE_MARKET_SYMBOLS="1")


def test_only_a_run_on_its_schedule_and_next_day_let_a_day_go_by(market: Settings, ingest: Connection) -> None:
    """The clock stands at Friday's end; Monday and Tuesday are trading days."""
    url = market.sample_market_url
    assert start_market_day(market, ingest, "by hand", BY_HAND, next_day=False) == FRIDAY
    assert start_market_day(market, ingest, "made up", MADE_UP, next_day=False) == FRIDAY
    assert market_date(url) == FRIDAY
    assert start_market_day(market, ingest, "schedule", ON_TIME, next_day=False) == MONDAY
    assert market_date(url) == MONDAY
    assert start_market_day(market, ingest, "make next-day", BY_HAND, next_day=True) == TUESDAY
    assert market_date(url) == TUESDAY


def test_a_retry_moves_the_clock_no_further(market: Settings, ingest: Connection) -> None:
    """The second try of Monday's run still speaks of Monday, also when the clock has moved on to Tuesday meanwhile."""
    url = market.sample_market_url
    for _ in range(2):
        assert start_market_day(market, ingest, "run", ON_TIME, next_day=False) == MONDAY
        assert market_date(url) == MONDAY
    set_market_date(url, TUESDAY)
    assert start_market_day(market, ingest, "run", ON_TIME, next_day=False) == MONDAY
    assert market_date(url) == TUESDAY


def test_a_kill_between_the_warehouse_and_the_clock_is_made_good_by_the_retry(
    market: Settings, ingest: Connection
) -> None:
    """Monday was kept for the run, and then its task was killed before the clock moved."""
    with ingest, ingest.cursor() as cursor:
        cursor.execute("insert into market.market_dates values ('run', %s, 'sample market')", (MONDAY,))
    assert start_market_day(market, ingest, "run", ON_TIME, next_day=False) == MONDAY
    assert market_date(market.sample_market_url) == MONDAY


def test_the_sample_market_has_a_last_day(open_market: Callable[..., Settings], ingest: Connection) -> None:
    last = open_market(HM_SAMPLE_MARKET_SYMBOLS="1", HM_SAMPLE_MARKET_DATE="2023-09-21")
    with pytest.raises(SampleMarketEnded, match="ends on 2023-09-21"):
        start_market_day(last, ingest, "run", ON_TIME, next_day=False)


def test_with_a_real_api_the_day_is_new_yorks_at_the_end_of_the_interval(ingest: Connection) -> None:
    """02:30 UTC on Tuesday is still Monday evening in New York."""
    real = load_settings(REAL_API)
    due = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
    assert start_market_day(real, ingest, "run", RunTimes(True, due, due, due), next_day=False) == date(2026, 11, 23)
    with pytest.raises(NoMarketClock, match=r"https://api\.example is a real API"):
        start_market_day(real, ingest, "other", RunTimes(False, due, due, due), next_day=True)
