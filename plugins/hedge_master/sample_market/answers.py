"""Alpha Vantage's answers as text: the same keys, order, spaces and decimals as the recorded ones."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import numpy.typing as npt

from hedge_master.sample_market.ecb import PUBLISHED_AT
from hedge_master.sample_market.fx import RateSeries
from hedge_master.sample_market.listing import History, Listing, Split
from hedge_master.sample_market.names import SIMULATED
from hedge_master.sample_market.sessions import Days

COMPACT_ROWS = 100

_DAILY_BAR_JSON = """        "%s": {
            "1. open": "%.4f",
            "2. high": "%.4f",
            "3. low": "%.4f",
            "4. close": "%.4f",
            "5. volume": "%d"
        }"""
_DAILY_BAR_CSV = "%s,%.4f,%.4f,%.4f,%.4f,%d\n"
_RATE_BAR_JSON = """        "%s": {
            "1. open": "%.5f",
            "2. high": "%.5f",
            "3. low": "%.5f",
            "4. close": "%.5f"
        }"""
_RATE_BAR_CSV = "%s,%.5f,%.5f,%.5f,%.5f\n"
_SEARCH_FIELDS = (
    "symbol",
    "name",
    "type",
    "region",
    "marketOpen",
    "marketClose",
    "timezone",
    "currency",
    "matchScore",
)


def as_json(content: object) -> str:
    """Four spaces of indent and no newline at the end, as the real answers."""
    return json.dumps(content, indent=4)


def as_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _newest_first(full: bool, days: Days, *columns: npt.NDArray[Any]) -> list[tuple[object, ...]]:
    """(day, value of each column) for each bar, or for the latest COMPACT_ROWS."""
    part = slice(None) if full else slice(-COMPACT_ROWS, None)
    texts = [day.isoformat() for day in days[part].tolist()]
    return list(zip(texts, *(column[part].tolist() for column in columns), strict=True))[::-1]


def _daily_rows(history: History, full: bool) -> list[tuple[object, ...]]:
    return _newest_first(full, history.days, *history.prices.T, history.volumes)


def _size(full: bool) -> str:
    return "Full size" if full else "Compact"


def _time_series(meta: dict[str, str], name: str, bars: Iterable[str]) -> str:
    """An answer of "Meta Data" and bars that are laid out already."""
    # Put together by hand: json.dumps with an indent takes ten times as long for 6,000 bars.
    head = as_json({"Meta Data": meta}).removesuffix("\n}")
    return f'{head},\n    "{name}": {{\n' + ",\n".join(bars) + "\n    }\n}"


def daily_json(symbol: str, history: History, full: bool) -> str:
    """TIME_SERIES_DAILY; `history` has a bar at least."""
    meta = {
        "1. Information": "Daily Prices (open, high, low, close) and Volumes",
        "2. Symbol": symbol,
        "3. Last Refreshed": str(history.days[-1]),
        "4. Output Size": _size(full),
        "5. Time Zone": "US/Eastern",
    }
    return _time_series(meta, "Time Series (Daily)", [_DAILY_BAR_JSON % row for row in _daily_rows(history, full)])


def daily_csv(history: History, full: bool) -> str:
    """TIME_SERIES_DAILY with datatype=csv."""
    bars = [_DAILY_BAR_CSV % row for row in _daily_rows(history, full)]
    return "timestamp,open,high,low,close,volume\n" + "".join(bars)


def rates_json(base: str, quote: str, series: RateSeries, full: bool) -> str:
    """FX_DAILY; `series` has a bar at least."""
    meta = {
        "1. Information": "Forex Daily Prices (open, high, low, close)",
        "2. From Symbol": base,
        "3. To Symbol": quote,
        "4. Output Size": _size(full),
        "5. Last Refreshed": f"{series.days[-1]} {PUBLISHED_AT}",
        "6. Time Zone": "UTC",
    }
    rows = _newest_first(full, series.days, *series.prices.T)
    return _time_series(meta, "Time Series FX (Daily)", [_RATE_BAR_JSON % row for row in rows])


def rates_csv(series: RateSeries, full: bool) -> str:
    """FX_DAILY with datatype=csv."""
    bars = [_RATE_BAR_CSV % row for row in _newest_first(full, series.days, *series.prices.T)]
    return "timestamp,open,high,low,close\n" + "".join(bars)


def _split_rows(splits: Sequence[Split]) -> list[tuple[str, str]]:
    return [(split.effective.isoformat(), f"{split.factor:.4f}") for split in reversed(splits)]


def splits_json(symbol: str, splits: Sequence[Split]) -> str:
    """SPLITS, newest first."""
    rows = [{"effective_date": day, "split_factor": factor} for day, factor in _split_rows(splits)]
    return as_json({"symbol": symbol, "data": rows})


def splits_csv(splits: Sequence[Split]) -> str:
    return as_csv(("effective_date", "split_factor"), _split_rows(splits))


def _kind(word: str, listing: Listing) -> str:
    return f"{word} {SIMULATED}" if listing.simulated else word


def _search_row(listing: Listing, score: float) -> tuple[str, ...]:
    market = listing.market
    return (
        listing.symbol,
        listing.name,
        _kind("Equity", listing),
        market.region,
        market.opens,
        market.closes,
        market.utc,
        market.currency,
        f"{score:.4f}",
    )


def search_json(matches: Sequence[tuple[Listing, float]]) -> str:
    """SYMBOL_SEARCH."""
    keys = [f"{number}. {field}" for number, field in enumerate(_SEARCH_FIELDS, start=1)]
    return as_json({"bestMatches": [dict(zip(keys, _search_row(*match), strict=True)) for match in matches]})


def search_csv(matches: Sequence[tuple[Listing, float]]) -> str:
    return as_csv(_SEARCH_FIELDS, [_search_row(*match) for match in matches])


def listing_status_csv(listings: Iterable[Listing], day: date) -> str:
    """LISTING_STATUS as of `day`; missing dates are the word null."""
    rows = (
        (
            listing.symbol,
            listing.name,
            listing.exchange,
            _kind("Stock", listing),
            listing.ipo.isoformat(),
            str(listing.last_bar) if listing.delisted(day) else "null",
            "Delisted" if listing.delisted(day) else "Active",
        )
        for listing in listings
    )
    return as_csv(("symbol", "name", "exchange", "assetType", "ipoDate", "delistingDate", "status"), rows)
