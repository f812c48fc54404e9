"""The shared budget on a real Postgres: one pace and one day for all who ask."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.errors import DailyLimitReached
from hedge_master.ingestion.budget import ANNOUNCED_SECONDS, MARGIN, Limits, SharedBudget, next_api_day
from hedge_master.settings import Settings

API = "https://api.example"
# 23:00 UTC on 13 January 2020 is 18:00 in New York: the API's day ends five hours later.
EVENING = datetime(2020, 1, 13, 23, tzinfo=UTC)
MIDNIGHT = datetime(2020, 1, 14, 5, tzinfo=UTC)


class Clock:
    """A time that only the test moves: sleeping is noted."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def connect(warehouse_settings: Settings, ingest: Connection) -> Iterator[list[Connection]]:
    """Three connections of three runs, on an empty warehouse."""
    url = warehouse_settings.required("warehouse_ingest_url")
    opened = [psycopg2.connect(url) for _ in range(3)]
    yield opened
    for connection in opened:
        connection.close()


def budgets(connections: list[Connection], limits: Limits, clock: Clock) -> list[SharedBudget]:
    return [SharedBudget(each, API, limits, clock.now, clock.slept.append) for each in connections]


def test_two_runs_share_one_pace_of_slots(connect: list[Connection]) -> None:
    """At 60 a minute the slots lie a second and a little apart, whoever asks for them."""
    clock = Clock(EVENING)
    first, second, _ = budgets(connect, Limits(per_minute=60), clock)
    for each in (first, second, first, second):
        each.reserve()
    assert clock.slept == pytest.approx([0, 1 + MARGIN, 2 * (1 + MARGIN), 3 * (1 + MARGIN)])
    clock.moment += timedelta(seconds=10)
    second.reserve()
    assert clock.slept[-1] == 0, "slots that nobody used are not saved up"


def test_a_call_is_announced_shortly_before_its_slot(connect: list[Connection]) -> None:
    """What only waits for a slot is not announced yet: where its process dies, no call is missing."""
    clock = Clock(EVENING)
    budget, *_ = budgets(connect, Limits(per_second=1, per_day=2), clock)
    slept_before: list[float] = []
    for _ in range(2):
        budget.reserve(lambda: slept_before.append(sum(clock.slept)))
    assert slept_before == pytest.approx([0, 1 + MARGIN - ANNOUNCED_SECONDS])
    assert sum(clock.slept) == pytest.approx(1 + MARGIN, abs=0.05), "announcing takes a little of the wait"
    with pytest.raises(DailyLimitReached):
        budget.reserve(lambda: slept_before.append(0))
    assert len(slept_before) == 2


def test_the_second_and_the_minute_both_hold(connect: list[Connection]) -> None:
    """5 a second would be 0.2 s apart, 60 a minute 1 s: the wider one rules."""
    assert Limits(per_second=5, per_minute=60).spacing.total_seconds() == pytest.approx(1 + MARGIN)
    assert Limits(per_second=1, per_minute=1200).spacing.total_seconds() == pytest.approx(1 + MARGIN)
    assert Limits().spacing == timedelta(0)


def test_a_restart_finds_the_day_as_it_was_and_midnight_in_new_york_begins_a_new_one(
    connect: list[Connection],
) -> None:
    clock = Clock(EVENING)
    limits = Limits(per_day=3)
    first, restarted, _ = budgets(connect, limits, clock)
    for _ in range(3):
        first.reserve()
    with pytest.raises(DailyLimitReached, match="3 calls today, 0 left, budget resets at 2020-01-14 05:00 UTC"):
        restarted.reserve()
    clock.moment = MIDNIGHT - timedelta(seconds=1)
    assert restarted.state().left == 0
    clock.moment = MIDNIGHT
    assert restarted.state().left == 3
    restarted.reserve()
    assert (restarted.state().calls, restarted.state().left) == (1, 2)


def test_what_the_api_says_of_the_day_counts_more_than_what_we_counted(connect: list[Connection]) -> None:
    """The key may be used by somebody else too."""
    clock = Clock(EVENING)
    budget, *_ = budgets(connect, Limits(per_day=25), clock)
    budget.reserve()
    budget.refused_for_today(EVENING)
    assert budget.state().left == 0
    with pytest.raises(DailyLimitReached):
        budget.reserve()
    clock.moment = MIDNIGHT
    budget.reserve()


def test_a_call_of_last_night_that_is_refused_after_midnight_leaves_the_new_day_whole(
    connect: list[Connection],
) -> None:
    clock = Clock(MIDNIGHT + timedelta(seconds=1))
    budget, *_ = budgets(connect, Limits(per_day=25), clock)
    budget.refused_for_today(MIDNIGHT - timedelta(seconds=1))
    assert budget.state().left == 25
    clock.moment = MIDNIGHT - timedelta(seconds=1)
    assert budget.state().left == 0


def test_many_threads_of_many_runs_never_get_more_than_the_day_has(
    warehouse_settings: Settings, connect: list[Connection]
) -> None:
    clock = Clock(EVENING)
    shared = budgets(connect, Limits(per_second=1000, per_day=50), clock)

    def call(number: int) -> bool:
        try:
            shared[number % 3].reserve()
        except DailyLimitReached:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        allowed = sum(pool.map(call, range(90)))
    assert allowed == 50
    assert len(set(clock.slept)) == 50, "no two calls have the same slot"


def test_another_api_has_a_budget_of_its_own(connect: list[Connection]) -> None:
    clock = Clock(EVENING)
    limits = Limits(per_day=1)
    SharedBudget(connect[0], API, limits, clock.now, clock.slept.append).reserve()
    SharedBudget(connect[1], "http://127.0.0.1:1", limits, clock.now, clock.slept.append).reserve()


def test_the_apis_day_follows_summer_time() -> None:
    """New York is four hours behind UTC in July, five in January."""
    assert next_api_day(datetime(2020, 7, 1, 3, tzinfo=UTC)) == datetime(2020, 7, 1, 4, tzinfo=UTC)
    assert next_api_day(datetime(2020, 1, 1, 3, tzinfo=UTC)) == datetime(2020, 1, 1, 5, tzinfo=UTC)
