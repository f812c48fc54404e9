"""How far a series reaches and how many bars it has, read off its text: a full answer is 1 MB, too much to parse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

_DAY = re.compile(rb'"(\d{4}-\d{2}-\d{2})"\s*:\s*\{')
_TAIL_BYTES = 4096  # several bars


def first_and_last_bar(body: bytes) -> tuple[date, date] | None:
    """The days of the oldest and the newest bar of a daily series in JSON; None for one without bars.

    Bars come newest first. A day that no calendar has is passed over: the stream rejects its bar.
    """
    newest = next(_days(body), None)
    if newest is None:
        return None
    *_, oldest = newest, *_days(body[-_TAIL_BYTES:])
    return oldest, newest


def bars_in(body: bytes) -> int:
    """How many bars a daily series in JSON has: prices or exchange rates."""
    return body.count(b'"4. close"')


def _days(part: bytes) -> Iterator[date]:
    for found in _DAY.finditer(part):
        try:
            yield date.fromisoformat(found[1].decode())
        except ValueError:
            continue
