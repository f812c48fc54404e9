"""How many calls may be made, and when: asked before every HTTP attempt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from pyrate_limiter import Duration, Limiter, Rate

from hedge_master.alpha_vantage.errors import DailyLimitReached

API_DAY = ZoneInfo("America/New_York")


class CallBudget(Protocol):
    """The calls that a plan allows. Thread-safe."""

    def reserve(self) -> None:
        """Block until the next call may be made. Raises DailyLimitReached where the day's calls are spent."""

    def refused_for_today(self) -> None:
        """Note that the API itself said that the day's calls are spent, whatever our own count says."""


class NoLimit:
    """Every call at once; what the API refuses is refused by the API."""

    def reserve(self) -> None:
        return

    def refused_for_today(self) -> None:
        return


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LocalPace:
    """Calls of this process alone, forgotten when it ends. Each limit is a number of calls; 0 = no limit.

    The day's limit counts a moving 24 hours, a refusal of the API holds until its day (US/Eastern) ends. `utc_now` is
    the clock, for tests.
    """

    def __init__(
        self, per_second: int, per_minute: int, per_day: int, utc_now: Callable[[], datetime] = _utc_now
    ) -> None:
        # One limiter a span: the library refuses a list in which one span's limit implies another's.
        pauses = ((per_second, Duration.SECOND), (per_minute, Duration.MINUTE))
        self._pauses = [Limiter(Rate(limit, span)) for limit, span in pauses if limit]
        self._day = Limiter(Rate(per_day, Duration.DAY)) if per_day else None
        self._utc_now = utc_now
        self._refused_on: date | None = None

    def reserve(self) -> None:
        if self._refused_on == self._today():
            raise DailyLimitReached("the API said that the day's calls are spent; its day ends at midnight US/Eastern")
        if self._day is not None and not self._day.try_acquire("day", blocking=False):
            raise DailyLimitReached("HM_ALPHA_VANTAGE_REQUESTS_PER_DAY are spent")
        for limiter in self._pauses:
            limiter.try_acquire("pause")

    def refused_for_today(self) -> None:
        self._refused_on = self._today()

    def _today(self) -> date:
        return self._utc_now().astimezone(API_DAY).date()
