"""The operator's figures, read from a real warehouse that stands as ingestion leaves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.errors import CalledOff
from hedge_master.ingestion.budget import BudgetState, Limits
from hedge_master.operations.figures import Figures, OpenGap, read_figures
from hedge_master.operations.progress import State, end_at_pace
from hedge_master.settings import Settings
from ledger_rows import add_answer, add_call, add_run, add_symbols

FRIDAY = date(2020, 6, 12)
THURSDAY = date(2020, 6, 11)
RESET = datetime(2020, 6, 13, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def figures(ingest: Connection, warehouse_settings: Settings) -> Callable[..., Figures]:
    """The figures as of Friday, 2020-06-12, read by a session of their own."""
    with ingest.cursor() as cursor:
        cursor.execute("insert into market.market_dates values ('one', %s, 'sample market')", (FRIDAY,))
    ingest.commit()

    def read(limits: Limits | None = None) -> Figures:
        session = psycopg2.connect(warehouse_settings.required("warehouse_ingest_url"), options="-c timezone=UTC")
        try:
            return read_figures(session, "the api", limits or Limits(per_minute=75, per_day=25))
        finally:
            session.close()

    return read


def test_a_run_half_way_says_how_fast_it_is_and_when_it_ends(
    ingest: Connection, figures: Callable[..., Figures]
) -> None:
    """Ten symbols. In two minutes five calls, one of them asked three times: 7 in 2 minutes. Four symbols have their
    answer; the six that wait take 6 / 3.5 minutes."""
    add_symbols(ingest, *"ABCDEFGHIJ")
    began = datetime.now(UTC) - 2 * MINUTE
    add_run(ingest, "now", symbols=10, planned_at=began)
    for symbol, outcome, attempts in (
        *(("A", "published", 1), ("B", "published", 3), ("C", "published", 1)),
        *(("D", "nothing_there", 1), ("E", "failed", 1)),
    ):
        when = {"requested_at": began, "finished_at": began + MINUTE}
        add_call(ingest, symbol, run_id="now", outcome=outcome, attempts=attempts, **when)

    read = figures(Limits())
    run = read.runs[0]

    assert (run.state, run.answered, run.symbols, run.retries) == (State.RUNNING, 4, 10, 2)
    assert run.outcomes == {"published": 3, "nothing_there": 1, "failed": 1}
    assert run.calls_per_minute == pytest.approx(3.5, rel=0.05)
    assert run.ends_at is not None
    assert (run.ends_at - read.read_at).total_seconds() == pytest.approx(6 / 3.5 * 60, rel=0.05)


def test_a_symbol_that_was_asked_twice_in_a_run_is_answered_once(
    ingest: Connection, figures: Callable[..., Figures]
) -> None:
    """A compact answer behind a gap is followed by the full one; and splits are no prices."""
    add_symbols(ingest, "A", "B")
    add_run(ingest, "now", symbols=2)
    add_call(ingest, "A", run_id="now")
    add_call(ingest, "A", run_id="now", outputsize="full")
    add_call(ingest, "B", run_id="now", function="SPLITS", outputsize=None, purpose="splits", outcome="stored")
    assert figures().runs[0].answered == 1


def test_a_run_without_calls_waits_until_another_of_its_kind_is_planned(
    ingest: Connection, figures: Callable[..., Figures]
) -> None:
    hour = datetime(2020, 6, 12, 12, tzinfo=UTC)
    add_run(ingest, "first", planned_at=hour)
    add_run(ingest, "history", kind="history", planned_at=hour + MINUTE)
    assert {run.run_id: run.state for run in figures().runs} == {"history": State.WAITING, "first": State.WAITING}
    add_run(ingest, "second", planned_at=hour + 2 * MINUTE, ended_at=hour + 3 * MINUTE, note="all answered")
    assert [(run.run_id, run.state) for run in figures().runs] == [
        ("second", State.ENDED),
        ("history", State.WAITING),
        ("first", State.GIVEN_UP),
    ]


def test_what_the_day_does_not_reach_waits_for_the_next_days() -> None:
    """60 calls, 10 left today, 25 a day: 25 tomorrow and 25 on the day after, at one a second."""
    now = datetime(2020, 6, 12, 12, tzinfo=UTC)
    budget = BudgetState(15, 10, RESET)
    assert end_at_pace(10, 60.0, budget, 25, now) == now + timedelta(seconds=10)
    assert end_at_pace(60, 60.0, budget, 25, now) == RESET + timedelta(days=1, seconds=25)
    assert end_at_pace(11, 60.0, budget, 25, now) == RESET + timedelta(seconds=1)
    assert end_at_pace(60, 0.0, budget, 25, now) is None
    refused_by_the_api = BudgetState(900, 0, RESET)
    assert end_at_pace(60, 60.0, refused_by_the_api, 0, now) == RESET + timedelta(minutes=1)


def test_a_symbol_is_stale_where_others_of_its_market_are_ahead(
    ingest: Connection, figures: Callable[..., Figures]
) -> None:
    """Tokyo had no session on Friday: nobody there is behind. In the US one has no bar, one lacks Friday's."""
    add_symbols(ingest, "AHEAD", "BEHIND", "REFUSED", "NEW")
    add_symbols(ingest, "7203.T", "6758.T", region="Tokyo")
    add_symbols(ingest, "GONE", status="delisted")
    add_symbols(ingest, "EMPTY")
    add_call(ingest, "EMPTY", outcome="nothing_there")
    for symbol in ("BEHIND", "REFUSED", "7203.T", "6758.T"):
        add_answer(ingest, symbol, last_day=THURSDAY)
    add_answer(ingest, "AHEAD", last_day=FRIDAY)
    add_answer(ingest, "AHEAD", last_day=FRIDAY, outputsize="full")
    add_call(ingest, "BEHIND", last_bar=THURSDAY)
    add_call(ingest, "REFUSED", outcome="failed", error="ServerFault: HTTP 502, tried 5 times")

    read = figures()

    assert (read.stale_count, read.empty_count, read.symbols, read.histories) == (3, 1, 7, 1)
    assert read.newest_bar == FRIDAY
    assert [(each.symbol, each.last_bar, each.days, each.reason) for each in read.stalest] == [
        ("NEW", None, None, "never asked"),
        ("BEHIND", THURSDAY, 1, "answered without a newer bar (asked 2020-06-12 21:00)"),
        ("REFUSED", THURSDAY, 1, "failed: ServerFault (asked 2020-06-12 21:00)"),
    ]


