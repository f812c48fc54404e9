"""The merge on a real PostgreSQL: every delivered row is accounted for, and only what differs is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values
from staging_rows import StagedBar, stage

from hedge_master.ingestion.topics import DAILY_PRICES, PRICE_HISTORY, Topic
from hedge_master.warehouse.merge import BatchRefused, Counts, Delivery, merge_batch, next_offsets
from ledger_rows import add_call

FRIDAY, MONDAY, TUESDAY = date(2020, 6, 12), date(2020, 6, 15), date(2020, 6, 16)
NOON, ONE, TWO = (datetime(2020, 6, 16, hour, tzinfo=UTC) for hour in (12, 13, 14))

Bar = tuple[str, date, float]


@pytest.fixture
def warehouse(ingest: Connection) -> Connection:
    """AAA in dollars, BBB in pence, and one pound at 1.25 dollars on Friday only."""
    with ingest, ingest.cursor() as cursor:
        execute_values(
            cursor,
            """insert into market.symbols (symbol, name, type, region, timezone, closes, currency, first_seen)
            values %s""",
            [
                ("AAA", "A", "Equity", "United States", "US/Eastern", "16:00", "USD", FRIDAY),
                ("BBB", "B", "Equity", "United Kingdom", "UTC+01", "16:30", "GBX", FRIDAY),
            ],
        )
        cursor.execute("insert into market.fx_rates values ('GBP', %s, 1.25, 'test')", (FRIDAY,))
    return ingest


def deliver(
    warehouse: Connection,
    topic: Topic,
    offset: int,
    requested_at: datetime,
    bars: Sequence[Bar],
    reason: str | None = None,
    copied: int | None = None,
    market_time: datetime | None = None,
    delivery: Delivery | None = None,
) -> Counts | None:
    """Stage one message and merge it."""
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(f"truncate {topic.staging}")
        staged = [StagedBar(*bar, reason) for bar in bars]
        rows = stage(cursor, topic, staged, offset, requested_at, market_time)
        return merge_batch(
            warehouse, topic, "test/run", requested_at, rows if copied is None else copied, delivery or Delivery()
        )


def all_of(warehouse: Connection, query: str) -> list[tuple[Any, ...]]:
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def classes(counts: Counts | None) -> tuple[int, int, int, int, int]:
    assert counts is not None
    return counts.new, counts.changed, counts.unchanged, counts.superseded, counts.rejected


def test_new_then_unchanged_then_changed(warehouse: Connection) -> None:
    first = deliver(warehouse, DAILY_PRICES, 0, NOON, [("AAA", FRIDAY, 10.0), ("AAA", MONDAY, 11.0)])
    again = deliver(warehouse, DAILY_PRICES, 1, ONE, [("AAA", FRIDAY, 10.0), ("AAA", MONDAY, 11.0)])
    corrected = deliver(warehouse, DAILY_PRICES, 2, TWO, [("AAA", FRIDAY, 10.0), ("AAA", MONDAY, 12.0)])
    assert classes(first) == (2, 0, 0, 0, 0)
    assert classes(again) == (0, 0, 2, 0, 0)
    assert classes(corrected) == (0, 1, 1, 0, 0)
    assert all_of(warehouse, "select close from market.prices order by day") == [(10.0,), (12.0,)]


def test_a_replaced_bar_is_kept_with_the_times_between_which_it_was_believed(warehouse: Connection) -> None:
    deliver(warehouse, DAILY_PRICES, 0, NOON, [("AAA", FRIDAY, 10.0)])
    deliver(warehouse, DAILY_PRICES, 1, TWO, [("AAA", FRIDAY, 10.5)])
    kept = all_of(warehouse, "select close, known_since, known_until from market.price_revisions")
    assert kept == [(10.0, NOON, TWO)]


def test_an_old_answer_delivered_late_does_not_undo_a_correction(warehouse: Connection) -> None:
    """A at noon, A' at two, then a message of one o'clock with B: A' stays."""
    deliver(warehouse, PRICE_HISTORY, 0, NOON, [("AAA", FRIDAY, 10.0)])
    deliver(warehouse, PRICE_HISTORY, 1, TWO, [("AAA", FRIDAY, 12.0)])
    late = deliver(warehouse, DAILY_PRICES, 0, ONE, [("AAA", FRIDAY, 11.0), ("AAA", MONDAY, 11.5)])
    assert classes(late) == (1, 0, 0, 1, 0)  # Monday is news: no newer answer speaks for it
    assert all_of(warehouse, "select close from market.prices order by day") == [(12.0,), (11.5,)]


