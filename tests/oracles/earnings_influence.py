"""How much more a symbol moves in the half-months of earnings than outside them."""

from __future__ import annotations

from collections.abc import Set
from datetime import date, timedelta

from oracles.ranking import Values, covers, sundays_in
from oracles.sample_statistics import mean

HalfMonth = tuple[int, int]  # month, 1 (up to day 15) or 2
HALF_MONTHS_OF_2020: Set[HalfMonth] = frozenset(
    {*((month, 2) for month in (3, 6, 9, 12)), *((month, 1) for month in (1, 4, 7, 10))}
)
TRUE_HALF_MONTHS: Set[HalfMonth] = frozenset(
    {*((month, 2) for month in (1, 4, 7, 10)), *((month, 1) for month in (2, 5, 8, 11))}
)


def half_month_of(day: date) -> HalfMonth:
    return day.month, 1 if day.day <= 15 else 2


def means_in_and_out(
    windows: Values, starts_on: date, ends_on: date, seasons: Set[HalfMonth]
) -> tuple[float, float] | None:
    """Mean of the measure inside and outside the seasons, over the windows that end in (starts_on, ends_on].

    A window belongs to the half-month of its last Friday, two days before the Sunday that it ends on. None where no
    window covers the start of the look-back, or a group is empty.
    """
    groups: dict[bool, list[float]] = {True: [], False: []}
    for end in sundays_in(starts_on, ends_on):
        value = windows.get(end)
        if value is not None:
            groups[half_month_of(end - timedelta(days=2)) in seasons].append(value)
    if not (covers(windows, starts_on, ends_on) and groups[True] and groups[False]):
        return None
    return mean(groups[True]), mean(groups[False])


def influence_in_dollars(windows: Values, starts_on: date, ends_on: date, seasons: Set[HalfMonth]) -> float | None:
    """(1 + mean inside) / (1 + mean outside), the form of 2020, for a deviation in USD."""
    means = means_in_and_out(windows, starts_on, ends_on, seasons)
    return None if means is None else (1 + means[0]) / (1 + means[1])


def influence(windows: Values, starts_on: date, ends_on: date, seasons: Set[HalfMonth]) -> float | None:
    """Mean inside / mean outside, for a volatility; None where nothing moved outside."""
    means = means_in_and_out(windows, starts_on, ends_on, seasons)
    return None if means is None or means[1] == 0 else means[0] / means[1]
