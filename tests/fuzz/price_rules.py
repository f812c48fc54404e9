"""What becomes of a delivered message, judged by plain Python: a second opinion that shares no line with the job.

It reads JSON with Python's own reader, which is strict, and judges numbers and dates by their letters.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

DEEPEST = 999  # levels of nesting that a body may have
LONGEST_NUMBER = 1000  # characters of a bare number; longer ones make the body unreadable
NOTICES = ("Information", "Note", "Error Message")
FIELDS = ("1. open", "2. high", "3. low", "4. close", "5. volume")
FIRST_DAY = date(1900, 1, 1)
LEAST, MOST = 1e-9, 1e12
LARGEST_VOLUME = 2**63 - 1

_PRICE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_VOLUME = re.compile(r"[+-]?\d+", re.ASCII)
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)

sys.setrecursionlimit(max(sys.getrecursionlimit(), 5 * DEEPEST))  # Python's reader of JSON goes down with the nesting


class Verdict(NamedTuple):
    """One row: the day as written, why it is refused (None: possible), and a possible bar's five numbers."""

    day: str | None
    reason: str | None
    bar: tuple[float, float, float, float, int] | None = None


class _Members(list[tuple[str, Any]]):
    """A JSON object as written, with every member that stands twice."""

    def last(self, name: str) -> Any:
        return dict(self).get(name)


class _Bare(str):
    """A bare number, or NaN, as written."""


class _Unreadable(ValueError):
    pass


def verdicts(body: bytes | None, headers: Sequence[tuple[str, bytes]], key: bytes | None) -> list[Verdict]:
    """The rows that the message must become, in the order of the payload."""
    given = {name: text.decode("utf-8", "replace") for name, text in reversed(headers)}  # the first of a name counts
    symbol = given.get("symbol", key.decode("utf-8", "replace") if key is not None else None)
    market_date = _day(given.get("market_date", ""))
    complete = _is_time(given.get("requested_at", "")) and market_date is not None and symbol is not None
    try:
        value = _read(body)
    except ValueError:
        return [Verdict(None, "unparsable_json" if complete else "message_without_headers")]
    series = value.last("Time Series (Daily)") if isinstance(value, _Members) else None
    if not isinstance(series, _Members) or not series:
        if not complete:
            return [Verdict(None, "message_without_headers")]
        told = isinstance(value, _Members) and any(value.last(name) is not None for name in NOTICES)
        return [Verdict(None, "notice" if told else "no_series")]
    meta = value.last("Meta Data")
    named = meta.last("2. Symbol") if isinstance(meta, _Members) else None
    of_another = not isinstance(named, str) or _as_stored(named) != symbol
    times = Counter(day for day, _ in series)
    rows = []
    for day, fields in series:
        if not complete or market_date is None:
            verdict = "message_without_headers", None
        elif of_another:
            verdict = "another_symbol", None
        else:
            verdict = _judge(day, fields, market_date, times[day] > 1)
        rows.append(Verdict(_as_stored(day), *verdict))
    return rows


def _judge(
    text: str, fields: Any, market_date: date, repeats: bool
) -> tuple[str | None, tuple[float, float, float, float, int] | None]:
    day = _day(text)
    if day is None or day < FIRST_DAY:
        return "impossible_date", None
    if day > market_date:
        return "date_in_the_future", None
    if repeats:
        return "duplicate_date", None
    members = fields if isinstance(fields, _Members) else _Members()
    prices = [_price(members.last(name)) for name in FIELDS[:4]]
    volume = _volume(members.last(FIELDS[4]))
    if volume is None or None in prices:
        return "missing_or_not_a_number", None
    opened, high, low, closed = (price for price in prices if price is not None)
    if min(opened, high, low, closed) <= 0:
        return "price_not_positive", None
    if min(opened, high, low, closed) < LEAST or max(opened, high, low, closed) > MOST:
        return "price_out_of_scale", None
    if high < low:
        return "high_below_low", None
    if not (low <= opened <= high and low <= closed <= high):
        return "outside_range", None
    if volume < 0:
        return "negative_volume", None
    return None, (opened, high, low, closed, volume)


def _price(text: Any) -> float | None:
    if not isinstance(text, str) or not _PRICE.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _volume(text: Any) -> int | None:
    if not isinstance(text, str) or not _VOLUME.fullmatch(text):
        return None
    digits = text.lstrip("+-").lstrip("0")[:20]  # no more than decide it: Python reads 4,300 digits at most
    number = int(digits or "0") * (-1 if text[0] == "-" else 1)
    return number if -LARGEST_VOLUME - 1 <= number <= LARGEST_VOLUME else None


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _day(text: str) -> date | None:
    written = _DAY.fullmatch(text)
    try:
        return date(*map(int, written.groups())) if written else None
    except ValueError:
        return None


def _read(body: bytes | None) -> Any:
    if body is None:
        raise _Unreadable("no body")
    # A byte that is no UTF-8 reads as the replacement character; a byte order mark is none of JSON's characters.
    text = body.decode("utf-8", "replace")
    depth = deepest = 0
    for character in re.sub(r"[^\[\]{}]", "", _STRING.sub("", text)):
        depth += 1 if character in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise _Unreadable("too deep")
    return json.loads(text, object_pairs_hook=_Members, parse_int=_bare, parse_float=_bare, parse_constant=_Bare)


def _bare(number: str) -> _Bare:
    if len(number) > LONGEST_NUMBER:
        raise _Unreadable("a number without end")
    return _Bare(number)


def _as_stored(text: str) -> str:
    """Half of a surrogate pair is no character: a question mark stands in its place."""
    return one_mark(text.encode("utf-8", "replace").decode())


def one_mark(text: str) -> str:
    """Java and Python put one replacement character or several in the place of the same wrong bytes."""
    return re.sub("\ufffd+", "\ufffd", text)
