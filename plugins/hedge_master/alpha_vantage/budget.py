"""How many calls may be made, and when: asked before every HTTP attempt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class CallBudget(Protocol):
    """The calls that a plan allows. Thread-safe."""

    def reserve(self, announce: Callable[[], None] | None = None) -> None:
        """Block until the next call may be made, and `announce` it just before.

        Raises DailyLimitReached where the day's calls are spent; then nothing is announced.
        """

    def refused_for_today(self, asked_at: datetime) -> None:
        """Note that the API itself said of the day of a call, asked at `asked_at`, that its calls are spent, whatever
        our own count says."""


class NoLimit:
    """Every call at once; what the API refuses is refused by the API."""

    def reserve(self, announce: Callable[[], None] | None = None) -> None:
        if announce:
            announce()

    def refused_for_today(self, asked_at: datetime) -> None:
        return
