"""What Alpha Vantage says instead of an answer. Everything arrives with HTTP 200; only the text tells them apart.

Texts: the recorded notices that tests read from `shared/alpha_vantage/error-shapes.json`.
"""

from __future__ import annotations

import json
from typing import ClassVar


class AlphaVantageError(Exception):
    """No usable answer. `outcome` is what the ledger of calls records; `retry` whether asking again helps."""

    outcome: ClassVar[str] = "failed"
    retry: ClassVar[bool] = False
    attempts: int = 1


class DailyLimitReached(AlphaVantageError):
    """The plan's calls of the day are spent: go on tomorrow (the API's day is US/Eastern)."""

    outcome = "refused"


class TooFast(AlphaVantageError):
    """Asked faster than the plan allows: ask again in a moment."""

    outcome = "refused"
    retry = True


class PremiumOnly(AlphaVantageError):
    """The plan does not include this call: never ask it again with this key."""

    outcome = "refused"


class KeyRefused(AlphaVantageError):
    """The API key is missing, invalid or the demo key: mend HM_ALPHA_VANTAGE_API_KEY."""

    outcome = "refused"


class UnknownSymbol(AlphaVantageError):
    """The API does not know the symbol or the call ("Invalid API call")."""

    outcome = "nothing_there"


class UnreadableAnswer(AlphaVantageError):
    """Neither the expected answer nor a known notice: a truncated body, an HTML page, an unknown text."""

    retry = True


class ServerFault(AlphaVantageError):
    """The server did not answer, or answered with HTTP 4xx or 5xx."""

    retry = True


_MEANINGS: tuple[tuple[str, type[AlphaVantageError]], ...] = (
    ("requests per day. please subscribe", DailyLimitReached),
    ("1 request per second", TooFast),
    ("calls per minute and 500 calls per day", TooFast),
    ("requests per minute", TooFast),
    ("premium endpoint", PremiumOnly),
    ("is a premium feature", PremiumOnly),
    ("demo** api key", KeyRefused),
    ("apikey is invalid or missing", KeyRefused),
    ("invalid api call", UnknownSymbol),
    ("artificial and for illustration", PremiumOnly),
)


def notice_in(body: bytes) -> AlphaVantageError | None:
    """The error that a body carries, or None where it is no notice. Never raises.

    JSON notices answer CSV requests too, so the body decides and not the asked format.
    """
    if not body.lstrip().startswith(b"{") or len(body) > 100_000:
        return None
    try:
        answer = json.loads(body)
    except ValueError:
        return UnreadableAnswer(f"truncated JSON of {len(body)} bytes")
    for key in ("Information", "Note", "Error Message", "message"):
        if isinstance(text := answer.get(key), str):
            return _named(text)
    return None


def _named(text: str) -> AlphaVantageError:
    lowered = text.lower()
    for words, error in _MEANINGS:
        if words in lowered:
            return error(text)
    return UnreadableAnswer(f"unknown notice: {text}")
