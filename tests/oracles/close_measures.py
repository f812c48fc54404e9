"""Measures of a window from closes and volumes alone; None where there is no value."""

from __future__ import annotations

import math

from oracles.sample_statistics import c4, mean, sample_deviation, sample_variance
from oracles.windows import Window

TRADING_DAYS_A_YEAR = 252
LEAST_RETURNS = 7


def average_price_usd(window: Window) -> float | None:
    """Mean of the closes in USD, over the days that have one."""
    closes = _closes_usd(window)
    return mean(closes) if closes else None


def average_price(window: Window) -> float:
    """Mean of the closes, in the quoted currency."""
    return mean([day.bar.close for day in window.days])


def price_deviation_usd(window: Window) -> float | None:
    """Sample standard deviation of the closes in USD; the measure of 2020."""
    return sample_deviation(_closes_usd(window))


def price_deviation_local(window: Window) -> float | None:
    """Sample standard deviation of the closes, in the quoted currency."""
    return sample_deviation([day.bar.close for day in window.days])


def deviation_pct(window: Window) -> float | None:
    """price_deviation_usd / average_price_usd: 0.05 is 5%."""
    deviation, average = price_deviation_usd(window), average_price_usd(window)
    return None if deviation is None or average is None else deviation / average


def deviation_pct_local(window: Window) -> float | None:
    """price_deviation_local / average_price: deviation_pct without the exchange rate's moves."""
    deviation = price_deviation_local(window)
    return None if deviation is None else deviation / average_price(window)


def volatility(window: Window) -> float | None:
    """Sample standard deviation of the log returns times sqrt(252) / c4(n), a year; None under 7 returns."""
    return _annualised([day.log_return for day in window.days if day.log_return is not None])


def volatility_usd(window: Window) -> float | None:
    """`volatility` of the returns in USD."""
    return _annualised([day.log_return_usd for day in window.days if day.log_return_usd is not None])


def greatest_absolute_move(window: Window) -> float | None:
    """The largest |log return| in the quoted currency; None without one. A return over a long gap is no day's move."""
    return max((abs(day.log_return) for day in window.days if day.log_return is not None), default=None)


def fx_variance_share(window: Window) -> float | None:
    """1 - var(local returns) / var(USD returns), no unit; negative where the currency softens the moves.

    Over the days that have both returns, else the two variances would speak of different days. None under 7 of them and
    where the USD returns do not vary.
    """
    pairs = [
        (day.log_return, day.log_return_usd)
        for day in window.days
        if day.log_return is not None and day.log_return_usd is not None
    ]
    if len(pairs) < LEAST_RETURNS:
        return None
    in_usd = sample_variance([usd for _, usd in pairs])
    return 1 - sample_variance([local for local, _ in pairs]) / in_usd if in_usd > 0 else None


def turnover_usd(window: Window) -> float | None:
    """USD that changed hands: close in USD times volume, summed over the days of the window with a close in USD."""
    traded = [day.bar.close_usd * day.bar.volume for day in window.days if day.bar.close_usd is not None]
    return math.fsum(traded) if traded else None


def _closes_usd(window: Window) -> list[float]:
    return [day.bar.close_usd for day in window.days if day.bar.close_usd is not None]


def _annualised(returns: list[float]) -> float | None:
    if len(returns) < LEAST_RETURNS:
        return None
    return math.sqrt(TRADING_DAYS_A_YEAR * sample_variance(returns)) / c4(len(returns))
