"""The markets that the sample server knows: one table, one line a market.

Suffixes, regions, hours and UTC labels follow Alpha Vantage's own answers where they were recorded (United States,
XETRA, Sao Paulo and the hours of MARKET_STATUS); Alpha Vantage covers no symbol in Tokyo, Hong Kong, Sydney, ... and
those suffixes are ours. The UTC label is a constant, as in the real answers (summer time of the market).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from hedge_master.sample_market.moment import Moment


@dataclass(frozen=True, slots=True)
class Market:
    """One market.

    suffix: what a symbol ends with (".LON"; "" for the United States). calendar: its id in exchange_calendars.
    currency: what prices are quoted in, as Alpha Vantage writes it (GBX and ZAc are hundredths of GBP and ZAR).
    opens, closes: local time "HH:MM". typical_price: median first price of a simulated stock, in `currency`.
    decimals: of a simulated price at `fine_below` and above; two more (at most four) below it.
    legal_forms: endings of simulated company names.
    """

    suffix: str
    calendar: str
    currency: str
    region: str
    utc: str
    opens: str
    closes: str
    typical_price: float
    decimals: int
    fine_below: float
    legal_forms: tuple[str, ...]

    def share_over(self, moment: Moment) -> float:
        """How much of the session of the moment's day is over: 0 until it opens, 1 from its close on.

        Every session of these markets lies inside one day of UTC. Breaks at noon do not count.
        """
        if moment.at is None:
            return 1.0
        opens, closes = (self._utc_minutes(text) for text in (self.opens, self.closes))
        return min(max((_minutes(f"{moment.at:%H:%M}") - opens) / (closes - opens), 0.0), 1.0)

    def open_now(self, moment: Moment) -> bool:
        """From the opening to just before the close, if the moment's day is a session."""
        if moment.at is None:
            return False
        now = _minutes(f"{moment.at:%H:%M}")
        return self._utc_minutes(self.opens) <= now < self._utc_minutes(self.closes)

    def _utc_minutes(self, local: str) -> int:
        return _minutes(local) - round(float(self.utc.removeprefix("UTC")) * 60)


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


UNITED_STATES = Market(
    "", "XNYS", "USD", "United States", "UTC-04", "09:30", "16:00", 40.0, 2, 1.0, ("Inc", "Corp", "Holdings Inc")
)
LONDON = Market(
    ".LON", "XLON", "GBX", "United Kingdom", "UTC+01", "08:00", "16:30", 400.0, 1, 10.0, ("plc", "Group plc")
)
XETRA = Market(".DEX", "XETR", "EUR", "XETRA", "UTC+02", "08:00", "20:00", 35.0, 2, 1.0, ("AG", "SE", "SE & Co KGaA"))
PARIS = Market(".PAR", "XPAR", "EUR", "Paris", "UTC+02", "09:00", "17:30", 35.0, 2, 1.0, ("SA", "SE"))
AMSTERDAM = Market(".AMS", "XAMS", "EUR", "Amsterdam", "UTC+02", "09:00", "17:30", 30.0, 2, 1.0, ("NV", "Holding NV"))
TORONTO = Market(".TRT", "XTSE", "CAD", "Toronto", "UTC-04", "09:30", "16:00", 25.0, 2, 1.0, ("Inc", "Corp", "Ltd"))
TOKYO = Market(".TYO", "XTKS", "JPY", "Tokyo", "UTC+09", "09:00", "15:00", 1500.0, 0, 100.0, ("KK", "Holdings KK"))
HONG_KONG = Market(
    ".HKG", "XHKG", "HKD", "Hong Kong", "UTC+08", "09:30", "16:00", 20.0, 2, 1.0, ("Holdings Ltd", "Group Ltd")
)
SYDNEY = Market(".ASX", "XASX", "AUD", "Sydney", "UTC+10", "10:00", "16:00", 12.0, 2, 1.0, ("Ltd", "Group Ltd"))
ZURICH = Market(".SWX", "XSWX", "CHF", "Zurich", "UTC+02", "09:00", "17:30", 80.0, 2, 1.0, ("AG", "Holding AG"))
STOCKHOLM = Market(".STO", "XSTO", "SEK", "Stockholm", "UTC+02", "09:00", "17:30", 120.0, 2, 1.0, ("AB", "Group AB"))
SAO_PAULO = Market(".SAO", "BVMF", "BRL", "Brazil/Sao Paolo", "UTC-03", "10:00", "17:30", 20.0, 2, 1.0, ("SA",))
BOMBAY = Market(
    ".BSE", "XBOM", "INR", "India/Bombay", "UTC+5.5", "09:15", "15:30", 300.0, 2, 1.0, ("Ltd", "Industries Ltd")
)
JOHANNESBURG = Market(
    ".JNB", "XJSE", "ZAc", "Johannesburg", "UTC+02", "09:00", "17:00", 5000.0, 0, 100.0, ("Ltd", "Holdings Ltd")
)
SINGAPORE = Market(".SGX", "XSES", "SGD", "Singapore", "UTC+08", "09:00", "17:00", 4.0, 3, 1.0, ("Ltd", "Pte Ltd"))
COPENHAGEN = Market(".CPH", "XCSE", "DKK", "Copenhagen", "UTC+02", "09:00", "17:00", 200.0, 1, 10.0, ("A/S",))
SHANGHAI = Market(".SHH", "XSHG", "CNY", "Shanghai", "UTC+08", "09:30", "15:00", 15.0, 2, 1.0, ("Co Ltd",))
OSLO = Market(".OSL", "XOSL", "NOK", "Oslo", "UTC+02", "09:00", "16:20", 90.0, 2, 1.0, ("ASA",))
MEXICO = Market(".MEX", "XMEX", "MXN", "Mexico", "UTC-06", "08:30", "15:00", 40.0, 2, 1.0, ("SAB de CV",))
WARSAW = Market(".WAR", "XWAR", "PLN", "Warsaw", "UTC+02", "09:00", "17:00", 45.0, 2, 1.0, ("SA",))

