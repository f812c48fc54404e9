"""Bars and days for cases that are worked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from oracles.windows import Bar, Window, days_of, windows_of


def weekdays(first: date, count: int) -> list[date]:
    """That many days from Monday to Friday, from `first` on."""
    days = (first + timedelta(days=n) for n in range(2 * count + 7))
    return [day for day in days if day.isoweekday() <= 5][:count]


def flat_bar(day: date, close: float, usd_per_unit: float | None = 1.0, volume: float = 0.0) -> Bar:
    """A bar whose four prices are the close."""
    return Bar(day, close, close, close, close, volume, None if usd_per_unit is None else close * usd_per_unit)


def windows_of_closes(
    closes: Mapping[date, float],
    splits: Mapping[date, float] | None = None,
    sessions: list[date] | None = None,
    market_date: date = date(2100, 1, 1),
) -> dict[date, Window]:
    """Windows of flat bars in USD by their start. Without `sessions` the market holds one on each of the days."""
    bars = [flat_bar(day, close) for day, close in closes.items()]
    days = days_of(bars, splits or {}, sessions or sorted(closes), market_date)
    return {window.start: window for window in windows_of(days, market_date)}
