"""What a run costs and when it ends, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hedge_master.ingestion.budget import MARGIN, BudgetState, Limits
from hedge_master.ingestion.plan import CHUNK_SYMBOLS, chunks, estimate

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
RESET = datetime(2026, 11, 25, 5, tzinfo=UTC)


def test_without_a_daily_limit_the_pace_alone_tells() -> None:
    """6,000 calls at 75 a minute, less two percent: 81.6 minutes."""
    cost = estimate(6000, Limits(per_minute=75), BudgetState(10, None, RESET), NOW)
    assert (cost.days, cost.left) == (1, None)
    assert cost.ends_at - NOW == timedelta(minutes=6000 / 75 * (1 + MARGIN))


def test_a_day_that_does_not_reach_ends_on_a_later_one() -> None:
    """60 calls, 20 left today, 25 a day: 20 today, 25 tomorrow, 15 on the third day, a second and a little apart."""
    cost = estimate(60, Limits(per_second=1, per_day=25), BudgetState(5, 20, RESET), NOW)
    assert cost.days == 3
    assert cost.ends_at == RESET + timedelta(days=1, seconds=15 * (1 + MARGIN))
    assert "60 calls needed, 20 left today, 59 a minute" in str(cost)
    assert str(cost).endswith("on day 3")


def test_whole_days_only_end_with_a_whole_day() -> None:
    """70 calls, 20 left, 25 a day: 20, 25, 25."""
    cost = estimate(70, Limits(per_second=1, per_day=25), BudgetState(5, 20, RESET), NOW)
    assert cost.days == 3
    assert cost.ends_at == RESET + timedelta(days=1, seconds=25 * (1 + MARGIN))


def test_a_day_that_the_api_refused_waits_for_the_next_one_where_the_plan_has_no_daily_limit() -> None:
    """90 calls at one a second and a little, from the API's midnight on."""
    cost = estimate(90, Limits(per_second=1), BudgetState(900, 0, RESET), NOW)
    assert (cost.days, cost.left) == (2, 0)
    assert cost.ends_at == RESET + timedelta(seconds=90 * (1 + MARGIN))


def test_a_chunk_is_no_longer_than_five_minutes_of_calls() -> None:
    """At 75 a minute: 367 calls in five minutes, two a symbol; without a pace the most symbols of a chunk."""
    assert chunks(400, Limits(per_minute=75)) == [(0, 183), (183, 366), (366, 400)]
    assert chunks(800, Limits()) == [(0, CHUNK_SYMBOLS), (CHUNK_SYMBOLS, 800)]
    assert chunks(0, Limits()) == []
    assert chunks(2, Limits(per_day=25, per_second=1)) == [(0, 2)]
