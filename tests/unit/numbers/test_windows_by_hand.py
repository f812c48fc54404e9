"""Windows and the measures of closes, on cases that can be checked on paper.

2020-01-06 is a Monday; the window of 2020-01-06 ends on Sunday 2020-01-19.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta

import pytest

from oracles import close_measures as measures
from oracles.made_up_bars import flat_bar, weekdays, windows_of_closes
from oracles.sample_statistics import c4
from oracles.windows import Bar, days_of, missed_sessions, windows_of

MONDAY = date(2020, 1, 6)
TWO_WEEKS = weekdays(MONDAY, 10)


def test_c4_is_that_of_duncans_table() -> None:
    """Table of factors for control charts: c4 of 2, 5, 7, 10 and 14 values to four digits; c4(2) is sqrt(2 / pi)."""
    table = {2: 0.7979, 5: 0.9400, 7: 0.9594, 10: 0.9727, 14: 0.9810}
    assert {n: round(c4(n), 4) for n in table} == table
    assert c4(2) == pytest.approx(math.sqrt(2 / math.pi), rel=1e-15)


def test_mean_and_deviation_of_two_weeks() -> None:
    """Closes 11 and 13 on five days each: mean 12, squared deviations 10 x 1, deviation sqrt(10 / 9).

    The week before has the five 11s alone, the week after the five 13s: no deviation in either.
    """
    windows = windows_of_closes({day: 11.0 + 2 * (n >= 5) for n, day in enumerate(TWO_WEEKS)})
    assert list(windows) == [date(2019, 12, 30), MONDAY, date(2020, 1, 13)]
    both = windows[MONDAY]
    assert measures.average_price_usd(both) == 12
    assert measures.price_deviation_usd(both) == measures.price_deviation_local(both) == math.sqrt(10 / 9)
    assert measures.deviation_pct(both) == pytest.approx(math.sqrt(10 / 9) / 12, rel=1e-15)
    assert [measures.price_deviation_usd(windows[start]) for start in windows] == [0, math.sqrt(10 / 9), 0]


def test_a_full_window_has_ten_returns_the_first_from_the_close_before_it() -> None:
    """Friday 100, then up and down by a factor e^0.01 in turn: ten returns of +-0.01, mean 0, squares 10 x 0.0001.

    Sample variance 0.001 / 9; c4(10) = 0.972659274121; sqrt(252 x 0.001 / 9) / c4 = 0.167332005307 / 0.972659274121 =
    0.172035583.
    """
    closes = {date(2020, 1, 3): 100.0}
    closes |= {day: 100 * math.exp(0.01 * ((n + 1) % 2)) for n, day in enumerate(TWO_WEEKS)}
    window = windows_of_closes(closes)[MONDAY]
    assert [round(day.log_return or 0, 12) for day in window.days] == [0.01, -0.01] * 5
    assert measures.volatility(window) == pytest.approx(0.172035583, rel=2e-9)
    assert measures.volatility_usd(window) == measures.volatility(window)
    assert measures.greatest_absolute_move(window) == pytest.approx(0.01, rel=1e-12)
    assert measures.fx_variance_share(window) == 0


def test_six_returns_are_too_few_and_seven_are_enough() -> None:
    """A symbol's first bar has no return: seven bars have six, eight have seven."""
    seven = windows_of_closes({day: 100.0 + n for n, day in enumerate(TWO_WEEKS[:7])})[MONDAY]
    eight = windows_of_closes({day: 100.0 + n for n, day in enumerate(TWO_WEEKS[:8])})[MONDAY]
    assert (measures.volatility(seven), measures.volatility(eight) is None) == (None, False)


