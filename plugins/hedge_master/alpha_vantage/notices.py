"""What Alpha Vantage says instead of an answer. Everything arrives with HTTP 200; only the text tells them apart.

Texts: the recorded notices that tests read from `shared/alpha_vantage/error-shapes.json`.
"""

from __future__ import annotations

import json
import re

from hedge_master.alpha_vantage import errors
from hedge_master.alpha_vantage.errors import AlphaVantageError

# In this order: the burst notice names the calls of the day too.
_MEANINGS: tuple[tuple[str, type[AlphaVantageError]], ...] = (
    ("artificial and for illustration", errors.ArtificialRows),
    ("requests per day. please subscribe", errors.DailyLimitReached),
    ("request per second", errors.TooFast),
    ("requests per second", errors.TooFast),
    ("calls per minute", errors.MinuteLimitReached),
    ("requests per minute", errors.MinuteLimitReached),
    ("outputsize=full parameter value is a premium feature", errors.FullHistoryIsPremium),
    ("premium endpoint", errors.PremiumOnly),
    ("is a premium feature", errors.PremiumOnly),
    ("demo** api key", errors.DemoKeyRefused),
    ("apikey is invalid or missing", errors.KeyRefused),
    ("invalid api call", errors.UnknownSymbol),
)
_NOTICE = re.compile(r'"(?:Information|Note|Error Message|message)"\s*:\s*(?=")')
_EMPTY = re.compile(rb'\s*\{\s*(?:"Global Quote"\s*:\s*\{\s*\}\s*|"bestMatches"\s*:\s*\[\s*\]\s*)?\}\s*')
_ARTIFICIAL = b"ARTIFICIAL AND FOR ILLUSTRATION"
_HEAD_BYTES = 4096  # a notice is the first or second member of its object, and shorter than that


def notice_in(body: bytes) -> AlphaVantageError | None:
    """The error that a body stands for, or None where it is no notice. Its text is the API's own: redact it.

    JSON notices answer CSV requests too, so the body decides and not the asked format. Cheap for any size.
    """
    if body.lstrip()[:1] != b"{":
        return None
    if _EMPTY.fullmatch(body):
        return errors.EmptyAnswer("an empty answer: nothing there")
    head = body[:_HEAD_BYTES].decode("utf-8", errors="replace")
    if found := _NOTICE.search(head):
        return _spoken(head[found.end() :])
    if _ARTIFICIAL in body:
        return errors.ArtificialRows("artificial rows in the place of an answer")
    return None


def _spoken(rest: str) -> AlphaVantageError:
    """`rest`: the body from the notice's opening quote on."""
    try:
        text, _ = json.JSONDecoder().raw_decode(rest)
    except ValueError:
        return errors.TruncatedAnswer(f"a notice that ends in the middle, {len(rest)} characters after its begin")
    lowered = text.lower()
    for words, error in _MEANINGS:
        if words in lowered:
            return error(text)
    return errors.UnknownNotice(f"unknown notice: {text}")
