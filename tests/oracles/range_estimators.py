"""Volatility from open, high, low and close: Parkinson, Garman-Klass, Rogers-Satchell, Yang-Zhang.

The `*_variance` functions are the papers' formulas, a day, over the bars that they are given; the others are a window's
annualised volatility: N = 252, no c4, bars with inconsistent OHLC left out, None under 7 bars.

Yang-Zhang needs the open's return over the close before. The first bar of a window takes the close before the window,
as in TTR, so that a full window has 10 bars for all estimators. A bar that has no overnight return (the symbol's first
one, one after a long gap) is left out of Yang-Zhang whole: the paper's three variances are over the same n days, and k
is a function of that n. It stays in the other three, which look at nothing before its open. The close before is that of
the symbol's last bar, as for returns, also where that bar's own OHLC is not consistent.

Compared with TTR's `volatility(calc = ...)` (joshuaulrich/TTR, R/volatility.R): the same formulas, where TTR's n is the
number of rows. Its manual writes k = alpha / (1 + (n + 1) / (n - 1)); its code has the paper's 0.34 / (1.34 + ...).
The same holds of wickra 2.0.0 on PyPI (kingchenc/wickra,
crates/wickra-core/src/indicators), whose values for one window stand in the tests.
Others that go by the name Yang-Zhang differ: jasonstrimpel/volatility-trading takes neither mean from the open's and
close's returns, uses close to close for open to close, and divides Rogers-Satchell by n - 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from oracles.sample_statistics import mean, sample_variance
from oracles.windows import Bar, Window

Estimator = Callable[[Window], float | None]
TRADING_DAYS_A_YEAR = 252
LEAST_BARS = 7


def parkinson_variance(bars: Sequence[Bar]) -> float:
    """Mean of ln(H/L)^2 over 4 ln 2. Parkinson, The Extreme Value Method ..., Journal of Business 53 (1980) 61."""
    return mean([math.log(bar.high / bar.low) ** 2 for bar in bars]) / (4 * math.log(2))


def garman_klass_variance(bars: Sequence[Bar]) -> float:
    """Mean of ln(H/L)^2 / 2 - (2 ln 2 - 1) ln(C/O)^2.

    Garman and Klass, On the Estimation of Security Price Volatilities ..., Journal of Business 53 (1980) 67: the
    "practical" estimator, which leaves out the cross terms of the best one.
    """
    terms = [
        0.5 * math.log(bar.high / bar.low) ** 2 - (2 * math.log(2) - 1) * math.log(bar.close / bar.open) ** 2
        for bar in bars
    ]
    return mean(terms)


def rogers_satchell_variance(bars: Sequence[Bar]) -> float:
    """Mean of ln(H/C) ln(H/O) + ln(L/C) ln(L/O).

    Rogers and Satchell, Estimating Variance from High, Low and Closing Prices, Annals of Applied Probability 1 (1991)
    504. No term of a consistent bar is negative.
    """
    terms = [
        math.log(bar.high / bar.close) * math.log(bar.high / bar.open)
        + math.log(bar.low / bar.close) * math.log(bar.low / bar.open)
        for bar in bars
    ]
    return mean(terms)


def yang_zhang_variance(bars: Sequence[Bar], overnight: Sequence[float]) -> float:
    """var(overnight) + k var(ln(C/O)) + (1 - k) Rogers-Satchell, for n >= 2 bars and their n overnight log returns.

    k = 0.34 / (1.34 + (n + 1) / (n - 1)). Yang and Zhang, Drift-Independent Volatility Estimation ..., Journal of
    Business 73 (2000) 477.
    """
    n = len(bars)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    open_to_close = sample_variance([math.log(bar.close / bar.open) for bar in bars])
    return sample_variance(overnight) + k * open_to_close + (1 - k) * rogers_satchell_variance(bars)


def parkinson(window: Window) -> float | None:
    bars = _consistent(window)
    return _annualised(parkinson_variance(bars)) if len(bars) >= LEAST_BARS else None


def garman_klass(window: Window) -> float | None:
    bars = _consistent(window)
    return _annualised(garman_klass_variance(bars)) if len(bars) >= LEAST_BARS else None


def rogers_satchell(window: Window) -> float | None:
    bars = _consistent(window)
    return _annualised(rogers_satchell_variance(bars)) if len(bars) >= LEAST_BARS else None


def yang_zhang(window: Window) -> float | None:
    pairs = [(day.bar, day.overnight) for day in window.days if day.bar.is_consistent and day.overnight is not None]
    if len(pairs) < LEAST_BARS:
        return None
    return _annualised(yang_zhang_variance([bar for bar, _ in pairs], [overnight for _, overnight in pairs]))


def _consistent(window: Window) -> list[Bar]:
    return [day.bar for day in window.days if day.bar.is_consistent]


def _annualised(daily_variance: float) -> float:
    return math.sqrt(TRADING_DAYS_A_YEAR * daily_variance)
