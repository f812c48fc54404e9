"""Estimators from open, high, low and close: worked by hand, and as wickra 2.0.0 (PyPI) computes them."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import pytest

from oracles import range_estimators as estimators
from oracles.made_up_bars import weekdays
from oracles.windows import Bar, Day, Window, days_of, windows_of

MONDAY = date(2020, 1, 6)
PRICES = ("open", "high", "low", "close")


def bar(opened: float, high: float, low: float, close: float, day: date = MONDAY) -> Bar:
    """Prices by their logarithm in hundredths: 0 is 1, 3 is e^0.03."""
    return Bar(day, *(math.exp(price / 100) for price in (opened, high, low, close)))


def window(bars: list[Bar], overnight: list[float | None]) -> Window:
    return Window(MONDAY, tuple(Day(each, night, night, night) for each, night in zip(bars, overnight, strict=True)))


# After a close at -1: ln(H/L) 4, 5, 2; ln(C/O) 2, -3, 2; ln(O/C before) 1, -1, 1, all in hundredths.
THREE = [bar(0, 3, -1, 2), bar(1, 2, -3, -2), bar(-1, 1, -1, 1)]
THREE_NIGHTS = [0.01, -0.01, 0.01]


def test_parkinson() -> None:
    """(16 + 25 + 4) / 3 = 15; 15 / (4 ln 2) = 15 / 2.772588722 = 5.410106403."""
    assert estimators.parkinson_variance(THREE) == pytest.approx(5.410106403e-4, rel=1e-9)


def test_garman_klass() -> None:
    """Half of 45 is 22.5; ln(C/O)^2: 4 + 9 + 4 = 17, by 2 ln 2 - 1 = 0.386294361: 6.567004139; a third of the rest."""
    assert estimators.garman_klass_variance(THREE) == pytest.approx((22.5 - 6.567004139) / 3 * 1e-4, rel=1e-9)


def test_rogers_satchell() -> None:
    """1 x 3 + -3 x -1 = 6; 4 x 1 + -1 x -4 = 8; 0 x 2 + -2 x 0 = 0: 14 / 3."""
    assert estimators.rogers_satchell_variance(THREE) == pytest.approx(14 / 3 * 1e-4, rel=1e-12)


def test_yang_zhang() -> None:
    """Overnight, mean 1/3, squares 4/9 + 16/9 + 4/9, variance 4/3; open to close, mean 1/3, squares 25/9 + 100/9 +
    25/9, variance 25/3.

    n = 3: k = 0.34 / (1.34 + 4 / 2) = 0.34 / 3.34. 4/3 + k 25/3 + (1 - k) 14/3 = 6 + k 11/3 = 6.373253493.
    """
    assert estimators.yang_zhang_variance(THREE, THREE_NIGHTS) == pytest.approx(6.373253493e-4, rel=1e-9)


def test_a_year_is_252_days_and_nothing_else_is_corrected() -> None:
    """Seven bars of ln(H/L) 4 and ln(C/O) 2 in hundredths, Rogers-Satchell 6; each opened 1 over the close before.

    Overnight and open to close do not vary. n = 7: k = 0.34 / (1.34 + 8 / 6) = 0.1271820449.
    """
    seven = window([bar(0, 3, -1, 2)] * 7, [0.01] * 7)
    expected = {
        estimators.parkinson: 16 / 2.772588722,
        estimators.garman_klass: 8 - 4 * 0.386294361,
        estimators.rogers_satchell: 6,
        estimators.yang_zhang: (1 - 0.1271820449) * 6,
    }
    for estimator, variance in expected.items():
        assert estimator(seven) == pytest.approx(math.sqrt(252 * variance * 1e-4), rel=1e-9)


ESTIMATORS = [
    estimators.parkinson,
    estimators.garman_klass,
    estimators.rogers_satchell,
    estimators.yang_zhang,
]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_inconsistent_bar_is_left_out_and_seven_must_be_left(estimator: estimators.Estimator) -> None:
    """An open above the high. Seven good bars and a bad one are as the seven; six and a bad one are too few."""
    good, bad = bar(0, 3, -1, 2), bar(5, 3, -1, 2)
    assert not bad.is_consistent
    seven = window([good] * 7, [0.01] * 7)
    assert estimator(window([good] * 3 + [bad] + [good] * 4, [0.01] * 8)) == estimator(seven)
    assert estimator(seven) is not None
    assert estimator(window([good] * 3 + [bad] + [good] * 3, [0.01] * 7)) is None


def test_a_bar_without_an_overnight_return_is_left_out_of_yang_zhang_whole() -> None:
    """The first of eight bars follows a long gap: Yang-Zhang is that of the other seven, the others are of eight."""
    wide, calm = bar(0, 9, -9, 0), bar(0, 3, -1, 2)
    nights: list[float | None] = [None, 0.01, -0.01, 0.01, -0.01, 0.01, -0.01, 0.01]
    after_gap = window([wide] + [calm] * 7, nights)
    seven = window([calm] * 7, nights[1:])
    assert estimators.yang_zhang(after_gap) == estimators.yang_zhang(seven)
    assert estimators.parkinson(after_gap) == pytest.approx(math.sqrt(252 * (324 + 7 * 16) / 8 / 2.772588722) / 100)


def test_the_first_bar_of_a_window_opens_over_the_close_before_it_and_over_a_split() -> None:
    """Each bar opens 1 over the last close and closes 2 over its open, in hundredths; a 4-for-1 split in the second
    week.

    Overnight returns are 1, all eight of them, and do not vary; nor does open to close: (1 - k) 6 is left, with n = 8,
    k = 0.34 / (1.34 + 9 / 7) = 0.1294885745.
    """
    split_day, bars = date(2020, 1, 13), []
    for n, day in enumerate(weekdays(date(2020, 1, 3), 9)):
        shift, share = 3 * n, 1 if day >= split_day else 4
        raw = bar(shift, shift + 3, shift - 1, shift + 2, day)
        bars.append(replace(raw, **{name: getattr(raw, name) * share for name in PRICES}))
    days = days_of(bars, {split_day: 4.0}, [each.day for each in bars], date(2020, 12, 31))
    assert [each.overnight for each in days] == [None, *[pytest.approx(0.01, rel=1e-9)] * 8]
    eight = next(each for each in windows_of(days, date(2020, 12, 31)) if each.start == MONDAY)
    variance = (1 - 0.1294885745) * 6e-4
    assert estimators.yang_zhang(eight) == pytest.approx(math.sqrt(252 * variance), rel=1e-9)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_flat_market_has_no_volatility_and_no_negative_variance(estimator: estimators.Estimator) -> None:
    assert estimator(window([bar(0, 0, 0, 0)] * 10, [0.0] * 10)) == 0


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_dearer_by_a_thousand_is_as_volatile(estimator: estimators.Estimator) -> None:
    def times(each: Bar, factor: float) -> Bar:
        return replace(each, **{name: getattr(each, name) * factor for name in PRICES})

    bars, nights = [*THREE, *THREE, *THREE], [*THREE_NIGHTS, *THREE_NIGHTS, *THREE_NIGHTS]
    dear = [times(each, 1000) for each in bars]
    assert estimator(window(dear, nights)) == pytest.approx(estimator(window(bars, nights)), rel=1e-12)


def test_the_published_implementation_says_the_same() -> None:
    """The last value that Parkinson-, GarmanKlass-, RogersSatchell- and YangZhangVolatility(7, 252) of wickra 2.0.0
    give for these bars, a hundredth of their percent. The first bar is the close before the window.
    """
    prices = [
        (100, 102, 99, 101),
        (101.5, 103, 100.5, 100.75),
        (100, 104, 99.5, 103.5),
        (104, 105.25, 102, 102.5),
        (102.25, 102.75, 98, 98.5),
        (97, 101, 96.5, 100.5),
        (100.5, 100.5, 100.5, 100.5),
        (101, 106, 100.75, 105.5),
    ]
    bars = [Bar(day, *each) for day, each in zip(weekdays(MONDAY, 8), prices, strict=True)]
    nights: list[float | None] = [math.log(bars[n].open / bars[n - 1].close) for n in range(1, 8)]
    seven = window(bars[1:], nights)
    assert estimators.parkinson(seven) == pytest.approx(0.36821450087928975, rel=1e-14)
    assert estimators.garman_klass(seven) == pytest.approx(0.3232430451391933, rel=1e-14)
    assert estimators.rogers_satchell(seven) == pytest.approx(0.2891009279085191, rel=1e-14)
    assert estimators.yang_zhang(seven) == pytest.approx(0.342970654057865, rel=1e-14)
