"""What a price answer holds, told without parsing it: a full answer is a megabyte, and Spark parses it anyway."""

from __future__ import annotations

import re
from datetime import date

_DAY = re.compile(rb'"(\d{4}-\d{2}-\d{2})"\s*:\s*\{')
_CLOSE = b'"4. close"'
_LONGEST_BAR = 400  # bytes


def bars_in(body: bytes) -> int:
    """How many bars the body of a TIME_SERIES_DAILY answer (JSON) holds."""
    return body.count(_CLOSE)


def first_and_last_bar(body: bytes) -> tuple[date, date] | None:
    """The oldest and the newest day of the series; None where it has no bar. The API names the newest day first."""
    newest = _DAY.search(body)
    if newest is None:
        return None
    *_, oldest = _DAY.finditer(body, max(newest.start(), len(body) - _LONGEST_BAR))
    days = [date.fromisoformat(found.group(1).decode()) for found in (oldest, newest)]
    return min(days), max(days)
