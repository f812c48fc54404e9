"""How far a series reaches and how many bars it has, read off its text: a full answer is 1 MB, too much to parse."""

from __future__ import annotations

import re
from datetime import date

from hedge_master.alpha_vantage.errors import UnreadableAnswer

_DAY = re.compile(rb'"(\d{4}-\d{2}-\d{2})"\s*:\s*\{')
_TAIL_BYTES = 4096  # several bars


def first_and_last_bar(body: bytes) -> tuple[date, date] | None:
    """The days of the oldest and the newest bar of a daily series in JSON; None for one without bars.

    Bars come newest first. Raises UnreadableAnswer for a day that the calendar does not have.
    """
    newest = _DAY.search(body)
    if newest is None:
        return None
    oldest = _DAY.findall(body[-_TAIL_BYTES:])[-1:] or [newest[1]]
    return _day(oldest[0]), _day(newest[1])


def bars_in(body: bytes) -> int:
    """How many bars a daily series in JSON has: prices or exchange rates."""
    return body.count(b'"1. open"')


def _day(text: bytes) -> date:
    try:
        return date.fromisoformat(text.decode())
    except ValueError:
        day = text.decode()
    raise UnreadableAnswer(f"a bar's day is {day!r}: no date")
