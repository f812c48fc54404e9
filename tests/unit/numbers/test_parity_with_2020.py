"""The figures of 2020 by hand, and that today's definitions give the same where no split and no week-end is near."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta

import pytest

from oracles.as_in_2020 import Window2020, influence_of_2020, ranking_of_2020, windows_of_2020
from oracles.close_measures import average_price_usd, price_deviation_usd
from oracles.earnings_influence import HALF_MONTHS_OF_2020, influence_in_dollars
from oracles.made_up_bars import weekdays, windows_of_closes
from oracles.ranking import Values, ranking

MONDAY = date(2019, 1, 7)
SUNDAY = date(2020, 6, 14)


def test_a_window_is_saturday_to_friday_and_rounded_to_four_decimals() -> None:
    """Closes 10 on five days, 11 on five: the second Friday's window has mean 10.5, squared deviations 10 x 0.25 = 2.5,
    deviation sqrt(2.5 / 9) = 0.52704627 -> 0.5270.
    """
    closes = {day: 10.0 + (n >= 5) for n, day in enumerate(weekdays(MONDAY, 10))}
    found = windows_of_2020(closes, date(2019, 1, 31))
    friday = date(2019, 1, 18)
    assert found[1] == Window2020(date(2019, 1, 5), friday, 10.5, 0.527)
    assert [each.end for each in found] == [friday - timedelta(days=7), friday, friday + timedelta(days=7)]


def test_a_window_of_one_close_is_dropped() -> None:
    assert windows_of_2020({MONDAY: 10.0}, date(2019, 12, 31)) == []


def test_a_split_was_a_storm() -> None:
    """100 on five days, 50 on five: deviation sqrt(10 x 625 / 9) = 26.3523."""
    closes = {day: 100.0 if n < 5 else 50.0 for n, day in enumerate(weekdays(MONDAY, 10))}
    assert windows_of_2020(closes, date(2019, 1, 18))[1].price_deviation == 26.3523


def test_the_ranking_takes_who_has_a_window_over_the_start() -> None:
    """Look-back (01-04, 01-18]. OLD has 3: its window that ended on the start covers it and does not count. LATE
    has a window from 01-05, not over the start.
    """

    def window(end: date, deviation: float) -> Window2020:
        return Window2020(end - timedelta(days=13), end, 100.0, deviation)

    old = [window(date(2019, 1, 4), 9.0), window(date(2019, 1, 18), 3.0)]
    late = [window(date(2019, 1, 18), 8.0)]
    assert ranking_of_2020({"LATE": late, "OLD": old}, date(2019, 1, 4), date(2019, 1, 18)) == [("OLD", 3.0)]
    both = ranking_of_2020({"LATE": late, "OLD": old}, date(2019, 1, 5), date(2019, 1, 18))
    assert both == [("LATE", 8.0), ("OLD", 3.0)]
    assert ranking_of_2020({"LATE": late, "OLD": old}, date(2019, 1, 5), date(2019, 1, 18), limit=1) == both[:1]


def test_influence_by_hand() -> None:
    """Fridays 03-13 (first half: outside) 1 and 03-20 (second half of March: inside) 3: (1 + 3) / (1 + 1) = 2. The one
    that ends on the start, 02-28, covers it and does not count.
    """
    windows = [
        Window2020(date(2020, 2, 15), date(2020, 2, 28), 100.0, 99.0),
        Window2020(date(2020, 2, 29), date(2020, 3, 13), 100.0, 1.0),
        Window2020(date(2020, 3, 7), date(2020, 3, 20), 100.0, 3.0),
    ]
    assert influence_of_2020(windows, date(2020, 2, 28), date(2020, 3, 31)) == 2
    assert influence_of_2020(windows[:2], date(2020, 2, 28), date(2020, 3, 31)) is None
    assert influence_of_2020(windows[2:], date(2020, 2, 28), date(2020, 3, 31)) is None


@pytest.fixture(scope="module")
def market() -> dict[str, dict[date, float]]:
    """Four stocks that trade each weekday from 2019-01-07 to the market date, two of them at nearly one deviation."""
    draw, days = random.Random(2020), [day for day in weekdays(MONDAY, 380) if day <= SUNDAY]
    stocks = {}
    for symbol, start, daily in (
        ("DEAR", 900.0, 0.01),
        ("MIDDLE", 90.0, 0.02),
        ("CHEAP", 3.0, 0.03),
        ("TWIN", 90.0, 0.02),
    ):
        price, closes = start, {}
        for day in days:
            price *= math.exp(draw.gauss(0, daily))
            closes[day] = price
        stocks[symbol] = closes
    return stocks


def test_windows_ranking_and_influence_agree_without_splits(market: dict[str, dict[date, float]]) -> None:
    """Half of the fourth decimal is what rounding may cost; Sunday to Sunday both look-backs hold the same windows."""
    half_a_digit = 5.0001e-5
    then = {symbol: windows_of_2020(closes, SUNDAY) for symbol, closes in market.items()}
    now: dict[str, Values] = {}
    for symbol, closes in market.items():
        windows = {window.end: window for window in windows_of_closes(closes, market_date=SUNDAY).values()}
        now[symbol] = {end: price_deviation_usd(window) for end, window in windows.items() if end <= SUNDAY}
        assert len(then[symbol]) > 70
        for old in then[symbol]:
            same = windows[old.end + timedelta(days=2)]
            assert average_price_usd(same) == pytest.approx(old.average_price, abs=half_a_digit)
            assert price_deviation_usd(same) == pytest.approx(old.price_deviation, abs=half_a_digit)
    for weeks in (52, 26, 13):
        starts_on = SUNDAY - timedelta(days=7 * weeks)
        places = ranking(now, starts_on, SUNDAY)
        old_places = ranking_of_2020(then, starts_on, SUNDAY)
        assert [place.symbol for place in places] == [symbol for symbol, _ in old_places]
        for place, (_, value) in zip(places, old_places, strict=True):
            assert place.value == pytest.approx(value, abs=half_a_digit)
        for symbol, windows in then.items():
            today = influence_in_dollars(now[symbol], starts_on, SUNDAY, HALF_MONTHS_OF_2020)
            assert today == pytest.approx(influence_of_2020(windows, starts_on, SUNDAY), abs=2e-4)
            assert today is not None
