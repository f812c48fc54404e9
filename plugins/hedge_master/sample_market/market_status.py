"""MARKET_STATUS: which of our markets are open at a moment.

Regions, exchanges, hours and notes are those of the recorded answer where it has the market. A market is open between
the printed hours on its sessions; breaks at noon do not close it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, time
from typing import Any

from hedge_master.sample_market import exchanges
from hedge_master.sample_market.exchanges import Market
from hedge_master.sample_market.moment import Moment

# "16:00 EST on Friday" and "17:00 EST on Sunday", as the recorded note has them.
FOREX_ENDS_FRIDAY, FOREX_BEGINS_SUNDAY = time(21, 0), time(22, 0)
FRIDAY, SATURDAY, SUNDAY = 4, 5, 6
FOREX = {
    "market_type": "Forex",
    "region": "Global",
    "primary_exchanges": "Global",
    "local_open": "00:00",
    "local_close": "23:59",
}
FOREX_NOTE = "The forex market is open 24 hours a day, EXCEPT between 16:00 EST on Friday and 17:00 EST on Sunday"


@dataclass(frozen=True, slots=True)
class Region:
    """One row. closes: where the printed hour is not that of SYMBOL_SEARCH."""

    name: str
    primary_exchanges: str
    market: Market
    notes: str = ""
    closes: str | None = None


def _noon(first: str, last: str) -> str:
    return f"Noon trading break from {first} to {last} local time"


REGIONS: tuple[Region, ...] = (
    Region("United States", "NASDAQ, NYSE, AMEX, BATS", exchanges.UNITED_STATES, closes="16:15"),
    Region("Canada", "Toronto, Toronto Ventures", exchanges.TORONTO),
    Region("United Kingdom", "London", exchanges.LONDON),
    Region("Germany", "XETRA, Berlin, Frankfurt, Munich, Stuttgart", exchanges.XETRA),
    Region("France", "Paris", exchanges.PARIS),
    Region("Japan", "Tokyo", exchanges.TOKYO, _noon("11:30", "12:30")),
    Region("India", "NSE, BSE", exchanges.BOMBAY),
    Region("Mainland China", "Shanghai, Shenzhen", exchanges.SHANGHAI, _noon("11:30", "13:00")),
    Region("Hong Kong", "Hong Kong", exchanges.HONG_KONG, _noon("12:00", "13:00")),
    Region("Brazil", "Sao Paolo", exchanges.SAO_PAULO),
    Region("Mexico", "Mexico", exchanges.MEXICO),
    Region("South Africa", "Johannesburg", exchanges.JOHANNESBURG),
    Region("Australia", "Sydney", exchanges.SYDNEY),
    Region("Denmark", "Copenhagen", exchanges.COPENHAGEN),
    Region("Netherlands", "Amsterdam", exchanges.AMSTERDAM),
    Region("Norway", "Oslo", exchanges.OSLO),
    Region("Poland", "Warsaw", exchanges.WARSAW),
    Region("Singapore", "Singapore", exchanges.SINGAPORE),
    Region("Sweden", "Stockholm", exchanges.STOCKHOLM),
    Region("Switzerland", "Zurich", exchanges.ZURICH),
    Region("Taiwan", "Taipei", exchanges.TAIPEI),
)


def market_status(moment: Moment, is_session: Callable[[Market, date], bool]) -> dict[str, Any]:
    """The answer's content, in the recorded order of keys. `is_session`: whether the market trades on a day."""
    rows = [_row(region, moment, is_session) for region in REGIONS]
    forex = {**FOREX, "current_status": _status(forex_open(moment)), "notes": FOREX_NOTE}
    return {"endpoint": "Global Market Open & Close Status", "markets": [*rows, forex]}


def _row(region: Region, moment: Moment, is_session: Callable[[Market, date], bool]) -> dict[str, str]:
    market = replace(region.market, closes=region.closes or region.market.closes)
    return {
        "market_type": "Equity",
        "region": region.name,
        "primary_exchanges": region.primary_exchanges,
        "local_open": market.opens,
        "local_close": market.closes,
        "current_status": _status(market.open_now(moment) and is_session(region.market, moment.day)),
        "notes": region.notes,
    }


def _status(is_open: bool) -> str:
    return "open" if is_open else "closed"


def forex_open(moment: Moment) -> bool:
    weekday = moment.day.weekday()
    if weekday == FRIDAY:
        return moment.utc < FOREX_ENDS_FRIDAY
    if weekday == SUNDAY:
        return moment.utc >= FOREX_BEGINS_SUNDAY
    return weekday != SATURDAY
