"""What the server keeps about one symbol: its listing, its bars, its splits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from hedge_master.sample_market.exchanges import Market
from hedge_master.sample_market.sessions import Days


@dataclass(frozen=True, slots=True)
class Split:
    """`factor` new shares for one old share, from the open of `effective` on (2.0 = two for one, 0.1 = one for ten)."""

    effective: date
    factor: float


@dataclass(frozen=True, slots=True)
class History:
    """Daily bars as quoted on their day (not adjusted for splits), oldest first.

    days: (n,) datetime64[D]. prices: (n, 4) open, high, low, close in the quoted currency. volumes: (n,) shares.
    splits: oldest first.
    """

    days: Days
    prices: npt.NDArray[np.float64]
    volumes: npt.NDArray[np.int64]
    splits: tuple[Split, ...]

    def until(self, day: date) -> History:
        """The part that was known at the end of `day`."""
        end = int(np.searchsorted(self.days, np.datetime64(day), side="right"))
        known = tuple(split for split in self.splits if split.effective <= day)
        return History(self.days[:end], self.prices[:end], self.volumes[:end], known)


@dataclass(frozen=True, slots=True)
class Listing:
    """One symbol.

    exchange: NASDAQ or NYSE for US symbols, "" elsewhere (Alpha Vantage tells it for US symbols only).
    ipo: the date that LISTING_STATUS tells. first_bar: the server does not know the symbol before.
    last_bar: it counts as delisted after this day; None = it trades on.
    identity: what its path is a function of, beside the seed; None = real prices.
    """

    symbol: str
    name: str
    market: Market
    exchange: str
    ipo: date
    first_bar: date
    last_bar: date | None
    identity: str | None = None

    @property
    def simulated(self) -> bool:
        return self.identity is not None

    def known(self, day: date) -> bool:
        return self.first_bar <= day

    def delisted(self, day: date) -> bool:
        return self.last_bar is not None and self.last_bar < day
