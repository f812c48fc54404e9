"""The server's call limits: a moving second, a moving minute, and the day of US/Eastern.

They hold for the server as a whole, whatever key is used, and are forgotten when it stops.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from time import monotonic_ns
from zoneinfo import ZoneInfo

from pyrate_limiter import Duration, InMemoryBucket, Rate, RateItem

from hedge_master.sample_market import notices

EASTERN = ZoneInfo("America/New_York")


def _monotonic_ms() -> int:
    return monotonic_ns() // 1_000_000


def _utc_now() -> datetime:
    return datetime.now(UTC)


class CallLimits:
    """Counts calls to /query. Each limit is a number of calls; 0 = no limit.

    Only answered calls count, but for one that the minute refuses: it stays in the second's count.
    `monotonic_ms` and `utc_now` are the clocks, for tests.
    """

    def __init__(
        self,
        per_second: int,
        per_minute: int,
        per_day: int,
        monotonic_ms: Callable[[], int] = _monotonic_ms,
        utc_now: Callable[[], datetime] = _utc_now,
    ) -> None:
        # One bucket a rate: pyrate-limiter refuses lists in which a rate can never bind, which is a user's right here.
        self._paces = [
            (limit, period, InMemoryBucket([Rate(limit, span)]))
            for limit, period, span in (
                (per_second, "second", Duration.SECOND),
                (per_minute, "minute", Duration.MINUTE),
            )
            if limit
        ]
        self._per_day = per_day
        self._monotonic_ms = monotonic_ms
        self._utc_now = utc_now
        self._today: date | None = None
        self._calls_today = 0
        self._lock = threading.Lock()

    def refusal(self, api_key: str) -> notices.Notice | None:
        """Counts one call; the notice to answer with if it is one too many, else None. Thread-safe."""
        with self._lock:
            today = self._utc_now().astimezone(EASTERN).date()
            if today != self._today:
                self._today, self._calls_today = today, 0
            if self._per_day and self._calls_today >= self._per_day:
                return notices.daily_cap(api_key, self._per_day)
            now = self._monotonic_ms()
            for limit, period, bucket in self._paces:
                bucket.leak(now)
                if not bucket.put(RateItem("call", now)):
                    return notices.burst(limit, period, self._per_day)
            self._calls_today += 1
            return None
