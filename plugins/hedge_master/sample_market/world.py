"""The forces that move all simulated stocks: one world factor, one factor a market, and the storms of history.

World: r_t = drift + storm_t * sigma * sqrt(h_t) * z_t on weekdays, h a GARCH(1,1) (Bollerslev 1986) with standardised
Student-t innovations z (Bollerslev 1987). Market factors are built the same way on the market's own sessions.
A stock's return is a sum of betas times factors and its own noise (the index model: Sharpe 1963).
The storms are a table of our own, shaped after what world indices did; nothing is fitted to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hedge_master.sample_market.exchanges import Market
from hedge_master.sample_market.seeds import generator
from hedge_master.sample_market.sessions import Days
from hedge_master.settings import FIRST_MARKET_DATE, LAST_MARKET_DATE

Floats = npt.NDArray[np.float64]

TRADING_DAYS_A_YEAR = 252

# GARCH(1,1) with unit mean variance: h = (1 - ALPHA - BETA) + ALPHA * e^2 + BETA * h. With 5 degrees of freedom these
# keep the fourth moment finite ((ALPHA + BETA)^2 + (kurtosis - 1) * ALPHA^2 < 1): it clusters but never explodes.
ALPHA, BETA = 0.06, 0.92
DEGREES_OF_FREEDOM = 5
# Student-t draws beyond this many standard deviations (about 1 in 30,000) are cut there: no 60% day out of nothing.
LARGEST_SHOCK = 7.0

WORLD_VOLATILITY = 0.12  # a year, outside storms
WORLD_DRIFT = 0.05  # log points a year, outside storms
MARKET_VOLATILITY = 0.08
# A storm that multiplies the world's volatility by m multiplies a market's own by 1 + MARKET_STORM * (m - 1).
MARKET_STORM = 0.5


@dataclass(frozen=True, slots=True)
class Storm:
    """Between two days (inclusive): world volatility times `multiple`, and a world move of `log_move` in all."""

    first: str
    last: str
    multiple: float
    log_move: float


STORMS = (
    Storm("2000-03-27", "2002-10-09", 1.3, -0.45),
    Storm("2008-09-15", "2008-11-20", 3.5, -0.45),
    Storm("2008-11-21", "2009-03-09", 2.5, -0.15),
    Storm("2009-03-10", "2009-12-31", 1.5, 0.45),
    Storm("2011-08-01", "2011-10-04", 2.0, -0.12),
    Storm("2015-08-18", "2015-09-30", 1.7, -0.06),
    Storm("2020-02-20", "2020-03-23", 4.0, -0.38),
    Storm("2020-03-24", "2020-04-30", 2.5, 0.25),
    Storm("2020-05-01", "2020-08-31", 1.4, 0.15),
    Storm("2022-01-03", "2022-10-12", 1.4, -0.22),
)


def garch(shocks: Floats) -> Floats:
    """Conditional variances h_t (mean 1) of e_t = sqrt(h_t) * z_t for standardised shocks z; h_0 = 1."""
    variances = np.empty(len(shocks))
    variance, constant = 1.0, 1.0 - ALPHA - BETA
    for position, square in enumerate((shocks * shocks).tolist()):
        variances[position] = variance
        variance = constant + variance * (ALPHA * square + BETA)
    return variances


def student_shocks(random: np.random.Generator, count: int) -> Floats:
    """`count` Student-t draws scaled to variance 1 and cut at LARGEST_SHOCK."""
    scale = np.sqrt((DEGREES_OF_FREEDOM - 2) / DEGREES_OF_FREEDOM)
    shocks: Floats = random.standard_t(DEGREES_OF_FREEDOM, count) * scale
    return np.clip(shocks, -LARGEST_SHOCK, LARGEST_SHOCK)


def storm_multiples(days: Days) -> Floats:
    """The world volatility multiple of each day (1 = calm)."""
    multiples = np.ones(len(days))
    for storm in STORMS:
        multiples[(days >= np.datetime64(storm.first)) & (days <= np.datetime64(storm.last))] = storm.multiple
    return multiples


@dataclass(frozen=True, slots=True)
class Factors:
    """What moves all stocks of one market, session by session.

    days: sessions. world, market: log returns since the session before. world_variance, market_variance: their
    conditional variances. storm: the volatility multiple of the day.
    """

    days: Days
    world: Floats
    world_variance: Floats
    market: Floats
    market_variance: Floats
    storm: Floats


class World:
    """The factors of one seed; each market's are computed once and kept."""

    def __init__(self, seed: int, sessions: dict[str, Days]) -> None:
        self.seed = seed
        self._sessions = sessions
        self._calendar, self._returns, self._variances = _world(seed)
        self.factors = lru_cache(maxsize=None)(self._factors)

    def sessions(self, market: Market) -> Days:
        return self._sessions[market.calendar]

    def _factors(self, market: Market) -> Factors:
        days = self.sessions(market)
        # A session moves by all the world did since the session before: a holiday is caught up on.
        at = (days - self._calendar[0]).astype(np.int64)
        moved = np.diff(np.cumsum(self._returns)[at], prepend=0.0)
        spread = np.diff(np.cumsum(self._variances)[at], prepend=0.0)
        storm = storm_multiples(days)
        shocks = student_shocks(generator(self.seed, f"market {market.region}"), len(days))
        variance = (MARKET_VOLATILITY * (1 + MARKET_STORM * (storm - 1))) ** 2 / TRADING_DAYS_A_YEAR * garch(shocks)
        return Factors(days, moved, spread, np.sqrt(variance) * shocks, variance, storm)


def _world(seed: int) -> tuple[Days, Floats, Floats]:
    """All calendar days, the world's log return on each (0 at weekends), and its conditional variance."""
    days = np.arange(np.datetime64(FIRST_MARKET_DATE), np.datetime64(LAST_MARKET_DATE) + 1)
    weekday = np.is_busday(days)
    shocks = student_shocks(generator(seed, "world"), int(weekday.sum()))
    variances = np.zeros(len(days))
    variances[weekday] = (WORLD_VOLATILITY * storm_multiples(days[weekday])) ** 2 / TRADING_DAYS_A_YEAR * garch(shocks)
    drift = np.where(weekday, WORLD_DRIFT / TRADING_DAYS_A_YEAR, 0.0)
    for storm in STORMS:
        inside = weekday & (days >= np.datetime64(storm.first)) & (days <= np.datetime64(storm.last))
        drift[inside] = storm.log_move / inside.sum()
    returns = drift
    returns[weekday] += np.sqrt(variances[weekday]) * shocks
    return days, returns, variances
