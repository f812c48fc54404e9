"""Reads FX_DAILY: one currency in units of another, day by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from hedge_master.alpha_vantage.fields import Fields, json_object


@dataclass(frozen=True)
class RateBar:
    """Units of the one currency for one of the other on a day (UTC). The newest day may still be running."""

    day: date
    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True)
class ExchangeRates:
    """Units of `to_symbol` for one `from_symbol`, newest first. `last_refreshed`: UTC."""

    from_symbol: str
    to_symbol: str
    last_refreshed: datetime
    bars: tuple[RateBar, ...]


def exchange_rates(body: bytes) -> ExchangeRates:
    """FX_DAILY (JSON). A rate that is not above 0 is refused."""
    answer = json_object("FX_DAILY", body)
    about = answer.inner("Meta Data")
    return ExchangeRates(
        from_symbol=about.text("2. From Symbol"),
        to_symbol=about.text("3. To Symbol"),
        last_refreshed=about.moment("5. Last Refreshed").replace(tzinfo=UTC),
        bars=tuple(_bar(day, bar) for day, bar in answer.inner("Time Series FX (Daily)").by_day()),
    )


def _bar(day: date, bar: Fields) -> RateBar:
    return RateBar(day, *(bar.above_zero(name) for name in ("1. open", "2. high", "3. low", "4. close")))
