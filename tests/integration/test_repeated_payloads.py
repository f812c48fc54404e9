"""The same bytes again: recognised where they change nothing, read in full where they may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from market_rows import all_of
from psycopg2.extensions import connection as Connection
from staging_rows import StagedBar, stage, stage_known

from hedge_master.ingestion.topics import DAILY_PRICES, PRICE_HISTORY, Topic
from hedge_master.warehouse.merge import Counts, KnowledgeOutdated, known_payloads, merge_batch
from ledger_rows import add_symbols

THURSDAY, FRIDAY = date(2020, 6, 11), date(2020, 6, 12)
NIGHT = datetime(2020, 6, 12, 22, tzinfo=UTC)
HASH, OTHER = b"a" * 32, b"b" * 32
BARS = [StagedBar("AAA", THURSDAY, 10.0), StagedBar("AAA", FRIDAY, 11.0)]


class Stream:
    """Delivers messages to one warehouse, each an hour after the one before."""

    def __init__(self, warehouse: Connection) -> None:
        self.warehouse = warehouse
        self._offsets = {DAILY_PRICES.name: 0, PRICE_HISTORY.name: 0}
        self._hour = 0

    def deliver(self, bars: list[StagedBar], topic: Topic = DAILY_PRICES, **message: Any) -> Counts:
        return self._merge(topic, lambda cursor, offset, at: stage(cursor, topic, bars, offset, at, **message))

    def repeat(self, rows: int = 2, payload_hash: bytes = HASH, topic: Topic = DAILY_PRICES) -> Counts:
        return self._merge(
            topic, lambda cursor, offset, at: stage_known(cursor, topic, "AAA", offset, at, payload_hash, rows)
        )

    def _merge(self, topic: Topic, staged: Callable[..., int]) -> Counts:
        self._hour += 1
        at = datetime(2026, 1, 1, self._hour, tzinfo=UTC)
        with self.warehouse, self.warehouse.cursor() as cursor:
            cursor.execute(f"truncate {topic.staging}")
            rows = staged(cursor, self._offsets[topic.name], at)
            counts = merge_batch(self.warehouse, topic, "test/run", at, rows)
        assert counts is not None
        self._offsets[topic.name] += 1
        return counts


@pytest.fixture
def stream(ingest: Connection) -> Stream:
    add_symbols(ingest, "AAA", timezone="US/Eastern", closes="16:00")
    return Stream(ingest)


def known(stream: Stream, topic: Topic = DAILY_PRICES) -> list[tuple[str, bytes, int]]:
    with stream.warehouse:
        return known_payloads(stream.warehouse, topic)


def test_the_same_bytes_again_are_accounted_row_by_row_and_write_nothing(stream: Stream) -> None:
    stream.deliver(BARS, payload_hash=HASH, market_time=NIGHT)
    assert known(stream) == [("AAA", HASH, 2)]
    counts = stream.repeat()
    assert (counts.messages, counts.known_messages, counts.delivered, counts.unchanged) == (1, 1, 2, 2)
    assert all_of(stream.warehouse, "select count(distinct batch_id) from market.prices") == [(1,)]
    assert all_of(
        stream.warehouse, "select known_messages, delivered, unchanged from market.ingest_batches order by batch_id"
    ) == [(0, 2, 0), (1, 2, 2)]


def test_an_older_answer_is_outdone_by_bytes_that_came_again(stream: Stream) -> None:
    """A at one, A again at two, then a message of half past one with B: A stands, as if the second had been read."""
    stream.deliver(BARS, payload_hash=HASH, market_time=NIGHT)
    stream.repeat()
    with stream.warehouse, stream.warehouse.cursor() as cursor:
        cursor.execute(f"truncate {PRICE_HISTORY.staging}")
        half_past = datetime(2026, 1, 1, 1, 30, tzinfo=UTC)
        rows = stage(cursor, PRICE_HISTORY, [StagedBar("AAA", FRIDAY, 99.0)], 0, half_past)
        counts = merge_batch(stream.warehouse, PRICE_HISTORY, "test/run", half_past, rows)
    assert counts is not None
    assert (counts.superseded, counts.changed) == (1, 0)


@pytest.mark.parametrize(
    ("why", "bars", "market_time"),
    [
        ("a refused row may be possible another day", [*BARS, StagedBar("AAA", date(2020, 6, 13), 1.0, "x")], NIGHT),
        ("a provisional bar is final later", BARS, datetime(2020, 6, 12, 19, 59, tzinfo=UTC)),
    ],
)
def test_what_the_same_bytes_could_change_is_not_recognised(
    stream: Stream, why: str, bars: list[StagedBar], market_time: datetime
) -> None:
    stream.deliver(bars, payload_hash=HASH, market_time=market_time)
    assert known(stream) == [], why


def test_an_answer_of_the_other_kind_makes_the_bytes_worth_reading_again(stream: Stream) -> None:
    """The full answer says 12 for Friday; the compact bytes of before would say 11 again, and they are newer then."""
    stream.deliver(BARS, payload_hash=HASH, market_time=NIGHT)
    stream.deliver([StagedBar("AAA", FRIDAY, 12.0)], PRICE_HISTORY, payload_hash=OTHER, market_time=NIGHT)
    assert known(stream) == []
    assert known(stream, PRICE_HISTORY) == [("AAA", OTHER, 1)]
    with pytest.raises(KnowledgeOutdated, match="1 of 1 recognised payloads"):
        stream.repeat()
    assert all_of(stream.warehouse, "select count(*) from market.ingest_batches") == [(2,)]


def test_other_bytes_or_another_number_of_rows_are_not_the_known_ones(stream: Stream) -> None:
    stream.deliver(BARS, payload_hash=HASH, market_time=NIGHT)
    for rows, payload_hash in ((3, HASH), (2, OTHER)):
        with pytest.raises(KnowledgeOutdated):
            stream.repeat(rows, payload_hash)
