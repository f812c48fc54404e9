"""Every recorded answer, served over HTTP, taken by the real client and read by the real parser.

The expectations were read off the recordings by eye.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from hedge_master.alpha_vantage import answers, errors
from hedge_master.alpha_vantage.bars import bars_in, first_and_last_bar
from hedge_master.alpha_vantage.budget import NoLimit
from hedge_master.alpha_vantage.client import AlphaVantageClient, Answer
from hedge_master.alpha_vantage.earnings import earnings, earnings_calendar
from hedge_master.alpha_vantage.exchange_rates import exchange_rates
from hedge_master.alpha_vantage.market_status import markets
from scripted_server import Serve

Call = Callable[[AlphaVantageClient], Answer]

TAKEN: dict[str, Call] = {
    "EARNINGS_CALENDAR.csv.gz": lambda client: client.earnings_calendar("3month"),
    "FX_DAILY_EURUSD.json": lambda client: client.fx_daily("EUR", "USD", "compact"),
    "LISTING_STATUS.csv.gz": lambda client: client.listing_status("active"),
    "MARKET_STATUS.json": lambda client: client.market_status(),
    "SPLITS_IBM.csv": lambda client: client.splits("IBM"),
    "SYMBOL_SEARCH_Tesla.json": lambda client: client.search("Tesla"),
    "TIME_SERIES_DAILY_ADJUSTED_VZ_compact.json": lambda client: client.daily_prices("VZ", "compact"),
    "TIME_SERIES_DAILY_TSLA_compact.json": lambda client: client.daily_prices("TSLA", "compact"),
    "TIME_SERIES_DAILY_VZ_compact.json": lambda client: client.daily_prices("VZ", "compact"),
}
# Answers to calls that we do not make: the client must not take them for the one that we make instead.
NOT_TAKEN: dict[str, tuple[Call, type[errors.AlphaVantageError]]] = {
    "HISTORICAL_OPTIONS_IBM.csv.gz": (lambda client: client.splits("IBM"), errors.NoSuchAnswer),
    "REALTIME_BULK_QUOTES_fake_rows.json": (lambda client: client.search("MSFT"), errors.ArtificialRows),
    "TIME_SERIES_DAILY_ADJUSTED_IBM.csv": (lambda client: client.daily_prices("IBM", "compact"), errors.NoSuchAnswer),
    "TIME_SERIES_DAILY_IBM.csv": (lambda client: client.daily_prices("IBM", "compact"), errors.NoSuchAnswer),
}

Fetch = Callable[[str], bytes]


def recorded(shared: Path, name: str) -> bytes:
    body = (shared / "alpha_vantage" / "payloads" / name).read_bytes()
    return gzip.decompress(body) if name.endswith(".gz") else body


@pytest.fixture
def fetch(shared: Path, serve: Serve) -> Fetch:
    """What the client makes of a recording."""

    def fetched(name: str) -> bytes:
        with AlphaVantageClient(serve(recorded(shared, name)).url, "SECRETKEY123", NoLimit()) as client:
            return TAKEN[name](client).body

    return fetched


def test_no_recording_is_left_out(shared: Path) -> None:
    there = {path.name for path in (shared / "alpha_vantage" / "payloads").iterdir()}
    assert there == TAKEN.keys() | NOT_TAKEN.keys()


@pytest.mark.parametrize("name", TAKEN)
def test_it_comes_through_untouched(shared: Path, fetch: Fetch, name: str) -> None:
    assert fetch(name) == recorded(shared, name)


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_an_answer_to_another_call_is_not_taken(shared: Path, serve: Serve, pauses: list[float], name: str) -> None:
    call, error = NOT_TAKEN[name]
    with (
        AlphaVantageClient(serve(recorded(shared, name)).url, "SECRETKEY123", NoLimit()) as client,
        pytest.raises(error),
    ):
        call(client)


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_a_part_of_it_is_never_taken_for_the_whole(
    shared: Path, serve: Serve, pauses: list[float], name: str, kept: float
) -> None:
    """Cut behind the last brace of that part, where a hasty look finds nothing amiss; a CSV within a line."""
    whole = recorded(shared, name)
    part = whole[: int(len(whole) * kept)]
    part = part[: part.rfind(b"}") + 1] if b"}" in part else part.rstrip(b"\n")
    with (
        AlphaVantageClient(serve(part).url, "SECRETKEY123", NoLimit()) as client,
        pytest.raises(errors.UnreadableAnswer),
    ):
        TAKEN[name](client)


def test_listings(fetch: Fetch) -> None:
    listings = answers.listings(fetch("LISTING_STATUS.csv.gz"))
    assert len(listings) == 13_411
    agilent = next(each for each in listings if each.symbol == "A")
    assert agilent.name == "Agilent Technologies Inc"
    assert (agilent.currency, agilent.region, agilent.status) == ("USD", "United States", "active")
    assert (agilent.listed_on, agilent.delisted_on, agilent.closes) == (date(1999, 11, 18), None, time(16))


def test_search(fetch: Fetch) -> None:
    found = answers.matches(fetch("SYMBOL_SEARCH_Tesla.json"))
    assert [found[0].symbol, found[1].symbol] == ["TSLA", "TL0.DEX"]
    assert (found[1].region, found[1].currency, found[1].timezone) == ("XETRA", "EUR", "UTC+02")


def test_splits(fetch: Fetch) -> None:
    found = answers.splits(fetch("SPLITS_IBM.csv"))
    assert [(each.effective_date, each.factor) for each in found] == [
        (date(2021, 11, 4), 1.046),
        (date(1999, 5, 27), 2.0),
    ]


def test_earnings_to_come(fetch: Fetch) -> None:
    coming = earnings_calendar(fetch("EARNINGS_CALENDAR.csv.gz"))
    assert len(coming) == 4_526
    assert (coming[0].symbol, coming[0].name) == ("ONFO", "ONFOLIO HOLDINGS INCORPORATED")
    assert (coming[0].report_date, coming[0].fiscal_date_ending) == (date(2026, 5, 17), date(2026, 3, 31))
    assert (coming[0].estimate, coming[0].currency, coming[0].time_of_day) == (None, "USD", "post-market")
    assert (coming[2].symbol, coming[2].estimate, coming[2].time_of_day) == ("ADERY", 0.0, None)
    assert sum(each.currency == "CAD" for each in coming) == 16


def test_exchange_rates(fetch: Fetch) -> None:
    rates = exchange_rates(fetch("FX_DAILY_EURUSD.json"))
    assert (rates.from_symbol, rates.to_symbol) == ("EUR", "USD")
    assert rates.last_refreshed == datetime(2023, 7, 4, 20, tzinfo=UTC)
    assert len(rates.bars) == 100
    newest, oldest = rates.bars[0], rates.bars[-1]
    assert (newest.day, newest.open, newest.high, newest.low, newest.close) == (
        date(2023, 7, 4),
        1.09124,
        1.09163,
        1.0879,
        1.08837,
    )
    assert (oldest.day, oldest.close) == (date(2023, 2, 15), 1.0688)


def test_market_status(fetch: Fetch) -> None:
    found = {(market.market_type, market.region): market for market in markets(fetch("MARKET_STATUS.json"))}
    germany = found["Equity", "Germany"]
    assert germany.primary_exchanges == ("XETRA", "Berlin", "Frankfurt", "Munich", "Stuttgart")
    assert (germany.local_open, germany.local_close, germany.is_open) == (time(8), time(20), False)
    assert germany.notes is None
    assert found["Equity", "Canada"].is_open
    crypto = found["Cryptocurrency", "Global"]
    assert (crypto.is_open, crypto.local_close) == (True, time(23, 59))
    assert crypto.notes == "The cryptocurrency market is open 24 hours a day"


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("TIME_SERIES_DAILY_TSLA_compact.json", date(2023, 2, 8), date(2023, 7, 3)),
        ("TIME_SERIES_DAILY_VZ_compact.json", date(2023, 2, 8), date(2023, 7, 3)),
        ("TIME_SERIES_DAILY_ADJUSTED_VZ_compact.json", date(2023, 2, 8), date(2023, 7, 3)),
        ("FX_DAILY_EURUSD.json", date(2023, 2, 15), date(2023, 7, 4)),
    ],
)
def test_how_far_a_series_reaches(fetch: Fetch, name: str, first: date, last: date) -> None:
    body = fetch(name)
    assert first_and_last_bar(body) == (first, last)
    assert bars_in(body) == 100


def test_earnings_are_read_too() -> None:
    """None was recorded: the form is that of the documentation's example."""
    body = b"""{
    "symbol": "IBM",
    "annualEarnings": [{"fiscalDateEnding": "2025-12-31", "reportedEPS": "11.59"}],
    "quarterlyEarnings": [
        {
            "fiscalDateEnding": "2025-12-31",
            "reportedDate": "2026-01-28",
            "reportedEPS": "4.52",
            "estimatedEPS": "4.29",
            "surprise": "0.23",
            "surprisePercentage": "5.3613",
            "reportTime": "post-market"
        }
    ]
}"""
    found = earnings(body)
    assert (found.symbol, found.annual[0].fiscal_date_ending, found.annual[0].reported_eps) == (
        "IBM",
        date(2025, 12, 31),
        11.59,
    )
    (quarter,) = found.quarterly
    assert (quarter.reported_date, quarter.reported_eps, quarter.estimated_eps) == (date(2026, 1, 28), 4.52, 4.29)
    assert (quarter.surprise, quarter.surprise_percentage, quarter.report_time) == (0.23, 5.3613, "post-market")