# Of the fixed cast only (see cast.py): its currency is one that the ECB gives no rate for.
TAIPEI = Market(".TAI", "XTAI", "TWD", "Taiwan", "UTC+08", "09:00", "13:30", 60.0, 2, 1.0, ("Co Ltd",))

# Shenzhen keeps Shanghai's calendar. Real stocks only.
SHENZHEN = Market(".SHZ", "XSHG", "CNY", "Shenzhen", "UTC+08", "09:30", "15:00", 15.0, 2, 1.0, ("Co Ltd",))

SIMULATED_MARKETS: tuple[Market, ...] = (
    UNITED_STATES,
    LONDON,
    TOKYO,
    XETRA,
    PARIS,
    TORONTO,
    HONG_KONG,
    SYDNEY,
    ZURICH,
    STOCKHOLM,
    SAO_PAULO,
    BOMBAY,
    JOHANNESBURG,
    SINGAPORE,
    COPENHAGEN,
    SHANGHAI,
    AMSTERDAM,
    OSLO,
    MEXICO,
    WARSAW,
)
# Simulated symbols are dealt to these in turn: every market once, then the big ones again.
DEAL: tuple[Market, ...] = (*SIMULATED_MARKETS, UNITED_STATES, LONDON, UNITED_STATES, TOKYO, UNITED_STATES)

MARKETS: tuple[Market, ...] = (*SIMULATED_MARKETS, TAIPEI, SHENZHEN)

# The currency of which a quoted one is the hundredth.
MAJOR_UNITS = {"GBX": "GBP", "ZAc": "ZAR"}


def major_unit(market: Market) -> str:
    """The currency in which companies of the market report: pounds where shares are quoted in pence."""
    return MAJOR_UNITS.get(market.currency, market.currency)


@cache
def in_major_units(market: Market) -> Market:
    """The market with its shares quoted in pounds and rand, not in pence and cents; others as they are."""
    if market.currency not in MAJOR_UNITS:
        return market
    return replace(
        market,
        currency=MAJOR_UNITS[market.currency],
        typical_price=market.typical_price / 100,
        decimals=market.decimals + 2,
        fine_below=market.fine_below / 100,
    )
