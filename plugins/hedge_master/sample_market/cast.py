"""The fixed cast: simulated symbols on which rare events fall on known days, so that they can be waited for.

They are outside the numbered deal, found by the keyword SIMX, and each exists only while its blemish is switched on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from hedge_master.sample_market.blemish import Blemish, Blemishes
from hedge_master.sample_market.exchanges import JOHANNESBURG, LONDON, TAIPEI, UNITED_STATES, Market
from hedge_master.sample_market.feed import ScriptedErrors
from hedge_master.sample_market.listing import Listing, Split
from hedge_master.sample_market.names import SIMULATED
from hedge_master.sample_market.sessions import Days
from hedge_master.settings import FIRST_MARKET_DATE

NO_ERRORS = ScriptedErrors()


@dataclass(frozen=True, slots=True)
class Member:
    """One company of the cast. plays: it exists while one of these is on. collapses: see `simulated.simulate`."""

    symbol: str
    name: str
    market: Market
    exchange: str
    plays: frozenset[Blemish]
    first_bar: date = FIRST_MARKET_DATE
    last_bar: date | None = None
    collapses: tuple[Split, ...] = ()
    errors: ScriptedErrors = NO_ERRORS

    @property
    def identity(self) -> str:
        return f"{self.symbol} of {self.first_bar}"

    def listing(self, market: Market, sessions: Days) -> Listing:
        """`market`: the member's own, or the same in major units. `sessions`: of its exchange."""
        name = f"{self.name} {SIMULATED}"
        first = sessions[np.searchsorted(sessions, np.datetime64(self.first_bar))].item()
        return Listing(self.symbol, name, market, self.exchange, first, first, self.last_bar, self.identity)


CAST: tuple[Member, ...] = (
    Member(
        "SIMX1",
        "Firstbell Software Inc",
        UNITED_STATES,
        "NASDAQ",
        frozenset({Blemish.IPO}),
        first_bar=date(2020, 6, 16),
    ),
    Member(
        "SIMX2",
        "Lastbell Retail Corp",
        UNITED_STATES,
        "NYSE",
        frozenset({Blemish.DELISTING}),
        last_bar=date(2020, 6, 18),
    ),
    Member(
        "SIMX3",
        "Shrinkwell Pharma Inc",
        UNITED_STATES,
        "NASDAQ",
        frozenset({Blemish.REVERSE_SPLIT}),
        collapses=(Split(date(2018, 5, 3), 0.001), Split(date(2020, 6, 17), 0.001)),
    ),
    Member(
        "SIMX4",
        "Oldtick Textiles Corp",
        UNITED_STATES,
        "NYSE",
        frozenset({Blemish.TICKER_REUSE}),
        last_bar=date(2019, 11, 29),
    ),
    Member(
        "SIMX4",
        "Newtick Robotics Inc",
        UNITED_STATES,
        "NASDAQ",
        frozenset({Blemish.TICKER_REUSE}),
        first_bar=date(2020, 7, 8),
    ),
    Member("SIMX5.TAI", "Rateless Semiconductor Co Ltd", TAIPEI, "", frozenset({Blemish.NO_ECB_RATE})),
    Member(
        "SIMX6.LON",
        "Secondthought Logistics plc",
        LONDON,
        "",
        frozenset({Blemish.CORRECTION, Blemish.MISSING_DAY}),
        errors=ScriptedErrors(
            corrections=((date(2020, 6, 15), date(2020, 6, 18)),),
            missing_days=((date(2020, 6, 17), date(2020, 6, 19)),),
        ),
    ),
    Member(
        "SIMX7.JNB",
        "Holidale Gold Holdings Ltd",
        JOHANNESBURG,
        "",
        frozenset({Blemish.HOLIDAY_ZEROS}),
        errors=ScriptedErrors(holiday_zeros=True),
    ),
)


def playing(blemishes: Blemishes) -> Iterator[Member]:
    """The members that exist while `blemishes` are on."""
    return (member for member in CAST if member.plays & blemishes)
