"""A point on the market clock: a day's end, or a time inside a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

END_OF_DAY = time(23, 59, 59)


@dataclass(frozen=True, slots=True)
class Moment:
    """`at`: the time of day in UTC, to the minute; None = the day is over."""

    day: date
    at: time | None = None

    @property
    def utc(self) -> time:
        """The time of day in UTC; END_OF_DAY when the day is over."""
        return END_OF_DAY if self.at is None else self.at

    @property
    def instant(self) -> datetime:
        return datetime.combine(self.day, self.utc, UTC)

    def __str__(self) -> str:
        return str(self.day) if self.at is None else f"{self.day} {self.at:%H:%M} UTC"

    def as_json(self) -> dict[str, str | None]:
        """{"market_date": "YYYY-MM-DD", "market_time": "HH:MM" or None}."""
        return {
            "market_date": self.day.isoformat(),
            "market_time": None if self.at is None else f"{self.at:%H:%M}",
        }

    @classmethod
    def from_json(cls, content: Any) -> Moment:
        """The opposite of `as_json`; without "market_time" the day's end. Raises ValueError, KeyError, TypeError."""
        at = content.get("market_time") if isinstance(content, dict) else None
        return cls(date.fromisoformat(content["market_date"]), None if at is None else time_of_day(at))


def time_of_day(text: str) -> time:
    """ "HH:MM" as a time. Raises ValueError."""
    return datetime.strptime(text, "%H:%M").replace(tzinfo=UTC).time()
