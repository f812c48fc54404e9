"""The figures of 2020 exactly: 14 days that end on a Friday, USD closes as they were quoted, rounded to 4 decimals.

Where it differs from the windows of today, though no split is near:
- its window is Saturday to Friday, ours Monday to Sunday: the same closes where nobody trades at week-ends, other ones
  in markets that open on Sundays;
- it ends two days earlier, so a look-back (as_of - look-back, as_of] that starts or ends on a Friday or Saturday holds
  one window more, or less, than ours;
- a window covers the start of the look-back by its dates alone: with a first bar up to 12 days after the start too;
- one with fewer than two closes is dropped and counts nowhere: there is no 80% rule;
- closes are not adjusted: windows before a split are in another share than ours, and a split inside one is a storm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from oracles.earnings_influence import HALF_MONTHS_OF_2020, half_month_of
from oracles.sample_statistics import mean, sample_deviation


@dataclass(frozen=True)
class Window2020:
    """USD, 4 decimals. `start` is a Saturday, `end` the Friday 13 days later."""

    start: date
    end: date
    average_price: float
    price_deviation: float


def windows_of_2020(closes_usd: Mapping[date, float], as_of: date) -> list[Window2020]:
    """Windows of one symbol that end up to as_of, one a week; those without a deviation are dropped."""
    first, last = min(closes_usd), max(closes_usd)
    end = first + timedelta(days=(4 - first.weekday()) % 7)
    found = []
    while end <= as_of and end - timedelta(days=13) <= last:
        start = end - timedelta(days=13)
        closes = [closes_usd[day] for n in range(14) if (day := start + timedelta(days=n)) in closes_usd]
        deviation = sample_deviation(closes)
        if deviation is not None:
            found.append(Window2020(start, end, round(mean(closes), 4), round(deviation, 4)))
        end += timedelta(days=7)
    return found


def ranking_of_2020(
    windows: Mapping[str, list[Window2020]], starts_on: date, as_of: date, limit: int = 100
) -> list[tuple[str, float]]:
    """(symbol, mean price_deviation), largest first, over windows that end in (starts_on, as_of].

    starts_on is as_of less the look-back, one year where nothing else was chosen. 2020 left the order of ties open: by
    symbol here.
    """
    means = []
    for symbol, ours in windows.items():
        inside = [each.price_deviation for each in ours if starts_on < each.end <= as_of]
        if inside and _covers(ours, starts_on):
            means.append((symbol, mean(inside)))
    return sorted(means, key=lambda each: (-each[1], each[0]))[:limit]


def influence_of_2020(windows: list[Window2020], starts_on: date, as_of: date) -> float | None:
    """(1 + mean deviation in the half-months of 2020) / (1 + mean deviation outside); None where a group is empty."""
    inside = [each for each in windows if starts_on < each.end <= as_of]
    seasons = [each.price_deviation for each in inside if half_month_of(each.end) in HALF_MONTHS_OF_2020]
    others = [each.price_deviation for each in inside if half_month_of(each.end) not in HALF_MONTHS_OF_2020]
    if not (_covers(windows, starts_on) and seasons and others):
        return None
    return (1 + mean(seasons)) / (1 + mean(others))


def _covers(windows: list[Window2020], starts_on: date) -> bool:
    return any(each.start <= starts_on <= each.end for each in windows)
