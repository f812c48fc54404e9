"""FX_DAILY: the ECB's rates crossed through the euro, and a simulated Taiwan dollar, which the ECB does not have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hedge_master.sample_market.ecb import EcbRates, last_published
from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.seeds import generator
from hedge_master.sample_market.sessions import Days
from hedge_master.sample_market.world import Floats
from hedge_master.settings import FIRST_MARKET_DATE, LAST_MARKET_DATE

TAIWAN_DOLLAR = "TWD"
# Taiwan dollars for one US dollar: about 30, with a yearly deviation of the log rate that dies out in half a year.
USUAL_TWD, TWD_DAILY_DEVIATION, TWD_PULL = 30.0, 0.003, 0.0055
TWD_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class RateSeries:
    """Units of one currency for one of another, oldest first. prices: (n, 4) open, high, low, close."""

    days: Days
    prices: Floats


class ExchangeRates:
    """All pairs of the ECB's currencies, the euro and the simulated Taiwan dollar, for one seed."""

    def __init__(self, seed: int, ecb: EcbRates) -> None:
        self._seed = seed
        self._ecb = ecb
        self._per_dollar = lru_cache(maxsize=None)(self._units_per_dollar)

    def series(self, base: str, quote: str, moment: Moment) -> RateSeries | None:
        """Units of `quote` for one `base`, on the days that have a rate of both. None: unknown, or no rate yet.

        There is one rate a day, so a bar opens with the rate before and its high and low are the larger and the
        smaller of the two; the first bar opens with its own.
        """
        known = {*self._ecb.currencies, "EUR", TAIWAN_DOLLAR}
        if base == quote or not {base, quote} <= known:
            return None
        (base_days, per_base), (quote_days, per_quote) = self._per_dollar(base), self._per_dollar(quote)
        days, at_base, at_quote = np.intersect1d(base_days, quote_days, assume_unique=True, return_indices=True)
        count = int(np.searchsorted(days, np.datetime64(last_published(moment)), side="right"))
        if not count:
            return None
        close = (per_quote[at_quote] / per_base[at_base])[:count]
        opened = np.concatenate([close[:1], close[:-1]])
        prices = np.column_stack([opened, np.maximum(opened, close), np.minimum(opened, close), close])
        return RateSeries(days[:count], prices)

    def _units_per_dollar(self, currency: str) -> tuple[Days, Floats]:
        """Days with a rate, and the units of the currency that one US dollar is worth on them."""
        if currency == TAIWAN_DOLLAR:
            return taiwan_dollar(self._seed)
        if currency == "USD":
            days = np.arange(np.datetime64(FIRST_MARKET_DATE), np.datetime64(LAST_MARKET_DATE) + 1)
            return days, np.ones(len(days))
        dollars = self._ecb.units_per_euro("USD")
        units = np.ones(len(dollars)) if currency == "EUR" else self._ecb.units_per_euro(currency)
        quoted = ~np.isnan(units) & ~np.isnan(dollars)
        return self._ecb.days[quoted], units[quoted] / dollars[quoted]


def taiwan_dollar(seed: int) -> tuple[Days, Floats]:
    """Weekdays, and simulated Taiwan dollars for one US dollar: a random walk pulled back to USUAL_TWD."""
    days = np.arange(np.datetime64(FIRST_MARKET_DATE), np.datetime64(LAST_MARKET_DATE) + 1)
    days = days[np.is_busday(days)]
    steps = TWD_DAILY_DEVIATION * generator(seed, "TWD").standard_normal(len(days))
    path, level = np.empty(len(days)), 0.0
    for position, step in enumerate(steps.tolist()):
        level = (1.0 - TWD_PULL) * level + step
        path[position] = level
    return days, np.round(USUAL_TWD * np.exp(path), TWD_DECIMALS)