def test_an_old_provisional_bar_does_not_undo_a_final_one_of_the_same_cents(warehouse: Connection) -> None:
    """Monday's final bar of two o'clock, whose answer is in no ledger and is the newest no more; the one of noon was
    asked for before the close at 20:00 UTC."""
    final = datetime(2020, 6, 15, 20, tzinfo=UTC)
    deliver(warehouse, DAILY_PRICES, 0, TWO, [("AAA", MONDAY, 11.0)], market_time=final)
    deliver(warehouse, DAILY_PRICES, 1, TWO + timedelta(hours=1), [("AAA", TUESDAY, 12.0)], market_time=final)
    early = final - timedelta(minutes=1)
    late = deliver(warehouse, DAILY_PRICES, 2, NOON, [("AAA", MONDAY, 11.0)], market_time=early)
    assert classes(late) == (0, 0, 0, 1, 0)
    assert all_of(warehouse, "select provisional from market.prices where day = '2020-06-15'") == [(False,)]


def test_an_answer_of_an_earlier_topic_of_the_name_was_merged_whatever_its_offset(warehouse: Connection) -> None:
    """One o'clock's answer spoke for Monday, from offset 7 of a topic whose successor has been read to offset 1."""
    deliver(warehouse, DAILY_PRICES, 0, TWO, [("AAA", TUESDAY, 12.0)])
    all_of(warehouse, "update market.ingest_offsets set topic_since = '2020-06-17' returning 1")
    told = {"requested_at": ONE, "finished_at": ONE, "first_bar": MONDAY, "last_bar": MONDAY}
    add_call(warehouse, "AAA", topic=DAILY_PRICES.name, kafka_offset=7, **told)
    assert classes(deliver(warehouse, PRICE_HISTORY, 0, NOON, [("AAA", MONDAY, 11.0)])) == (0, 0, 0, 1, 0)


def test_a_bar_of_an_open_session_is_provisional_until_the_next_answer(warehouse: Connection) -> None:
    """New York closes at 16:00, in June at 20:00 UTC. Asked at 19:59 Monday's bar is not final, Friday's is; asked at
    20:00 it is, and that counts as a change even where not a cent has moved."""
    bars = [("AAA", FRIDAY, 10.0), ("AAA", MONDAY, 11.0)]
    early = datetime(2020, 6, 15, 19, 59, tzinfo=UTC)
    first = deliver(warehouse, DAILY_PRICES, 0, NOON, bars, market_time=early)
    assert all_of(warehouse, "select day, provisional from market.prices order by 1") == [
        (FRIDAY, False),
        (MONDAY, True),
    ]
    final = deliver(warehouse, DAILY_PRICES, 1, ONE, bars, market_time=datetime(2020, 6, 15, 20, tzinfo=UTC))
    assert (classes(first), classes(final)) == ((2, 0, 0, 0, 0), (0, 1, 1, 0, 0))
    assert all_of(warehouse, "select day, provisional from market.prices order by 1") == [
        (FRIDAY, False),
        (MONDAY, False),
    ]
    assert all_of(warehouse, "select day, close, provisional from market.price_revisions") == [(MONDAY, 11.0, True)]


