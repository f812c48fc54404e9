"""A clock that the test moves, and the sample market's limits by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hedge_master.sample_market.limits import CallLimits


class Watch:
    """Stands at `start` (UTC, without a zone) until it is moved. It begins on a Monday morning in New York."""

    def __init__(self, start: str = "2026-06-15T12:00:00") -> None:
        self.milliseconds = 1_000_000
        self._start = datetime.fromisoformat(start).replace(tzinfo=UTC) - timedelta(milliseconds=self.milliseconds)

    def limits(self, second: int = 0, minute: int = 0, day: int = 0) -> CallLimits:
        """Limits whose seconds, minutes and days (of US/Eastern) are those of this watch; 0 = none."""
        return CallLimits(second, minute, day, lambda: self.milliseconds, self.now)

    def now(self) -> datetime:
        return self._start + timedelta(milliseconds=self.milliseconds)

    def pass_by(self, span: timedelta) -> None:
        self.milliseconds += round(span / timedelta(milliseconds=1))

    def go_to(self, instant: str) -> None:
        """Moves to an instant (UTC, without a zone) that is still to come."""
        span = datetime.fromisoformat(instant).replace(tzinfo=UTC) - self.now()
        assert span >= timedelta(0), f"the watch stands at {self.now()} already"
        self.pass_by(span)
