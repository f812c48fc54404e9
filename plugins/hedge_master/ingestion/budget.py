"""The one budget of API calls that all runs share, kept in Postgres: per second, per minute, per day.

Calls go out in evenly spaced slots, so that no second and no minute can hold more than the plan allows whatever runs
side by side; the day is the API's own, US/Eastern. `market.reserve_call` hands out the slots.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.errors import DailyLimitReached
from hedge_master.ingestion.market_date import API_ZONE

# Two calls that leave a second apart may arrive a little closer: the far end measures where they arrive.
MARGIN = 0.02
ANNOUNCED_SECONDS = 0.1


@dataclass(frozen=True)
class Limits:
    """Calls that the plan allows per second, minute and day of US/Eastern; 0 = no limit."""

    per_second: int = 0
    per_minute: int = 0
    per_day: int = 0

    @property
    def spacing(self) -> timedelta:
        """Time between two calls that keeps to both the second and the minute."""
        spans = ((1, self.per_second), (60, self.per_minute))
        return timedelta(seconds=max((span / limit for span, limit in spans if limit), default=0.0) * (1 + MARGIN))

    @property
    def calls_per_minute(self) -> float | None:
        """The pace of the slots; None where nothing limits it."""
        spacing = self.spacing.total_seconds()
        return 60 / spacing if spacing else None


@dataclass(frozen=True)
class BudgetState:
    """How the day stands: `calls` made, `left` (None: no limit), and when the next day begins."""

    calls: int
    left: int | None
    resets_at: datetime

    def __str__(self) -> str:
        left = "no daily limit" if self.left is None else f"{self.left} left"
        return f"{self.calls} calls today, {left}, budget resets at {self.resets_at:%Y-%m-%d %H:%M} UTC"


class SharedBudget:
    """Reserves calls of one account on a connection in autocommit mode. Threads may share it.

    `now` and `sleep` are the clocks, for tests that own the time; by default the database's and this process's.
    """

    def __init__(
        self,
        warehouse: Connection,
        account: str,
        limits: Limits,
        now: Callable[[], datetime] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        warehouse.autocommit = True
        self._warehouse = warehouse
        self._account = account
        self._limits = limits
        self._now = now
        self._sleep = sleep

    def reserve(self, announce: Callable[[], None] | None = None) -> None:
        """Wait for the next slot, and `announce` the call ANNOUNCED_SECONDS before it: so late that few are announced
        and not made where the process dies, so early that it costs the slot nothing.

        Raises DailyLimitReached where the day has no call left.
        """
        with self._warehouse.cursor() as cursor:
            cursor.execute(
                "select moment, market.reserve_call(%s, %s, %s, moment) "
                "from (select coalesce(%s, clock_timestamp()) as moment) as now",
                (self._account, self._limits.spacing, self._limits.per_day, self._moment()),
            )
            moment, slot = cursor.fetchone() or (None, None)
        if moment is None or slot is None:
            raise DailyLimitReached(str(self.state()))
        wait = max((slot - moment).total_seconds(), 0.0)
        if announce is None:
            self._sleep(wait)
            return
        self._sleep(max(wait - ANNOUNCED_SECONDS, 0.0))
        began = time.monotonic()
        announce()
        self._sleep(max(min(wait, ANNOUNCED_SECONDS) - (time.monotonic() - began), 0.0))

    def refused_for_today(self, asked_at: datetime) -> None:
        """The API says that the day is spent, whatever we counted (the key is used elsewhere too, say).

        The day is the one of the call, asked at `asked_at`: the answer may come when the next day has begun.
        """
        with self._warehouse.cursor() as cursor:
            cursor.execute(
                """insert into market.api_budget_days (account, day, refused_at)
                values (%s, market.api_day(%s), %s)
                on conflict (account, day) do update set refused_at = excluded.refused_at""",
                (self._account, asked_at, asked_at),
            )

    def state(self) -> BudgetState:
        """How the API's day stands now."""
        with self._warehouse.cursor() as cursor:
            cursor.execute(
                """select moment, coalesce(spent.calls, 0), spent.refused_at is not null
                from (select coalesce(%s, clock_timestamp()) as moment) as now
                left join market.api_budget_days as spent
                    on spent.account = %s and spent.day = market.api_day(moment)""",
                (self._moment(), self._account),
            )
            moment, calls, refused = cursor.fetchone() or (datetime.now(UTC), 0, False)
        limit = self._limits.per_day
        left = 0 if refused else max(limit - calls, 0) if limit else None
        return BudgetState(calls, left, next_api_day(moment))

    def _moment(self) -> datetime | None:
        return self._now() if self._now else None


def next_api_day(moment: datetime) -> datetime:
    """When the API's next day begins, in UTC: midnight in US/Eastern."""
    tomorrow = moment.astimezone(API_ZONE).date() + timedelta(days=1)
    return datetime.combine(tomorrow, datetime.min.time(), API_ZONE).astimezone(UTC)
