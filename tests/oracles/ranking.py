"""The ranking as a plain average: every window of every symbol is looked at for each question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from oracles.sample_statistics import mean

Values = Mapping[date, float | None]  # a symbol's complete windows: the Sunday that each ends on -> its measure


@dataclass(frozen=True)
class Place:
    """A symbol's mean over the look-back. `values` of `expected` windows have one; `rank` is None if it is left out."""

    symbol: str
    rank: int | None
    value: float | None
    values: int
    expected: int
    covers_start: bool


def sundays_in(starts_on: date, ends_on: date) -> list[date]:
    """The Sundays in (starts_on, ends_on]: where the windows of a look-back end."""
    days = (starts_on + timedelta(days=n) for n in range(1, (ends_on - starts_on).days + 1))
    return [day for day in days if day.isoweekday() == 7]


def covers(windows: Values, starts_on: date, ends_on: date) -> bool:
    """Whether a window, complete by the end of the look-back, holds the day on which the look-back starts."""
    return any(end - timedelta(days=13) <= starts_on <= end <= ends_on for end in windows)


def ranking(windows: Mapping[str, Values], starts_on: date, ends_on: date) -> list[Place]:
    """All symbols, the ranked ones first: largest mean first, ties by symbol; then the left out by symbol.

    A symbol ranks where a window covers the start and at least 80% of the look-back's windows have a value.
    """
    ends = sundays_in(starts_on, ends_on)
    ranked, left_out = [], []
    for symbol, ours in sorted(windows.items()):
        found = [value for value in (ours.get(end) for end in ends) if value is not None]
        value, is_covered = mean(found) if found else None, covers(ours, starts_on, ends_on)
        if value is not None and is_covered and 5 * len(found) >= 4 * len(ends):
            ranked.append((-value, symbol, len(found)))
        else:
            left_out.append(Place(symbol, None, value, len(found), len(ends), is_covered))
    places = [
        Place(symbol, rank, -negative, found, len(ends), True)
        for rank, (negative, symbol, found) in enumerate(sorted(ranked), start=1)
    ]
    return places + left_out
