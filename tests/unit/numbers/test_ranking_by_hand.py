"""The plain ranking and the influence of the earnings season, on windows that can be counted on fingers."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from oracles.earnings_influence import (
    HALF_MONTHS_OF_2020,
    TRUE_HALF_MONTHS,
    half_month_of,
    influence,
    influence_in_dollars,
)
from oracles.ranking import Values, covers, ranking, sundays_in

SUNDAY = date(2020, 3, 1)  # the look-backs of these tests start here


def ends(first: int, count: int) -> list[date]:
    """Sundays, counted in weeks from SUNDAY."""
    return [SUNDAY + timedelta(days=7 * n) for n in range(first, first + count)]


def always(value: float, first: int = 0, count: int = 6) -> Values:
    return dict.fromkeys(ends(first, count), value)


def test_a_look_back_holds_the_windows_that_end_after_its_start_and_up_to_its_end() -> None:
    """From Sunday to Sunday five weeks later: five windows, not the one that ends on the first day."""
    assert sundays_in(SUNDAY, SUNDAY + timedelta(days=35)) == ends(1, 5)
    assert sundays_in(SUNDAY - timedelta(days=1), SUNDAY + timedelta(days=34)) == ends(0, 5)


@pytest.mark.parametrize(("first", "is_covered"), [(-1, False), (0, True), (1, True), (2, False)])
def test_two_windows_hold_the_day_on_which_a_look_back_starts(first: int, is_covered: bool) -> None:
    """A window of 14 days that ends on the start itself or a week later holds it; one that ends two weeks later begins
    on the Monday after it.
    """
    assert covers(always(1.0, first, 1), SUNDAY, SUNDAY + timedelta(days=35)) is is_covered


def test_the_larger_mean_is_first_and_ties_go_by_symbol() -> None:
    """Look-back of five windows: WILD (1 + 2 + 3 + 4 + 5) / 5 = 3; B and A 2 each; what came before counts nowhere."""
    wild = dict(zip(ends(0, 6), [100.0, 1.0, 2.0, 3.0, 4.0, 5.0], strict=True))
    places = ranking({"B": always(2.0), "A": always(2.0), "WILD": wild}, SUNDAY, SUNDAY + timedelta(days=35))
    assert [(place.rank, place.symbol, place.value) for place in places] == [(1, "WILD", 3), (2, "A", 2), (3, "B", 2)]


def test_four_of_five_windows_are_enough_and_three_are_not() -> None:
    """A window without a value counts as one that is missing; both cover the start by the window that ends on it."""
    four, three = dict(always(1.0)), dict(always(1.0))
    four[ends(2, 1)[0]] = None
    del three[ends(2, 1)[0]], three[ends(3, 1)[0]]
    places = ranking({"FOUR": four, "THREE": three}, SUNDAY, SUNDAY + timedelta(days=35))
    assert [(place.symbol, place.rank, place.values, place.expected) for place in places] == [
        ("FOUR", 1, 4, 5),
        ("THREE", None, 3, 5),
    ]


def test_who_began_after_the_start_is_left_out_whatever_it_did_since() -> None:
    """Of ten windows nine have a value, but none holds the first day."""
    (place,) = ranking({"YOUNG": always(9.0, 2, 9)}, SUNDAY, SUNDAY + timedelta(days=70))
    assert (place.rank, place.values, place.expected, place.covers_start) == (None, 9, 10, False)


def test_half_months_turn_after_the_fifteenth() -> None:
    assert [half_month_of(date(2020, 1, day)) for day in (1, 15, 16, 31)] == [(1, 1), (1, 1), (1, 2), (1, 2)]
    assert half_month_of(date(2020, 2, 29)) == (2, 2)


def test_the_seasons_are_eight_half_months_each_and_share_none() -> None:
    """2020 took the two weeks on both sides of a quarter's end; companies report two to six weeks after it."""
    assert len(HALF_MONTHS_OF_2020) == len(TRUE_HALF_MONTHS) == 8
    assert not HALF_MONTHS_OF_2020 & TRUE_HALF_MONTHS
    assert (3, 2) in HALF_MONTHS_OF_2020
    assert (4, 2) in TRUE_HALF_MONTHS


def test_influence_is_the_ratio_of_the_means() -> None:
    """Look-back of Sunday 2020-03-01 to 2020-05-03, nine windows by their Fridays: March 6 and 13 are a first half, 20
    and 27 a second; April 3 and 10 first, 17 and 24 second; May 1 first. Of 2020: 20, 27, 3 and 10; in truth: 17, 24
    and May 1.

    Values 1 to 9 in turn. 2020: inside 3 + 4 + 5 + 6 = 18 / 4 = 4.5, outside 27 / 5 = 5.4: (1 + 4.5) / (1 + 5.4).
    True: inside 7 + 8 + 9 = 24 / 3 = 8, outside 21 / 6 = 3.5: 8 / 3.5 and (1 + 8) / (1 + 3.5) = 2.
    """
    windows: Values = dict(zip(ends(0, 10), map(float, range(10)), strict=True))
    end = date(2020, 5, 3)
    assert influence_in_dollars(windows, SUNDAY, end, HALF_MONTHS_OF_2020) == pytest.approx(5.5 / 6.4, rel=1e-15)
    assert influence_in_dollars(windows, SUNDAY, end, TRUE_HALF_MONTHS) == 2
    assert influence(windows, SUNDAY, end, TRUE_HALF_MONTHS) == pytest.approx(8 / 3.5, rel=1e-15)


def test_a_window_over_the_turn_of_a_half_month_goes_by_its_friday() -> None:
    """Sunday 2020-05-17 has its Friday on the 15th, the first half of May; by its Sunday it would be the second."""
    windows: Values = {SUNDAY: 1.0, date(2020, 5, 17): 6.0, date(2020, 5, 24): 2.0}
    assert influence(windows, SUNDAY, date(2020, 5, 24), TRUE_HALF_MONTHS) == 3


@pytest.mark.parametrize(
    "windows",
    [
        always(1.0, 2, 8),  # begins after the start
        always(1.0, 0, 3),  # March 6 and 13 alone: nothing inside
        {SUNDAY: 1.0, date(2020, 4, 19): 1.0},  # April 17 alone: nothing outside
    ],
)
def test_influence_needs_the_start_and_both_groups(windows: Values) -> None:
    assert influence(windows, SUNDAY, date(2020, 5, 3), TRUE_HALF_MONTHS) is None


def test_nothing_moved_outside_the_season() -> None:
    windows: Values = {SUNDAY: 0.0, SUNDAY + timedelta(days=7): 0.0, date(2020, 4, 19): 1.0}
    assert influence(windows, SUNDAY, date(2020, 5, 3), TRUE_HALF_MONTHS) is None
    assert influence_in_dollars(windows, SUNDAY, date(2020, 5, 3), TRUE_HALF_MONTHS) == 2