@pytest.mark.parametrize(("missed", "is_kept"), [(5, True), (6, False)])
def test_a_return_over_five_missed_sessions_is_kept_and_over_six_it_is_not(missed: int, is_kept: bool) -> None:
    """The market holds a session each weekday; the symbol trades on the first Monday and `missed` sessions later."""
    sessions = weekdays(MONDAY, 12)
    before, day = sessions[0], sessions[missed + 1]
    assert missed_sessions(sessions, before, day) == missed
    window = windows_of_closes({before: 10.0, day: 20.0}, sessions=sessions)[MONDAY]
    assert window.days[1].log_return == (math.log(2) if is_kept else None)
    assert measures.greatest_absolute_move(window) == (math.log(2) if is_kept else None)
    assert measures.average_price_usd(window) == 15


def test_a_holiday_is_no_missed_session() -> None:
    """Nobody trades for two weeks (a closed exchange): the return over it is one day's."""
    sessions = [MONDAY, MONDAY + timedelta(days=14)]
    window = windows_of_closes({sessions[0]: 10.0, sessions[1]: 11.0})[date(2020, 1, 13)]
    assert [day.log_return for day in window.days] == [math.log(11 / 10)]


def test_a_week_of_one_day_is_in_two_windows_and_an_empty_week_in_none() -> None:
    """One bar on Wednesday 2020-01-08: two windows of one price, no deviation, no move."""
    windows = windows_of_closes({date(2020, 1, 8): 42.0})
    assert list(windows) == [date(2019, 12, 30), MONDAY]
    for window in windows.values():
        assert measures.average_price_usd(window) == 42
        assert measures.price_deviation_usd(window) is None
        assert measures.deviation_pct(window) is None
        assert measures.greatest_absolute_move(window) is None


@pytest.mark.parametrize("year", [1992, 1998, 2004, 2009, 2015, 2020])
def test_a_year_of_53_weeks_has_windows_like_any_other(year: int) -> None:
    """Week 53 and week 1 of the next year are one window; every bar is in two."""
    assert date(year, 12, 28).isocalendar().week == 53
    monday = date.fromisocalendar(year, 53, 1)
    days = weekdays(monday - timedelta(days=14), 25)
    windows = windows_of_closes({day: 1.0 + n for n, day in enumerate(days)})
    assert [start - monday for start in windows] == [timedelta(days=7 * n) for n in range(-3, 3)]
    over_new_year = windows[monday]
    assert {day.bar.day.isocalendar().week for day in over_new_year.days} == {53, 1}
    assert len(over_new_year.days) == 10
    assert sum(len(window.days) for window in windows.values()) == 2 * len(days)


def test_a_split_inside_the_window_moves_nothing() -> None:
    """200 on five days, a 4-for-1 split on Monday, 50 on five days: in today's share 50 on all ten, no move at all.

    A split that is effective after the market date is not known: then the fall is ln 4.
    """
    split_day = date(2020, 1, 13)
    closes = {day: 200.0 if day < split_day else 50.0 for day in TWO_WEEKS}
    window = windows_of_closes(closes, {split_day: 4.0})[MONDAY]
    assert (measures.average_price_usd(window), measures.price_deviation_usd(window)) == (50, 0)
    assert (measures.volatility(window), measures.greatest_absolute_move(window)) == (0, 0)
    unknown = windows_of_closes(closes, {split_day: 4.0}, market_date=date(2020, 1, 12))[MONDAY]
    assert measures.greatest_absolute_move(unknown) == math.log(4)


def test_two_reverse_splits_multiply_and_turnover_knows_no_split() -> None:
    """1-for-1000 twice: 0.0001 a share then is 100 now, and 5,000,000 shares then are 5 now: 500 USD either way."""
    bar = flat_bar(MONDAY, 0.0001, volume=5_000_000)
    splits = {date(2020, 2, 3): 0.001, date(2020, 3, 2): 0.001}
    (day,) = days_of([bar], splits, [MONDAY], date(2020, 12, 31))
    assert day.bar.close == pytest.approx(100, rel=1e-12)
    assert day.bar.volume == pytest.approx(5, rel=1e-12)
    for window in windows_of([day], date(2020, 12, 31)):
        assert measures.turnover_usd(window) == pytest.approx(500, rel=1e-12)


