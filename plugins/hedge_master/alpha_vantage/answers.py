"""Reads the small answers (listings, searches, splits). Price payloads stay raw: Spark parses them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from hedge_master.alpha_vantage.errors import UnreadableAnswer

# LISTING_STATUS names none of these: it lists US markets only.
US_LISTING: dict[str, Any] = {
    "region": "United States",
    "timezone": "US/Eastern",
    "closes": time(16),
    "currency": "USD",
}


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
    rows = _rows(body, {"symbol", "name", "exchange", "assetType", "ipoDate", "delistingDate", "status"})
    return [
        Listing(
            symbol=row["symbol"],
            name=row["name"] or row["symbol"],
            type=row["assetType"],
            exchange=row["exchange"] or None,
            status="delisted" if row["status"].lower() == "delisted" else "active",
            listed_on=_day(row["ipoDate"]),
            delisted_on=_day(row["delistingDate"]),
            **US_LISTING,
        )
        for row in rows
        if row["symbol"]
    ]


def matches(body: bytes) -> list[Listing]:
    """SYMBOL_SEARCH (JSON): at most 10 listings, best first."""
    try:
        found = json.loads(body)["bestMatches"]
        return [
            Listing(
                symbol=match["1. symbol"],
                name=match["2. name"],
                type=match["3. type"],
                region=match["4. region"],
                timezone=match["7. timezone"],
                closes=_clock_time(match["6. marketClose"]),
                currency=match["8. currency"] or None,
                exchange=None,
                status="active",
                listed_on=None,
                delisted_on=None,
            )
            for match in found
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableAnswer(f"SYMBOL_SEARCH: {error!r}") from error


def splits(body: bytes) -> list[Split]:
    """SPLITS (CSV); an empty list for a symbol that never split."""
    if body.strip() == b"{}":
        return []
    rows = _rows(body, {"effective_date", "split_factor"})
    try:
        found = {date.fromisoformat(row["effective_date"]): float(row["split_factor"]) for row in rows}
    except ValueError as error:
        raise UnreadableAnswer(f"SPLITS: {error}") from error
    for day, factor in found.items():
        if not 0 < factor < float("inf"):
            raise UnreadableAnswer(f"SPLITS: split_factor of {day} is {factor}: not above 0")
    return [Split(day, factor) for day, factor in found.items()]


def _rows(body: bytes, columns: set[str]) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(body.decode("utf-8")))
    missing = columns - set(reader.fieldnames or ())
    if missing:
        # Not a word of the body: a notice in it may echo the API key.
        raise UnreadableAnswer(f"{len(body)} bytes that are no CSV with {', '.join(sorted(missing))}")
    return list(reader)


def _clock_time(text: str) -> time | None:
    """None where a market has no hours ("N/A", say): its bars then count as final."""
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    return None if text in {"", "null"} else date.fromisoformat(text)