@pytest.mark.parametrize(
    ("zone", "closes", "expected"),
    [
        ("US/Eastern", "16:00", "2020-06-15 20:00+00"),
        ("UTC+01", "16:30", "2020-06-15 15:30+00"),
        ("UTC+5.5", "15:30", "2020-06-15 10:00+00"),
        ("UTC-03", "17:30", "2020-06-15 20:30+00"),
        ("somewhere", "16:00", None),
        ("UTC+01", None, None),
    ],
)
def test_a_session_closes_by_the_clock_of_its_market(
    warehouse: Connection, zone: str, closes: str | None, expected: str | None
) -> None:
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            "select market.session_close(%s, %s, %s::time) is not distinct from %s::timestamptz",
            (MONDAY, zone, closes, expected),
        )
        assert cursor.fetchone() == (True,)


def test_an_answer_from_before_the_ticker_was_given_away_is_the_former_companys(warehouse: Connection) -> None:
    """AAA was another company until Friday and is a new one since Tuesday 16 June. A message of Monday that is read on
    Tuesday, after the listing, is not about the new one; one of Tuesday is."""
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            """update market.symbols set symbol = 'AAA (until 2020-06-12)', ticker_until = %s, status = 'delisted'
            where symbol = 'AAA'""",
            (FRIDAY,),
        )
        cursor.execute(
            """insert into market.symbols (symbol, name, type, region, timezone, currency, listed_on, first_seen)
            values ('AAA', 'New', 'Equity', 'United States', 'US/Eastern', 'USD', %(day)s, %(day)s)""",
            {"day": TUESDAY},
        )
    before, after = datetime(2020, 6, 15, 22, tzinfo=UTC), datetime(2020, 6, 16, 22, tzinfo=UTC)
    deliver(warehouse, PRICE_HISTORY, 0, NOON, [("AAA", FRIDAY, 10.0)], market_time=before)
    deliver(warehouse, DAILY_PRICES, 0, ONE, [("AAA", TUESDAY, 99.0)], market_time=after)
    stored = all_of(
        warehouse, "select symbol, day, close from market.prices join market.symbols using (symbol_id) order by day"
    )
    assert stored == [("AAA (until 2020-06-12)", FRIDAY, 10.0), ("AAA", TUESDAY, 99.0)]


def test_two_answers_in_one_batch_the_newer_wins(warehouse: Connection) -> None:
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(f"truncate {DAILY_PRICES.staging}")
        rows = stage(cursor, DAILY_PRICES, [StagedBar("AAA", FRIDAY, 2.0)], 0, ONE)
        rows += stage(cursor, DAILY_PRICES, [StagedBar("AAA", FRIDAY, 1.0)], 1, NOON)
        counts = merge_batch(warehouse, DAILY_PRICES, "test/run", NOON, rows)
    assert classes(counts) == (1, 0, 0, 1, 0)
    assert all_of(warehouse, "select close from market.prices") == [(2.0,)]


def test_a_rejected_row_keeps_its_reason_and_an_unknown_symbol_is_one(warehouse: Connection) -> None:
    impossible = deliver(warehouse, DAILY_PRICES, 0, NOON, [("AAA", FRIDAY, -1.0)], reason="price_not_positive")
    unknown = deliver(warehouse, DAILY_PRICES, 1, NOON, [("ZZZ", FRIDAY, 5.0)])
    assert classes(impossible) == classes(unknown) == (0, 0, 0, 0, 1)
    kept = all_of(
        warehouse, "select symbol, day, reason, raw::json ->> '4. close', seen from market.rejections order by 1"
    )
    assert kept == [
        ("AAA", "2020-06-12", "price_not_positive", "-1", 1),
        ("ZZZ", "2020-06-12", "unknown_symbol", "5", 1),
    ]
    assert all_of(warehouse, "select count(*) from market.prices") == [(0,)]


def test_pence_become_dollars_at_the_last_rate_of_at_most_seven_days_before(warehouse: Connection) -> None:
    """200 pence are 2 pounds are 2.50 dollars. The rate is Friday the 12th's: good until the 19th, not on the 20th,
    and not for the day before it."""
    days = [date(2020, 6, 11), FRIDAY, date(2020, 6, 19), date(2020, 6, 20)]
    deliver(warehouse, DAILY_PRICES, 0, NOON, [("BBB", day, 200.0) for day in days])
    assert all_of(warehouse, "select day, close_usd, fx_date, usd_missing from market.prices order by day") == [
        (days[0], None, None, "no rate for GBX"),
        (days[1], 2.5, FRIDAY, ""),
        (days[2], 2.5, FRIDAY, ""),
        (days[3], None, None, "no rate for GBX"),
    ]


