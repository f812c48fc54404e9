"""Fields that are not as they should be are named; what the API leaves out is None."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import time

import pytest

from hedge_master.alpha_vantage import answers
from hedge_master.alpha_vantage.earnings import earnings, earnings_calendar
from hedge_master.alpha_vantage.errors import UnreadableAnswer
from hedge_master.alpha_vantage.exchange_rates import exchange_rates
from hedge_master.alpha_vantage.market_status import markets

QUARTER = {
    "fiscalDateEnding": "2023-06-30",
    "reportedDate": "2023-07-19",
    "reportedEPS": "2.18",
    "estimatedEPS": "2.01",
    "surprise": "0.17",
    "surprisePercentage": "8.4577",
    "reportTime": "post-market",
}
MATCH = {
    "1. symbol": "TSLA",
    "2. name": "Tesla Inc",
    "3. type": "Equity",
    "4. region": "United States",
    "5. marketOpen": "09:30",
    "6. marketClose": "16:00",
    "7. timezone": "UTC-04",
    "8. currency": "USD",
}
CALENDAR = "symbol,name,reportDate,fiscalDateEnding,estimate,currency,timeOfTheDay\n"


def search(**changed: object) -> bytes:
    return json.dumps({"bestMatches": [MATCH, {**MATCH, **changed}]}).encode()


def quarter(**changed: object) -> bytes:
    rows = [{**QUARTER, **changed}]
    return json.dumps({"symbol": "IBM", "annualEarnings": [], "quarterlyEarnings": rows}).encode()


def rate(day: str, close: object) -> bytes:
    bar = {"1. open": "1.1", "2. high": "1.2", "3. low": "1.0", "4. close": close}
    about = {"2. From Symbol": "EUR", "3. To Symbol": "USD", "5. Last Refreshed": "2023-07-04"}
    return json.dumps({"Meta Data": about, "Time Series FX (Daily)": {day: bar}}).encode()


def market(**changed: object) -> bytes:
    row = {"market_type": "Equity", "region": "Japan", "primary_exchanges": "Tokyo", "current_status": "open"}
    return json.dumps({"markets": [{**row, **changed}]}).encode()


@pytest.mark.parametrize(
    ("read", "body", "complaint"),
    [
        (answers.listings, b"symbol,name\nA,B\n", "LISTING_STATUS: 16 bytes that are no CSV with assetType, deli"),
        (answers.listings, b"symbol,name\xff\n", "LISTING_STATUS: 13 bytes that are no UTF-8 from byte 11 on"),
        (answers.matches, b'{"matches": []}', "SYMBOL_SEARCH: there is no bestMatches"),
        (answers.matches, b'{"bestMatches": ["TSLA"]}', "bestMatches is ['TSLA']: not a list of objects"),
        (answers.matches, b'{"bestMatches": [', "SYMBOL_SEARCH: 17 bytes that are no JSON object"),
        (answers.matches, b"[]", "SYMBOL_SEARCH: 2 bytes that are no JSON object"),
        (answers.matches, search(**{"4. region": 7}), "4. region of bestMatches[1] is 7: not a text"),
        (
            answers.splits,
            b"effective_date,split_factor\n2020-13-01,2\n",
            "SPLITS: effective_date in line 2 is '2020-13-01': not a date (YYYY-MM-DD)",
        ),
        (answers.splits, b"effective_date,split_factor\n2020-12-01,0\n", "split_factor in line 2 is '0': not above 0"),
        (
            answers.splits,
            b"effective_date,split_factor\n2020-12-01,inf\n",
            "split_factor in line 2 is 'inf': not a n",
        ),
        (answers.splits, b"effective_date,split_factor\n2020-12-01\n", "SPLITS: line 2 has more or fewer values than"),
        (answers.splits, b"effective_date,split_factor\n2020-12-01,2,3\n", "SPLITS: line 2 has more or fewer values"),
        (earnings, quarter(reportedEPS="two"), "reportedEPS of quarterlyEarnings[0] is 'two': not a number"),
        (earnings, quarter(reportedEPS="nan"), "reportedEPS of quarterlyEarnings[0] is 'nan': not a number"),
        (earnings, quarter(fiscalDateEnding="None"), "fiscalDateEnding of quarterlyEarnings[0] is 'None': not a date"),
        (earnings, quarter(reportedDate="x" * 99), f"reportedDate of quarterlyEarnings[0] is '{'x' * 59}…: not a date"),
        (
            earnings_calendar,
            f"{CALENDAR}IBM,IBM,soon,2026-06-30,2.1,USD,\n".encode(),
            "EARNINGS_CALENDAR: reportDate in line 2 is 'soon': not a date (YYYY-MM-DD)",
        ),
        (exchange_rates, rate("2023-07-04", "0.0"), "FX_DAILY: 4. close of 2023-07-04 is '0.0': not above 0"),
        (exchange_rates, rate("2023-07-32", "1.0"), "day of Time Series FX (Daily) is '2023-07-32': not a date"),
        (exchange_rates, b'{"Meta Data": 1}', "FX_DAILY: Meta Data is 1: not an object"),
        (markets, market(current_status="ajar"), "current_status of markets[0] is 'ajar': not open or closed"),
        (markets, market(local_open="25:00"), "local_open of markets[0] is '25:00': not a time of day (HH:MM)"),
    ],
)
def test_what_is_wrong_is_named(read: Callable[[bytes], object], body: bytes, complaint: str) -> None:
    with pytest.raises(UnreadableAnswer) as raised:
        read(body)
    assert complaint in str(raised.value)


def test_a_symbol_that_never_split_has_no_splits() -> None:
    assert answers.splits(b"effective_date,split_factor\r\n") == []


def test_a_market_without_hours_has_no_closing_time() -> None:
    found = answers.matches(search(**{"6. marketClose": "N/A", "8. currency": ""}))
    assert [(match.closes, match.currency) for match in found] == [(time(16), "USD"), (None, None)]


def test_numbers_that_a_company_has_not_told_are_none() -> None:
    """Old quarters have neither an estimate nor a time of day."""
    (told,) = earnings(quarter(estimatedEPS="None", surprise="0", surprisePercentage="None", reportTime="")).quarterly
    assert (told.reported_eps, told.estimated_eps, told.surprise, told.surprise_percentage) == (2.18, None, 0.0, None)
    assert told.report_time is None


def test_a_calendar_may_lack_estimates_and_times() -> None:
    (coming,) = earnings_calendar(f"{CALENDAR}OZFRY,,2026-05-17,,,USD,\n".encode())
    assert (coming.name, coming.fiscal_date_ending, coming.estimate, coming.time_of_day) == ("OZFRY", None, None, None)


def test_an_empty_calendar_is_one() -> None:
    assert earnings_calendar(CALENDAR.encode()) == []
