"""Windows of two ISO weeks from raw bars: what lies in each, and each day's returns. Section 5 of the design in loops.

Choices where the design leaves room:
- the close before a day is that of the symbol's last bar before it, also where that bar's OHLC is not consistent;
- a return in USD needs a USD close on both of its days: one that is missing costs two returns;
- a bar over a long gap (more than MOST_MISSED_SESSIONS) stays in its window with its prices, and has no return;
- the overnight return of a window's first bar starts, as its return does, from the close before the window.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

MOST_MISSED_SESSIONS = 5
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Bar:
    """One symbol's day. Prices in the quoted currency and a share of that day, `volume` in such shares.

    `close_usd` is the close in USD at the day's own rate; None where there is no rate.
    """

    day: date
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    close_usd: float | None = None
    provisional: bool = False

    @property
    def is_consistent(self) -> bool:
        return 0 < self.low <= min(self.open, self.close) and max(self.open, self.close) <= self.high


@dataclass(frozen=True)
class Day:
    """A bar in today's share with its log returns since the close before; `overnight` is the open's.

    All None on the symbol's first day and after a long gap; the one in USD where a rate is missing too.
    """

    bar: Bar
    log_return: float | None
    log_return_usd: float | None
    overnight: float | None


@dataclass(frozen=True)
class Window:
    """Days of one symbol from Monday `start` to the Sunday 13 days later; at least one day."""

    start: date
    days: tuple[Day, ...]

    @property
    def end(self) -> date:
        return self.start + timedelta(days=13)

    def is_complete(self, market_date: date) -> bool:
        return self.end <= market_date


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def in_todays_share(bars: Iterable[Bar], splits: Mapping[date, float], market_date: date) -> list[Bar]:
    """Bars by day without provisional ones, adjusted for the splits effective up to the market date, not for dividends.

    `splits`: effective date -> new shares for one old. A price before a split is divided by it, the volume multiplied.
    """
    adjusted = []
    for bar in sorted(bars, key=lambda each: each.day):
        if bar.provisional:
            continue
        factor = math.prod(new for effective, new in splits.items() if bar.day < effective <= market_date)
        adjusted.append(
            replace(
                bar,
                open=bar.open / factor,
                high=bar.high / factor,
                low=bar.low / factor,
                close=bar.close / factor,
                volume=bar.volume * factor,
                close_usd=None if bar.close_usd is None else bar.close_usd / factor,
            )
        )
    return adjusted


def missed_sessions(sessions: Sequence[date], before: date, day: date) -> int:
    """How many of the market's sessions (ascending) lie strictly between two days."""
    return bisect_left(sessions, day) - bisect_right(sessions, before)


def days_of(
    bars: Iterable[Bar], splits: Mapping[date, float], sessions: Sequence[date], market_date: date
) -> list[Day]:
    """Each day of one symbol, in today's share, with its returns. `sessions`: all of its market's, ascending."""
    days: list[Day] = []
    before: Bar | None = None
    for bar in in_todays_share(bars, splits, market_date):
        if before is None or missed_sessions(sessions, before.day, bar.day) > MOST_MISSED_SESSIONS:
            days.append(Day(bar, None, None, None))
        else:
            in_usd = None
            if bar.close_usd is not None and before.close_usd is not None:
                in_usd = math.log(bar.close_usd / before.close_usd)
            days.append(Day(bar, math.log(bar.close / before.close), in_usd, math.log(bar.open / before.close)))
        before = bar
    return days


def windows_of(days: Iterable[Day], market_date: date) -> list[Window]:
    """All windows that hold a day and have begun by the market date, by start. Each week is in two of them."""
    found: dict[date, list[Day]] = {}
    for day in days:
        monday = monday_of(day.bar.day)
        for start in (monday - WEEK, monday):
            if start <= market_date:
                found.setdefault(start, []).append(day)
    return [Window(start, tuple(found[start])) for start in sorted(found)]
