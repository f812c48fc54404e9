"""Quarterly reports of simulated companies: when, how loud the day is, what was earned.

Each report depends on (seed, company, quarter) only, so that a calendar of all companies needs no price path. A company
always reports either before its exchange opens (the session of the report's day is the loud one) or after it has closed
(the next session is). The day is a session between the 16th of the first month after the quarter and the 15th of the
next one, when most real US companies report.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

import numpy as np

from hedge_master.sample_market.exchanges import MAJOR_UNITS, Market
from hedge_master.sample_market.listing import Listing
from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.seeds import uniforms
from hedge_master.sample_market.sessions import Days
from hedge_master.sample_market.world import Floats, World
from hedge_master.settings import LAST_MARKET_DATE

# A report makes a stock's own part of a day at least and at most this many times as loud.
QUIETEST_REPORT, LOUDEST_REPORT = 1.5, 3.5
PRE_MARKET_SHARE = 0.5
# Typical price over the yearly earnings of 1999; its spread between companies; growth and noise of a quarter.
PRICE_TO_EARNINGS, EARNINGS_SPREAD, EARNINGS_GROWTH, EARNINGS_NOISE = 18.0, 0.6, 0.01, 0.25
LARGEST_SURPRISE = 0.15
# A calendar looks at most a year ahead of LAST_MARKET_DATE.
SEASONS_END = "2025-01"


@dataclass(frozen=True, slots=True)
class Habits:
    """What a company does at every report. earnings: of a quarter in 1999, in the major unit of its currency."""

    pre_market: bool
    earnings: float


@dataclass(frozen=True, slots=True)
class Report:
    """One quarter's report. reported, estimated: earnings per share in the major unit, not adjusted for splits."""

    fiscal_end: date
    day: date
    pre_market: bool
    loudness: float
    reported: float
    estimated: float

    @property
    def time_of_day(self) -> str:
        return "pre-market" if self.pre_market else "post-market"

    def known(self, moment: Moment, market: Market) -> bool:
        """Whether it is out: before the opening of its day, or from the close of that day on."""
        if moment.day != self.day:
            return self.day < moment.day
        return market.share_over(moment) == 1.0 or (self.pre_market and market.open_now(moment))


@dataclass(frozen=True, slots=True)
class Season:
    """The sessions on which companies of one market report on one quarter; `number`: of the quarter, from 1999."""

    number: int
    fiscal_end: date
    days: tuple[date, ...]


def seasons(sessions: Days) -> tuple[Season, ...]:
    """All reporting seasons of a market from January 1999 to SEASONS_END, oldest first.

    The sessions end on LAST_MARKET_DATE; weekdays stand in after it, since no price is ever asked for there.
    """
    ahead = np.arange(np.datetime64(LAST_MARKET_DATE) + 1, np.datetime64(SEASONS_END, "D"))
    days = np.concatenate([sessions, ahead[np.is_busday(ahead)]])
    starts = np.arange(np.datetime64("1999-01"), np.datetime64(SEASONS_END), 3).astype("datetime64[D]")
    found = []
    for number, start in enumerate(starts):
        first, last = start + 15, (start.astype("datetime64[M]") + 1).astype("datetime64[D]") + 14
        inside = days[np.searchsorted(days, first) : np.searchsorted(days, last, side="right")]
        found.append(Season(number, (start - 1).item(), tuple(inside.tolist())))
    return tuple(found)


class ReportBook:
    """The reports of every simulated company of one world."""

    def __init__(self, world: World) -> None:
        self._seed = world.seed
        self._seasons = lru_cache(maxsize=None)(lambda market: seasons(world.sessions(market)))

    def reports(self, listing: Listing, first: date, last: date) -> list[Report]:
        """The company's reports between two days (inclusive), oldest first, were it listed for ever after its IPO."""
        habits = self.habits(listing)
        first = max(first, listing.first_bar)
        return [
            report
            for season in self._seasons(listing.market)
            if season.days[-1] >= first and season.days[0] <= last
            if first <= (report := self._report(listing, habits, season)).day <= last
        ]

    def loudness(self, listing: Listing, days: Days) -> Floats:
        """By how much each of `days`, the company's sessions, is louder than others: 1 but for those after a report."""
        told = self.reports(listing, days[0].item(), days[-1].item())
        side: Literal["left", "right"] = "left" if self.habits(listing).pre_market else "right"
        at = np.searchsorted(days, np.array([report.day for report in told], dtype="datetime64[D]"), side=side)
        # One more for what is reported after the last session's close.
        loud = np.ones(len(days) + 1)
        loud[at] = [report.loudness for report in told]
        return loud[:-1]

    def habits(self, listing: Listing) -> Habits:
        early, rich, *_ = uniforms(self._seed, f"reports {listing.identity}")
        market = listing.market
        price = market.typical_price / (100 if market.currency in MAJOR_UNITS else 1)
        spread = float(np.exp(EARNINGS_SPREAD * (2 * rich - 1)))
        return Habits(early < PRE_MARKET_SHARE, price / PRICE_TO_EARNINGS / 4 * spread)

    def _report(self, listing: Listing, habits: Habits, season: Season) -> Report:
        when, loud, luck, surprise, *_ = uniforms(self._seed, f"report {listing.identity} {season.number}")
        decimals = 2 if habits.earnings > 0.2 else 4
        growth = (1 + EARNINGS_GROWTH) ** season.number * float(np.exp(EARNINGS_NOISE * (2 * luck - 1)))
        reported = round(habits.earnings * growth, decimals)
        return Report(
            season.fiscal_end,
            season.days[int(when * len(season.days))],
            habits.pre_market,
            QUIETEST_REPORT + (LOUDEST_REPORT - QUIETEST_REPORT) * loud,
            reported,
            round(reported / (1 + LARGEST_SURPRISE * (2 * surprise - 1)), decimals),
        )
