"""The markets of the world as Alpha Vantage names them: suffix, region, exchange calendar, zone and currency.

The one table of the product. Regions and suffixes are those of recorded answers of SYMBOL_SEARCH and MARKET_STATUS;
where no answer was seen they are the sample market's. What the API itself says of a symbol always counts more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Final


@dataclass(frozen=True, slots=True)
class Market:
    """One market.

    suffix: what its symbols end with; None where no symbol of it was ever seen. region: as SYMBOL_SEARCH writes it.
    status_region: as MARKET_STATUS writes it, one for all exchanges of a country. calendar: id in exchange_calendars.
    zone: IANA name. currency: what prices are quoted in, as the API writes it. trades_until: local time of the end of
    a full day where the API's bars go on after the close that the calendar knows (the German floors do).
    """

    suffix: str | None
    region: str
    status_region: str
    calendar: str
    zone: str
    currency: str
    trades_until: time | None = None


MARKETS: Final[tuple[Market, ...]] = (
    Market("", "United States", "United States", "XNYS", "America/New_York", "USD"),
    Market(".LON", "United Kingdom", "United Kingdom", "XLON", "Europe/London", "GBX"),
    Market(".DEX", "XETRA", "Germany", "XETR", "Europe/Berlin", "EUR", trades_until=time(20)),
    Market(".FRK", "Frankfurt", "Germany", "XETR", "Europe/Berlin", "EUR", trades_until=time(20)),
    Market(".PAR", "Paris", "France", "XPAR", "Europe/Paris", "EUR"),
    Market(".AMS", "Amsterdam", "Netherlands", "XAMS", "Europe/Amsterdam", "EUR"),
    Market(".BRU", "Brussels", "Belgium", "XBRU", "Europe/Brussels", "EUR"),
    Market(".MIL", "Milan", "Italy", "XMIL", "Europe/Rome", "EUR"),
    Market(None, "Madrid", "Spain", "XMAD", "Europe/Madrid", "EUR"),
    Market(None, "Lisbon", "Portugal", "XLIS", "Europe/Lisbon", "EUR"),
    Market(".SWX", "Zurich", "Switzerland", "XSWX", "Europe/Zurich", "CHF"),
    Market(".STO", "Stockholm", "Sweden", "XSTO", "Europe/Stockholm", "SEK"),
    Market(".CPH", "Copenhagen", "Denmark", "XCSE", "Europe/Copenhagen", "DKK"),
    Market(".OSL", "Oslo", "Norway", "XOSL", "Europe/Oslo", "NOK"),
    Market(".WAR", "Warsaw", "Poland", "XWAR", "Europe/Warsaw", "PLN"),
    Market(".TRT", "Toronto", "Canada", "XTSE", "America/Toronto", "CAD"),
    Market(".TRV", "Toronto Venture", "Canada", "XTSE", "America/Toronto", "CAD"),
    Market(".SAO", "Brazil/Sao Paolo", "Brazil", "BVMF", "America/Sao_Paulo", "BRL"),
    Market(".MEX", "Mexico", "Mexico", "XMEX", "America/Mexico_City", "MXN"),
    Market(".ARG", "Argentina", "Argentina", "XBUE", "America/Argentina/Buenos_Aires", "ARS"),
    Market(".JNB", "Johannesburg", "South Africa", "XJSE", "Africa/Johannesburg", "ZAc"),
    Market(".BSE", "India/Bombay", "India", "XBOM", "Asia/Kolkata", "INR"),
    Market(".SHH", "Shanghai", "Mainland China", "XSHG", "Asia/Shanghai", "CNY"),
    Market(".SHZ", "Shenzhen", "Mainland China", "XSHG", "Asia/Shanghai", "CNY"),
    Market(".HKG", "Hong Kong", "Hong Kong", "XHKG", "Asia/Hong_Kong", "HKD"),
    Market(".TYO", "Tokyo", "Japan", "XTKS", "Asia/Tokyo", "JPY"),
    Market(".TAI", "Taiwan", "Taiwan", "XTAI", "Asia/Taipei", "TWD"),
    Market(".SGX", "Singapore", "Singapore", "XSES", "Asia/Singapore", "SGD"),
    Market(".ASX", "Sydney", "Australia", "XASX", "Australia/Sydney", "AUD"),
)

# Quoted currency -> the one that has a rate, and how many make one of it. MXP is what the API calls the peso of Mexico.
UNITS: Final[dict[str, tuple[str, int]]] = {
    "GBX": ("GBP", 100),
    "GBp": ("GBP", 100),
    "ZAc": ("ZAR", 100),
    "ILA": ("ILS", 100),
    "KWF": ("KWD", 1000),
    "MXP": ("MXN", 1),
}

# The first line of a country speaks for its MARKET_STATUS name.
_BY_REGION: Final = {market.status_region: market for market in reversed(MARKETS)} | {
    market.region: market for market in MARKETS
}
_BY_SUFFIX: Final = {market.suffix: market for market in MARKETS if market.suffix is not None}


def market_in(region: str) -> Market | None:
    """The market of a region, as SYMBOL_SEARCH or MARKET_STATUS writes it; None where the table has none."""
    return _BY_REGION.get(region)


def market_of(symbol: str, region: str = "") -> Market | None:
    """The market of a symbol: of its region, else by its suffix ("TSCO.LON"); None where the table has neither.

    A symbol without a dot is one of the United States.
    """
    if region:
        return market_in(region)
    _, dot, suffix = symbol.rpartition(".")
    return _BY_SUFFIX.get(dot + suffix if dot else "")