def test_a_market_that_is_silent_for_longer_than_any_holiday_is_stale(
    ingest: Connection, figures: Callable[..., Figures]
) -> None:
    add_symbols(ingest, "7203.T", region="Tokyo")
    add_symbols(ingest, "0005.HK", region="Hong Kong")
    add_answer(ingest, "7203.T", last_day=FRIDAY - timedelta(days=11))
    add_answer(ingest, "0005.HK", last_day=FRIDAY - timedelta(days=10))
    assert [(each.symbol, each.days) for each in figures().stalest] == [("7203.T", 11)]


def test_a_gap_stays_until_a_full_history_comes(ingest: Connection, figures: Callable[..., Figures]) -> None:
    """A later compact answer that follows without a hole does not close the hole before it."""
    add_symbols(ingest, "A", "B")
    when = datetime(2020, 6, 12, 12, tzinfo=UTC)
    gap = {"gap_after": date(2020, 1, 3), "first_bar": date(2020, 2, 3)}
    for symbol in ("A", "B"):
        add_call(ingest, symbol, requested_at=when, **gap)
        add_call(ingest, symbol, requested_at=when + MINUTE)
    add_call(ingest, "B", requested_at=when + 2 * MINUTE, outputsize="full")

    read = figures()

    assert (read.gap_count, read.gaps) == (1, [OpenGap("A", date(2020, 1, 3), date(2020, 2, 3))])


def test_rejected_rows_are_counted_over_the_newest_batches(ingest: Connection, figures: Callable[..., Figures]) -> None:
    """21 batches of 10 rows, one rejected in each and two more in the last: the oldest batch is not among the 20."""
    with ingest.cursor() as cursor:
        for number in range(1, 22):
            reasons = {"high_below_low": 1} if number < 21 else {"future_day": 1, "high_below_low": 2}
            rejected_rows = sum(reasons.values())
            cursor.execute(
                """insert into market.ingest_batches (run_id, topic, started_at, messages, delivered, new, changed,
                    unchanged, superseded, rejected, rejected_by_reason, offsets)
                values ('one', 'prices', now(), 1, 10, %s, 0, 0, 0, %s, %s, '{}')""",
                (10 - rejected_rows, rejected_rows, json.dumps(reasons)),
            )
    ingest.commit()

    rejected = figures().rejected

    assert (rejected.batches, rejected.delivered, rejected.rejected) == (20, 200, 22)
    assert list(rejected.by_reason.items()) == [("high_below_low", 21), ("future_day", 1)]


def test_calls_that_the_api_refused_today_are_told_by_their_error(
    ingest: Connection, figures: Callable[..., Figures]
) -> None:
    today: dict[str, Any] = {"requested_at": datetime.now(UTC), "outcome": "refused"}
    add_call(ingest, "A", error="TooFast: 1 request per second", **today)
    add_call(ingest, "B", error="TooFast: 1 request per second", **today)
    add_call(ingest, "C", error="PremiumOnly: a premium endpoint", **today)
    add_call(ingest, "D", error="ServerFault: HTTP 500", outcome="failed")  # in 2020
    add_call(ingest, "E", error="CalledOff: to be asked no more", **today | {"outcome": CalledOff.outcome})
    assert figures().refusals == {"TooFast": 2, "PremiumOnly": 1}


def test_an_empty_warehouse_has_figures_too(ingest: Connection, figures: Callable[..., Figures]) -> None:
    read = figures()
    assert (read.runs, read.symbols, read.stale_count, read.stalest, read.gaps) == ([], 0, 0, [], [])
    assert (read.budget.calls, read.budget.left, read.market_date) == (0, 25, FRIDAY)


def test_the_session_that_reads_cannot_write(ingest: Connection, figures: Callable[..., Figures]) -> None:
    read_figures(ingest, "the api", Limits())
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction), ingest.cursor() as cursor:
        cursor.execute("delete from market.api_calls")