def test_the_weeks_that_changed_are_marked_and_the_next_bars_week_too(warehouse: Connection) -> None:
    """A correction of Friday changes Monday's return, so Monday's week is marked as well."""
    deliver(warehouse, DAILY_PRICES, 0, NOON, [("AAA", FRIDAY, 10.0), ("AAA", MONDAY, 11.0)])
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("delete from market.changed_spans")
    deliver(warehouse, DAILY_PRICES, 1, ONE, [("AAA", FRIDAY, 9.0), ("AAA", MONDAY, 11.0)])
    marked = all_of(warehouse, "select week_start, reason from market.changed_weeks order by 1")
    assert marked == [(date(2020, 6, 8), "prices"), (date(2020, 6, 15), "prices")]


def test_offsets_move_with_the_rows_and_a_gap_is_refused(warehouse: Connection) -> None:
    deliver(warehouse, DAILY_PRICES, 5, NOON, [("AAA", FRIDAY, 10.0)])
    assert next_offsets(warehouse, DAILY_PRICES) == {0: 6}
    with pytest.raises(BatchRefused, match=r"starts at offset 9, the warehouse expects 6"):
        deliver(warehouse, DAILY_PRICES, 9, NOON, [("AAA", MONDAY, 10.0)])
    warehouse.rollback()
    assert next_offsets(warehouse, DAILY_PRICES) == {0: 6}
    assert all_of(warehouse, "select count(*) from market.prices") == [(1,)]


def test_the_lag_counts_what_each_partition_has_left_also_one_that_was_never_read(warehouse: Connection) -> None:
    """Partition 0: 7 of 7, 8 to 9 left. Partition 1 begins at 90, where the retention ends, and goes to 95."""
    delivery = Delivery(starts={0: 7, 1: 90}, ends={0: 10, 1: 95})
    deliver(warehouse, DAILY_PRICES, 7, NOON, [("AAA", FRIDAY, 10.0)], delivery=delivery)
    assert all_of(warehouse, "select lag_left from market.ingest_batches") == [(2 + 5,)]


def test_a_batch_that_is_repeated_is_recognised_and_changes_nothing(warehouse: Connection) -> None:
    """Another run was faster, or Spark repeats what it had not noted; a batch that is merged in part is another one."""
    deliver(warehouse, DAILY_PRICES, 0, NOON, [("AAA", FRIDAY, 10.0)])
    assert deliver(warehouse, DAILY_PRICES, 0, NOON, [("AAA", FRIDAY, 10.0)]) is None
    assert all_of(warehouse, "select count(*) from market.ingest_batches") == [(1,)]
    assert next_offsets(warehouse, DAILY_PRICES) == {0: 1}
    with pytest.raises(BatchRefused, match="starts at offset 0, the warehouse expects 1"):
        deliver(warehouse, DAILY_PRICES, 0, NOON, [("AAA", FRIDAY, 10.0), ("BBB", FRIDAY, 10.0)])


def test_staging_that_lost_rows_in_a_crash_is_not_believed(warehouse: Connection) -> None:
    with pytest.raises(BatchRefused, match="holds 1 rows, 3 were copied"):
        deliver(warehouse, DAILY_PRICES, 0, NOON, [("AAA", FRIDAY, 10.0)], copied=3)
    warehouse.rollback()
    assert all_of(warehouse, "select count(*) from market.ingest_batches") == [(0,)]


def test_an_account_that_does_not_add_up_is_refused_by_the_table(warehouse: Connection) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation), warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            """insert into market.ingest_batches (run_id, topic, started_at, messages, delivered, new, changed,
            unchanged, superseded, rejected, offsets) values ('r', 't', now(), 1, 5, 1, 1, 1, 1, 0, '{}')"""
        )
