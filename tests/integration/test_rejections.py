"""What was refused: kept once, counted each time, and open again when it comes again."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

from market_rows import all_of
from psycopg2.extensions import connection as Connection
from staging_rows import StagedBar, stage

from hedge_master.ingestion.redrive import count_to_drive
from hedge_master.ingestion.rejections import Choice, close, newest
from hedge_master.ingestion.topics import DAILY_PRICES
from hedge_master.warehouse.merge import Counts, merge_batch, next_offsets
from ledger_rows import add_symbols

FRIDAY, MONDAY = date(2020, 6, 12), date(2020, 6, 15)
ZEROS = StagedBar("AAA", FRIDAY, 0.0, "price_not_positive")


def deliver(warehouse: Connection, hour: int, *bars: StagedBar) -> Counts:
    asked = datetime(2026, 1, 1, hour, tzinfo=UTC)
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(f"truncate {DAILY_PRICES.staging}")
        rows = stage(cursor, DAILY_PRICES, list(bars), next_offsets(warehouse, DAILY_PRICES).get(0, 0), asked)
        counts = merge_batch(warehouse, DAILY_PRICES, f"test/{hour}", asked, rows)
    assert counts is not None
    return counts


def test_the_same_rejection_raises_its_count_and_adds_no_row(ingest: Connection) -> None:
    add_symbols(ingest, "AAA")
    batches = [deliver(ingest, hour, ZEROS, StagedBar("AAA", MONDAY, 10.0)) for hour in range(3)]
    assert [counts.rejected for counts in batches] == [1, 1, 1]
    kept = all_of(ingest, "select seen, first_batch_id, last_batch_id, kafka_offset from market.rejections")
    assert kept == [(3, batches[0].batch_id, batches[2].batch_id, 2)]
    by_reason = all_of(ingest, "select rejected_by_reason from market.ingest_batches")
    assert by_reason == [({"price_not_positive": 1},)] * 3


def test_two_alike_in_one_batch_are_one_rejection_seen_twice(ingest: Connection) -> None:
    """A payload that names a day twice has both of its rows refused."""
    add_symbols(ingest, "AAA")
    twice = StagedBar("AAA", FRIDAY, 1.0, "duplicate_date")
    assert deliver(ingest, 0, twice, twice).rejected == 2
    assert all_of(ingest, "select seen from market.rejections") == [(2,)]


def test_other_values_of_the_same_day_are_another_rejection(ingest: Connection) -> None:
    add_symbols(ingest, "AAA")
    deliver(ingest, 0, ZEROS)
    deliver(ingest, 1, StagedBar("AAA", FRIDAY, -1.0, "price_not_positive"))
    assert all_of(ingest, "select count(*), sum(seen) from market.rejections") == [(2, 2)]


def test_two_messages_with_one_beginning_are_two_rejections(ingest: Connection) -> None:
    """Only the first 8 KB of a message are kept; its hash tells the whole ones apart."""
    add_symbols(ingest, "AAA")
    for offset, digest in enumerate((b"one", b"one", b"two")):
        asked = datetime(2026, 1, 1, offset, tzinfo=UTC)
        with ingest, ingest.cursor() as cursor:
            cursor.execute(f"truncate {DAILY_PRICES.staging}")
            bars = [StagedBar("AAA", FRIDAY, 1.0, "no_series")]
            rows = stage(cursor, DAILY_PRICES, bars, offset, asked, payload_hash=digest)
            refused = json.dumps({"reason": "no_series", "raw": "{"})
            cursor.execute(f"update {DAILY_PRICES.staging} set day = null, refused = %s", (refused,))
            merge_batch(ingest, DAILY_PRICES, "test", asked, rows)
    assert all_of(ingest, "select seen from market.rejections order by 1") == [(1,), (2,)]


def test_what_was_closed_by_hand_and_comes_again_is_open_again(ingest: Connection) -> None:
    add_symbols(ingest, "AAA")
    deliver(ingest, 0, ZEROS)
    with ingest:
        assert close(ingest, [1, 2], "a halt of trading") == 1
    assert newest(ingest, Choice(), 1)[0].state == "closed"
    assert count_to_drive(ingest, Choice()) == 0
    deliver(ingest, 1, ZEROS)
    assert all_of(ingest, "select closed_at, closed_because, seen from market.rejections") == [(None, None, 2)]


def test_what_was_resolved_and_comes_again_is_open_again(ingest: Connection) -> None:
    add_symbols(ingest, "AAA")
    deliver(ingest, 0, ZEROS)
    all_of(ingest, "update market.rejections set resolved_at = now(), resolved_by_batch_id = 1 returning 1")
    deliver(ingest, 1, ZEROS)
    assert all_of(ingest, "select resolved_at, seen from market.rejections") == [(None, 2)]


def test_an_old_answer_that_comes_late_does_not_make_its_repeat_older(ingest: Connection) -> None:
    """Driven again under the older time, the row would lose against the answer that it came with last."""
    add_symbols(ingest, "AAA")
    deliver(ingest, 5, ZEROS)
    deliver(ingest, 3, ZEROS)
    kept = all_of(ingest, "select seen, extract(hour from requested_at)::int, kafka_offset from market.rejections")
    assert kept == [(2, 5, 0)]


def test_an_unknown_symbol_keeps_the_row_as_the_api_wrote_it(ingest: Connection) -> None:
    deliver(ingest, 0, StagedBar("NEW", FRIDAY, 12.5))
    assert all_of(ingest, "select reason, day, raw::json ->> '4. close', requested_at from market.rejections") == [
        ("unknown_symbol", "2020-06-12", "12.5", datetime(2026, 1, 1, tzinfo=UTC))
    ]
