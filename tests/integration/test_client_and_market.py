"""The client and its parsers against a running sample market: every call, and the limits of a free key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import pytest

from hedge_master.alpha_vantage import answers, errors
from hedge_master.alpha_vantage.bars import bars_in, first_and_last_bar
from hedge_master.alpha_vantage.budget import NoLimit
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.alpha_vantage.earnings import earnings, earnings_calendar
from hedge_master.alpha_vantage.exchange_rates import exchange_rates
from hedge_master.alpha_vantage.market_status import markets
from hedge_master.sample_market.clock_client import set_market_date
from hedge_master.settings import Settings

MONDAY = date(2020, 6, 15)
KEY = "SAMPLEMARKETKEY1"


@pytest.fixture(scope="module")
def client(open_market: Callable[..., Settings]) -> Iterator[AlphaVantageClient]:
    url = open_market(HM_SAMPLE_MARKET_SYMBOLS="40").sample_market_url
    set_market_date(url, MONDAY)
    with AlphaVantageClient(url, KEY, NoLimit()) as client:
        yield client


@pytest.fixture(scope="module")
def symbol(client: AlphaVantageClient) -> str:
    """An American company that is there today."""
    return answers.listings(client.listing_status("active").body)[0].symbol


def test_prices(client: AlphaVantageClient, symbol: str) -> None:
    compact, full = (client.daily_prices(symbol, size) for size in ("compact", "full"))
    reached = first_and_last_bar(full.body)
    assert bars_in(compact.body) == 100 < bars_in(full.body)
    assert reached is not None
    assert reached[1] == MONDAY
    assert full.market_time == datetime(2020, 6, 15, 23, 59, 59, tzinfo=UTC)


def test_symbols_and_splits(client: AlphaVantageClient, symbol: str) -> None:
    assert symbol in {match.symbol for match in answers.matches(client.search(symbol).body)}
    assert answers.matches(client.search("no such company").body) == []
    assert all(split.factor > 0 for split in answers.splits(client.splits(symbol).body))
    with pytest.raises(errors.EmptyAnswer):
        client.splits("NOSUCH")
    with pytest.raises(errors.UnknownSymbol):
        client.daily_prices("NOSUCH", "compact")


def test_earnings(client: AlphaVantageClient, symbol: str) -> None:
    reported = earnings(client.earnings(symbol.lower()).body)
    assert reported.symbol == symbol
    days = [quarter.reported_date for quarter in reported.quarterly]
    assert days == sorted(filter(None, days), reverse=True)
    assert all(day <= MONDAY for day in filter(None, days))
    (coming, *_) = earnings_calendar(client.earnings_calendar("3month", symbol).body)
    assert coming.symbol == symbol
    assert MONDAY <= coming.report_date <= date(2020, 9, 15)
    assert len(earnings_calendar(client.earnings_calendar("12month").body)) > 4
    assert earnings_calendar(client.earnings_calendar("6month", "NOSUCH").body) == []
    with pytest.raises(errors.EmptyAnswer):
        client.earnings("NOSUCH")


def test_exchange_rates(client: AlphaVantageClient) -> None:
    rates = exchange_rates(client.fx_daily("twd", "USD", "full").body)
    assert (rates.from_symbol, rates.to_symbol, rates.last_refreshed.date()) == ("TWD", "USD", MONDAY)
    assert 0.02 < rates.bars[0].close < 0.05
    with pytest.raises(errors.UnknownSymbol):
        client.fx_daily("XXX", "USD", "compact")


def test_market_status(client: AlphaVantageClient) -> None:
    """It is a second to midnight UTC: New York has closed, Tokyo's clock says nine."""
    found = {market.region: market for market in markets(client.market_status().body)}
    assert not found["United States"].is_open
    assert found["Japan"].primary_exchanges == ("Tokyo",)


def test_the_limits_of_a_free_key(open_market: Callable[..., Settings]) -> None:
    """One call a second and five a day, asked without restraint: each burst notice costs a pause, and the sixth call is
    told, with the key in it, that the day is over."""
    settings = open_market(
        HM_SAMPLE_MARKET_SYMBOLS="1",
        HM_SAMPLE_MARKET_REQUESTS_PER_SECOND="1",
        HM_SAMPLE_MARKET_REQUESTS_PER_DAY="5",
    )
    with AlphaVantageClient(settings.sample_market_url, KEY, NoLimit()) as client:
        taken = [client.market_status().attempts for _ in range(5)]
        assert taken[0] == 1
        assert max(taken) > 1
        with pytest.raises(errors.DailyLimitReached, match=r"MARKET_STATUS: .* your API key as \[API key\]") as sixth:
            client.market_status()
    assert sixth.value.attempts == 1
