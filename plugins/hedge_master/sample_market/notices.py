"""Alpha Vantage's errors and notices, word for word as recorded in public; all of them come with HTTP 200."""

from __future__ import annotations

from typing import Any

DOCUMENTATION = "https://www.alphavantage.co/documentation/"
PREMIUM = "https://www.alphavantage.co/premium/"
KEY_PAGE = "https://www.alphavantage.co/support/#api-key"
# What a notice names as the free plan's day, where the server has no daily limit of its own.
FREE_CALLS_A_DAY = 25
THANKS = "Thank you for using Alpha Vantage!"
PLANS = f"any of the premium plans at {PREMIUM}"

Notice = dict[str, Any]


def invalid_call(function: str) -> Notice:
    """Unknown function, unknown symbol, or a parameter that is missing or makes no sense."""
    return {
        "Error Message": f"Invalid API call. Please retry or visit the documentation ({DOCUMENTATION}) for {function}."
    }


def missing_key() -> Notice:
    return {
        "Error Message": "the parameter apikey is invalid or missing. Please claim your free API key on "
        f"({KEY_PAGE}). It should take less than 20 seconds."
    }


def daily_cap(api_key: str, per_day: int) -> Notice:
    """The real one echoes the caller's key, and so does this: callers must prove that they redact it."""
    return {
        "Information": f"We have detected your API key as {api_key} and our standard API rate limit is {per_day} "
        f"requests per day. Please subscribe to {PLANS} to instantly remove all daily rate limits."
    }


def daily_cap_of_2024(per_day: int) -> Notice:
    """The older words, without the key."""
    return {
        "Information": f"{THANKS} Our standard API rate limit is {per_day} requests per day. Please subscribe to "
        f"{PLANS} to instantly remove all daily rate limits."
    }


def burst(limit: int, period: str, per_day: int) -> Notice:
    """Too many calls within the second or minute (`period`); `per_day`: the server's daily limit, 0 = none."""
    requests = "request" if limit == 1 else "requests"
    return {
        "Information": f"{THANKS} Please consider spreading out your free API requests more sparingly ({limit} "
        f"{requests} per {period}). You may subscribe to {PLANS} to lift the free key rate limit "
        f"({per_day or FREE_CALLS_A_DAY} requests per day) and instantly remove all daily rate limits."
    }


def legacy_note() -> Notice:
    """The burst notice of old."""
    return {
        "Note": f"{THANKS} Our standard API call frequency is 5 calls per minute and 500 calls per day. Please visit "
        f"{PREMIUM} if you would like to target a higher API call frequency."
    }


def premium_endpoint() -> Notice:
    return {
        "Information": f"{THANKS} This is a premium endpoint. You may subscribe to {PLANS} to instantly unlock all "
        "premium endpoints"
    }


def premium_full(function: str) -> Notice:
    return {
        "Information": f"{THANKS} The outputsize=full parameter value is a premium feature for the {function} "
        f"endpoint. You may subscribe to {PLANS} to instantly unlock all premium features"
    }


def demo_key() -> Notice:
    return {
        "Information": "The **demo** API key is for demo purposes only. Please claim your free API key at "
        f"({KEY_PAGE}) to explore our full API offerings. It takes fewer than 20 seconds."
    }


def artificial_rows(symbol: str) -> Notice:
    """Rows that look like quotes of the symbol and are none, as a premium endpoint gives them without a plan."""
    quote = {"symbol": symbol, "timestamp": "2024-10-18 19:59:55.291", "open": "100.0", "high": "101.0", "low": "99.0"}
    return {
        "endpoint": "Realtime Bulk Quotes",
        "message": "This is a premium endpoint. ***THE SAMPLE DATA SCHEMA BELOW IS ARTIFICIAL AND FOR ILLUSTRATION "
        "PURPOSES ONLY***. To access the actual data, please subscribe to any premium plan that mentions 'Realtime US "
        f"Market Data' in its description at {PREMIUM} for your personal non-professional use.",
        "data": [{**quote, "close": close, "volume": "1000"} for close in ("100.1", "100.2", "100.3")],
    }
