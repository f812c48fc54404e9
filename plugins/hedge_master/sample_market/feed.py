"""What the feed makes of a simulated stock's true bars: zeros on holidays, wrong bars, late bars, half-finished ones.

A `Feed` is computed once for a symbol, for all days; what it serves is a function of the moment alone. Each blemish
draws from a generator of its own, so that switching one off changes nothing else. A correction or a late bar comes
within LATEST_MEND sessions, and never after the symbol's last day: whoever reads the latest 100 bars every day misses
none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from hedge_master.sample_market.blemish import Blemish, Blemishes
from hedge_master.sample_market.half_finished import half_finished
from hedge_master.sample_market.listing import History, Listing
from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.seeds import generator, uniforms
from hedge_master.sample_market.sessions import Days
from hedge_master.sample_market.simulated import printed
from hedge_master.sample_market.world import Floats

HOLIDAY_ZEROS_SHARE = 0.1  # of the symbols
CORRECTION_SHARE, SOONEST_MEND, LATEST_MEND = 0.002, 2, 8  # of the bars; sessions until the right bar
SMALLEST_ERROR, LARGEST_ERROR = 0.02, 0.06
MISSING_SHARE, SOONEST_ARRIVAL, LATEST_ARRIVAL = 0.001, 1, 5  # of the bars; sessions until the bar


@dataclass(frozen=True, slots=True)
class ScriptedErrors:
    """Errors of one symbol by day of the bar, instead of random ones: the first day on which the feed is right."""

    corrections: tuple[tuple[date, date], ...] = ()
    missing_days: tuple[tuple[date, date], ...] = ()
    holiday_zeros: bool = False


@dataclass(frozen=True, slots=True)
class _Mends:
    """Bars that the feed mends: their days (ascending) and, for each, the first day on which it is mended."""

    days: Days
    mended: Days

    def pending(self, newest: date, today: date) -> npt.NDArray[np.bool_]:
        """Which of the bars, up to the one of `newest`, are still to be mended on `today`."""
        return (self.days <= np.datetime64(newest)) & (self.mended > np.datetime64(today))


class Feed:
    """One simulated symbol as it is served, for every moment.

    listing: the symbol. truth: all its bars. sessions: all of its exchange. blemishes: those that are switched on.
    script: its errors where they are scripted; None = random ones.
    """

    def __init__(
        self,
        seed: int,
        listing: Listing,
        truth: History,
        sessions: Days,
        blemishes: Blemishes,
        script: ScriptedErrors | None = None,
    ) -> None:
        self._seed, self._listing, self._blemishes = seed, listing, blemishes
        self._truth, self._sessions = truth, sessions
        self._served = truth
        self._wrong = self._corrections(script)
        self._wrong_prices = self._wrong_bars()
        self._late = self._missing_days(script)
        if self._has_holiday_zeros(script):
            self._served = with_zeros(truth, weekday_holidays(sessions, truth.days[0], truth.days[-1]))

    def at(self, moment: Moment) -> History:
        """The series as the feed has it at `moment`. It can be empty."""
        market, today = self._listing.market, moment.day
        finished = today if market.share_over(moment) == 1.0 else today - timedelta(days=1)
        known = self._with_errors(self._served.until(finished), finished, today)
        if Blemish.HALF_FINISHED_BAR not in self._blemishes or not market.open_now(moment):
            return known
        late_today = np.datetime64(today) in self._late.days[self._late.pending(today, today)]
        if late_today or np.datetime64(today) not in self._truth.days:
            return known
        position = int(np.searchsorted(self._truth.days, np.datetime64(today)))
        splits = self._truth.until(today).splits
        prices, volume = half_finished(
            self._truth.prices[position],
            int(self._truth.volumes[position]),
            market.share_over(moment),
            uniforms(self._seed, f"session {self._listing.identity} {today}"),
        )
        return History(
            np.append(known.days, np.datetime64(today)),
            np.vstack([known.prices, printed(prices, market)]),
            np.append(known.volumes, volume),
            splits,
        )

    def _with_errors(self, known: History, newest: date, today: date) -> History:
        wrong, late = self._wrong.pending(newest, today), self._late.pending(newest, today)
        days, prices, volumes = known.days, known.prices, known.volumes
        if wrong.any():
            prices = prices.copy()
            prices[np.searchsorted(days, self._wrong.days[wrong])] = self._wrong_prices[wrong]
        if late.any():
            there = np.ones(len(days), dtype=bool)
            there[np.searchsorted(days, self._late.days[late])] = False
            days, prices, volumes = days[there], prices[there], volumes[there]
        return History(days, prices, volumes, known.splits)

    def _corrections(self, script: ScriptedErrors | None) -> _Mends:
        if Blemish.CORRECTION not in self._blemishes:
            return _scripted(())
        if script is not None:
            return _scripted(script.corrections)
        return self._random("correction", CORRECTION_SHARE, SOONEST_MEND, LATEST_MEND)

    def _missing_days(self, script: ScriptedErrors | None) -> _Mends:
        if Blemish.MISSING_DAY not in self._blemishes:
            return _scripted(())
        if script is not None:
            return _scripted(script.missing_days)
        return self._random("missing day", MISSING_SHARE, SOONEST_ARRIVAL, LATEST_ARRIVAL)

    def _random(self, kind: str, share: float, soonest: int, latest: int) -> _Mends:
        """Drawn for all sessions of the exchange, so that a bar's fate depends on seed, symbol, kind and day alone."""
        random = generator(self._seed, f"{kind} {self._listing.identity}")
        hit = random.random(len(self._sessions)) < share
        sessions_later = random.integers(soonest, latest + 1, len(self._sessions))
        at = np.flatnonzero(hit)
        mended_at = at + sessions_later[at]
        at, mended_at = at[mended_at < len(self._sessions)], mended_at[mended_at < len(self._sessions)]
        days, mended = self._sessions[at], self._sessions[mended_at]
        # Not the first bar, so that a symbol that is known has one; nothing that would be mended after the last bar.
        inside = (days > self._truth.days[0]) & (mended <= self._truth.days[-1])
        return _Mends(days[inside], mended[inside])

    def _wrong_bars(self) -> Floats:
        """(m, 4): the bars of self._wrong with a close that is off, high and low widened to hold it."""
        random = generator(self._seed, f"wrong close {self._listing.identity}")
        sizes = random.uniform(SMALLEST_ERROR, LARGEST_ERROR, len(self._sessions))
        signs = np.where(random.random(len(self._sessions)) < 0.5, -1.0, 1.0)
        at = np.searchsorted(self._sessions, self._wrong.days)
        bars = self._truth.prices[np.searchsorted(self._truth.days, self._wrong.days)].copy()
        bars[:, 3] *= 1 + signs[at] * sizes[at]
        bars[:, 1] = np.maximum(bars[:, 1], bars[:, 3])
        bars[:, 2] = np.minimum(bars[:, 2], bars[:, 3])
        return printed(bars, self._listing.market)

    def _has_holiday_zeros(self, script: ScriptedErrors | None) -> bool:
        if Blemish.HOLIDAY_ZEROS not in self._blemishes:
            return False
        if script is not None:
            return script.holiday_zeros
        return uniforms(self._seed, f"holiday zeros {self._listing.identity}")[0] < HOLIDAY_ZEROS_SHARE


def _scripted(errors: tuple[tuple[date, date], ...]) -> _Mends:
    table = np.array(errors, dtype="datetime64[D]").reshape(-1, 2)
    return _Mends(table[:, 0], table[:, 1])


def weekday_holidays(sessions: Days, first: np.datetime64, last: np.datetime64) -> Days:
    """The days from Monday to Friday between two days (inclusive) on which the exchange was shut."""
    days = np.arange(first, last + 1, dtype="datetime64[D]")
    return days[np.is_busday(days) & ~np.isin(days, sessions)]


def with_zeros(history: History, holidays: Days) -> History:
    """The history with a row of zeros on each of `holidays`."""
    at = np.searchsorted(history.days, holidays)
    return History(
        np.insert(history.days, at, holidays),
        np.insert(history.prices, at, 0.0, axis=0),
        np.insert(history.volumes, at, 0),
        history.splits,
    )
