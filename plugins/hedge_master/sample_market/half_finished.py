"""A day's bar while its session is still open."""

from __future__ import annotations

import numpy as np

from hedge_master.sample_market.world import Floats

# The two extremes of a day fall at least this share of the session after its opening and before its close.
EDGE = 0.05


def half_finished(bar: Floats, volume: int, share: float, luck: tuple[float, ...]) -> tuple[Floats, int]:
    """Open, highest and lowest so far, last price; and the volume so far, when `share` (0 to 1) of the session is over.

    The price goes in straight lines from the open to the one extreme, to the other, and to the close; `luck`, three
    numbers in [0, 1), says when and in which order. So high and low only widen, and at 1 it is the whole bar.
    """
    opened, high, low, close = bar.tolist()
    first, second = sorted(EDGE + (1 - 2 * EDGE) * part for part in luck[:2])
    extremes = (high, low) if luck[2] < 0.5 else (low, high)
    times, prices = (0.0, first, second, 1.0), (opened, *extremes, close)
    last = float(np.interp(share, times, prices))
    seen = [price for time, price in zip(times, prices, strict=True) if time <= share] + [last]
    return np.array([opened, max(seen), min(seen), last]), round(volume * share)
