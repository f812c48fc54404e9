"""Reads the small answers about symbols (listings, searches, splits). Price payloads stay raw: Spark parses them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from typing import Any

from hedge_master.alpha_vantage.errors import UnreadableAnswer
from hedge_master.alpha_vantage.fields import Fields, csv_rows, json_object

# LISTING_STATUS names none of these: it lists US markets only.
US_LISTING: dict[str, Any] = {
    "region": "United States",
    "timezone": "US/Eastern",
    "closes": time(16),
    "currency": "USD",
}
LISTING_COLUMNS = {"symbol", "name", "exchange", "assetType", "ipoDate", "delistingDate", "status"}


@dataclass(frozen=True)
class Listing:
    """A symbol as the API names it. `currency`, `exchange` and `closes` (the local time at which the regular session
    ends) are None where the answer has none."""

    symbol: str
    name: str
    type: str
    region: str
    timezone: str
    closes: time | None
    currency: str | None
    exchange: str | None
    status: str
    listed_on: date | None
    delisted_on: date | None


@dataclass(frozen=True)
class Split:
    """`factor` new shares for one old share, from the open of `effective_date`."""

    effective_date: date
    factor: float


def listings(body: bytes) -> list[Listing]:
    """LISTING_STATUS (CSV). It lists US markets only, so region, time zone and currency are theirs."""
    return [
        Listing(
            symbol=row.text("symbol"),
            name=row.text("name") or row.text("symbol"),
            type=row.text("assetType"),
            exchange=row.text_or_none("exchange"),
            status="delisted" if row.text("status").lower() == "delisted" else "active",
            listed_on=row.day_or_none("ipoDate"),
            delisted_on=row.day_or_none("delistingDate"),
            **US_LISTING,
        )
        for row in csv_rows("LISTING_STATUS", body, LISTING_COLUMNS)
        if row.text("symbol")
    ]


def matches(body: bytes) -> list[Listing]:
    """SYMBOL_SEARCH (JSON): at most 10 listings, best first."""
    return [
        Listing(
            symbol=match.text("1. symbol"),
            name=match.text("2. name"),
            type=match.text("3. type"),
            region=match.text("4. region"),
            timezone=match.text("7. timezone"),
            closes=_closing_time(match),
            currency=match.text_or_none("8. currency"),
            exchange=None,
            status="active",
            listed_on=None,
            delisted_on=None,
        )
        for match in json_object("SYMBOL_SEARCH", body).objects("bestMatches")
    ]


def splits(body: bytes) -> list[Split]:
    """SPLITS (CSV); an empty list for a symbol that never split."""
    rows = csv_rows("SPLITS", body, {"effective_date", "split_factor"})
    found = {row.day("effective_date"): row.above_zero("split_factor") for row in rows}
    return [Split(day, factor) for day, factor in found.items()]


def _closing_time(match: Fields) -> time | None:
    """None where a market has no hours: its bars then count as final."""
    try:
        return match.clock_time("6. marketClose")
    except UnreadableAnswer:
        return None
