"""Alpha Vantage's errors and notices, word for word as recorded in public; all of them come with HTTP 200."""

from __future__ import annotations

DOCUMENTATION = "https://www.alphavantage.co/documentation/"
PREMIUM = "https://www.alphavantage.co/premium/"
KEY_PAGE = "https://www.alphavantage.co/support/#api-key"
# What the burst notice names as the free plan's day, where the server has no daily limit of its own.
FREE_CALLS_A_DAY = 25

Notice = dict[str, str]


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
        f"requests per day. Please subscribe to any of the premium plans at {PREMIUM} to instantly remove all daily "
        "rate limits."
    }


def burst(limit: int, period: str, per_day: int) -> Notice:
    """Too many calls within the second or minute (`period`); `per_day`: the server's daily limit, 0 = none."""
    requests = "request" if limit == 1 else "requests"
    return {
        "Information": "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more "
        f"sparingly ({limit} {requests} per {period}). You may subscribe to any of the premium plans at {PREMIUM} to "
        f"lift the free key rate limit ({per_day or FREE_CALLS_A_DAY} requests per day) and instantly remove all daily "
        "rate limits."
    }
