"""The pace of one process: pyrate-limiter counts, the API's word on its day stands above it."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic

import pytest

from hedge_master.alpha_vantage.budget import LocalPace
from hedge_master.alpha_vantage.errors import DailyLimitReached


@pytest.mark.parametrize("limits", [(1, 75, 500), (5, 5, 25), (0, 0, 0), (0, 5, 0)])
def test_any_plans_limits_are_accepted(limits: tuple[int, int, int]) -> None:
    LocalPace(*limits).reserve()


def test_calls_wait_for_their_second() -> None:
    """Two at once; the third waits until the first is a second old."""
    pace = LocalPace(2, 0, 0)
    began = monotonic()
    for _ in range(2):
        pace.reserve()
    assert monotonic() - began < 0.5
    pace.reserve()
    assert monotonic() - began >= 0.9


def test_the_days_own_limit_ends_the_day_and_does_not_sleep_through_it() -> None:
    pace = LocalPace(0, 0, 2)
    pace.reserve()
    pace.reserve()
    with pytest.raises(DailyLimitReached, match="HM_ALPHA_VANTAGE_REQUESTS_PER_DAY are spent"):
        pace.reserve()


def test_a_refusal_holds_until_midnight_in_new_york() -> None:
    """In July that is 04:00 UTC."""
    now = [datetime(2026, 7, 1, 15, tzinfo=UTC)]
    pace = LocalPace(0, 0, 0, utc_now=lambda: now[0])
    pace.refused_for_today()
    for hour in (16, 23):
        now[0] = datetime(2026, 7, 1, hour, tzinfo=UTC)
        with pytest.raises(DailyLimitReached, match="its day ends at midnight US/Eastern"):
            pace.reserve()
    now[0] = datetime(2026, 7, 2, 3, 59, tzinfo=UTC)
    with pytest.raises(DailyLimitReached):
        pace.reserve()
    now[0] = datetime(2026, 7, 2, 4, tzinfo=UTC)
    pace.reserve()
