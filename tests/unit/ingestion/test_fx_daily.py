"""Which currencies FX_DAILY is asked for, and which of its bars count."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from hedge_master.alpha_vantage.client import Answer
from hedge_master.ingestion.fx_daily import Need, RateCall, closed_rates, wanted

FRIDAY = date(2020, 6, 12)
THURSDAY = FRIDAY - timedelta(days=1)
A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)

# A currency that the bank has quoted since 2008 and quotes to this day; the oldest price is of 2010.
QUOTED = Need("BRL", date(2010, 1, 4), date(2008, 1, 2), FRIDAY, FRIDAY, had_full=False, asked_on=None)
# One that it never quoted, with every closed day up to Wednesday.
UNQUOTED = Need("TWD", date(2000, 1, 4), None, None, FRIDAY - timedelta(days=2), had_full=True, asked_on=THURSDAY)


@pytest.mark.parametrize(
    ("need", "changed", "call", "why"),
    [
        (QUOTED, {}, None, "the bank has all of it"),
        (QUOTED, {"first_day": None}, None, "no price needs it yet"),
        (
            QUOTED,
            {"first_day": date(2005, 1, 3)},
            RateCall("BRL", "full", False),
            "prices from before the bank's first",
        ),
        (QUOTED, {"first_day": date(2005, 1, 3), "had_full": True}, None, "all that there is has come"),
        (QUOTED, {"bank_last": date(2020, 6, 4)}, None, "the bank is late, other rates are there"),
        (
            QUOTED,
            {"bank_last": date(2020, 6, 4), "newest": date(2020, 6, 4)},
            RateCall("BRL", "compact", True),
            "the bank has ended",
        ),
        (UNQUOTED, {}, RateCall("TWD", "compact", True), "Thursday is over"),
        (UNQUOTED, {"newest": THURSDAY}, None, "Thursday is there, Friday is not over"),
        (UNQUOTED, {"asked_on": FRIDAY}, None, "asked today"),
        (UNQUOTED, {"newest": date(2020, 1, 6)}, RateCall("TWD", "full", True), "out of reach of a compact answer"),
        (UNQUOTED, {"had_full": False}, RateCall("TWD", "full", True), "its history never came"),
        (
            UNQUOTED,
            {"newest": None, "first_day": None, "had_full": False, "asked_on": None},
            RateCall("TWD", "full", True),
            "a symbol without a price yet",
        ),
    ],
)
def test_a_call_for_what_is_missing(need: Need, changed: dict[str, Any], call: RateCall | None, why: str) -> None:
    assert wanted(replace(need, **changed), FRIDAY, holds=A_DAY, full=True) == call, why


def test_a_plan_without_full_histories_asks_for_what_it_can_get() -> None:
    """The newest days of a currency that the bank has not; nothing of one whose old rates alone are missing."""
    assert wanted(replace(UNQUOTED, newest=None), FRIDAY, holds=A_DAY, full=False) == RateCall("TWD", "compact", True)
    assert wanted(replace(QUOTED, first_day=date(2005, 1, 3)), FRIDAY, holds=A_DAY, full=False) is None


def test_on_a_daily_budget_an_answer_holds_a_week_but_a_missing_history_does_not_wait() -> None:
    assert wanted(UNQUOTED, FRIDAY, holds=A_WEEK, full=True) is None
    a_week_ago = replace(UNQUOTED, asked_on=FRIDAY - A_WEEK)
    assert wanted(a_week_ago, FRIDAY, holds=A_WEEK, full=True) == RateCall("TWD", "compact", True)
    no_history = replace(UNQUOTED, had_full=False)
    assert wanted(no_history, FRIDAY, holds=A_WEEK, full=True) == RateCall("TWD", "full", False)


def test_on_a_monday_fridays_rate_is_the_newest_that_can_be_there() -> None:
    monday = FRIDAY + timedelta(days=3)
    assert wanted(replace(UNQUOTED, newest=FRIDAY), monday, holds=A_DAY, full=True) is None
    assert wanted(replace(UNQUOTED, newest=THURSDAY), monday, holds=A_DAY, full=True) is not None


@pytest.mark.parametrize(
    ("market_time", "until", "days"),
    [
        (datetime(2020, 6, 12, 22, 25, tzinfo=UTC), FRIDAY, [THURSDAY]),  # Friday runs on until midnight
        (datetime(2020, 6, 13, 0, 5, tzinfo=UTC), FRIDAY, [FRIDAY, THURSDAY]),
        (datetime(2020, 6, 13, 0, 5, tzinfo=UTC), THURSDAY, [THURSDAY]),  # not known yet at the market date
    ],
)
def test_a_day_counts_when_it_is_over(market_time: datetime, until: date, days: list[date]) -> None:
    """30 Taiwan dollars for a dollar: one is 1/30 of a dollar, whatever the bar did before its close."""
    bar = {"1. open": "25.0", "2. high": "31.0", "3. low": "24.0", "4. close": "30.0"}
    about = {"2. From Symbol": "USD", "3. To Symbol": "TWD", "5. Last Refreshed": "2020-06-12 22:00:00"}
    series = {day.isoformat(): bar for day in (FRIDAY, THURSDAY)}
    body = json.dumps({"Meta Data": about, "Time Series FX (Daily)": series}).encode()
    found = list(closed_rates(Answer(body, market_time, market_time), "TWD", until))
    assert found == [("TWD", day, pytest.approx(0.0333333, abs=1e-7)) for day in days]