def test_a_provisional_bar_is_nowhere_not_even_the_close_before() -> None:
    """10, a provisional 1000, 11: one return, ln 1.1."""
    days = TWO_WEEKS[:3]
    bars = [flat_bar(days[0], 10), replace(flat_bar(days[1], 1000), provisional=True), flat_bar(days[2], 11)]
    found = days_of(bars, {}, days, date(2020, 12, 31))
    assert [day.bar.day for day in found] == [days[0], days[2]]
    assert found[1].log_return == math.log(11 / 10)


def test_only_a_window_whose_sunday_has_come_is_complete_and_only_a_begun_one_is_there() -> None:
    closes = dict.fromkeys(weekdays(MONDAY, 11), 1.0)
    windows = windows_of_closes(closes, market_date=date(2020, 1, 19))
    assert [window.is_complete(date(2020, 1, 19)) for window in windows.values()] == [True, True, False]
    assert [window.is_complete(date(2020, 1, 18)) for window in windows.values()] == [True, False, False]
    # The bar of Monday 2020-01-20 is in the window that began before it; its own begins when that day comes.
    assert list(windows)[-1] == date(2020, 1, 13)
    assert list(windows_of_closes(closes, market_date=date(2020, 1, 20)))[-1] == date(2020, 1, 20)


def test_a_missing_rate_costs_the_price_of_its_day_and_two_returns() -> None:
    """Ten days at 2 USD for one; on the fourth there is no rate. Nine prices; nine returns, seven of them in USD."""
    bars = [flat_bar(day, 100.0 + n % 2, None if n == 3 else 2.0, 10) for n, day in enumerate(TWO_WEEKS)]
    window = windows_of(days_of(bars, {}, TWO_WEEKS, date(2020, 12, 31)), date(2020, 12, 31))[1]
    assert [day.log_return_usd is None for day in window.days] == [n in (0, 3, 4) for n in range(10)]
    assert measures.average_price_usd(window) == pytest.approx((5 * 200 + 4 * 202) / 9, rel=1e-15)
    assert measures.turnover_usd(window) == 10 * (5 * 200 + 4 * 202)
    assert measures.price_deviation_local(window) == pytest.approx(math.sqrt(2.5 / 9), rel=1e-14)


def test_the_share_of_fx_is_what_the_currency_adds_to_the_variance() -> None:
    """Local returns +-1%, the currency +-1% with it: USD returns +-2%, four times the variance, share 3/4.

    Against it by half as much: USD returns +-0.5%, a quarter of the variance, share 1 - 4 = -3.
    """
    for usd_move, share in ((0.02, 0.75), (0.005, -3)):
        bars = []
        for n, day in enumerate(weekdays(date(2020, 1, 3), 11)):
            local, usd = math.exp(0.01 * (n % 2)), math.exp(usd_move * (n % 2))
            bars.append(Bar(day, local, local, local, local, 0, usd))
        days = days_of(bars, {}, [bar.day for bar in bars], date(2020, 12, 31))
        window = windows_of(days, date(2020, 12, 31))[2]
        assert len(window.days) == 10
        assert measures.fx_variance_share(window) == pytest.approx(share, rel=1e-12)


def test_noise_on_a_large_price_keeps_its_digits() -> None:
    """1e6 +- 2^-10, exact in binary: squared deviations 10 x 2^-20, deviation 2^-10 sqrt(10 / 9)."""
    window = windows_of_closes({day: 1e6 + 2**-10 * (-1) ** n for n, day in enumerate(TWO_WEEKS)})[MONDAY]
    assert measures.average_price_usd(window) == 1e6
    assert measures.price_deviation_usd(window) == pytest.approx(2**-10 * math.sqrt(10 / 9), rel=1e-15)
