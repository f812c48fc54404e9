"""Whatever order the same answers arrive in, and however often: the prices are the same."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection
from staging_rows import StagedBar, stage

from hedge_master.ingestion.topics import DAILY_PRICES, PRICE_HISTORY, Topic
from hedge_master.warehouse.merge import merge_batch

pytestmark = pytest.mark.warehouse

MONDAY = date(2020, 6, 8)
NOON = datetime(2020, 6, 15, 12, tzinfo=UTC)


class Answer(NamedTuple):
    """Asked for `hour` hours after noon; closes of consecutive days from `first` on."""

    full: bool
    hour: int
    first: int
    closes: list[int]


# An answer names every day between its first and its last, as a real one does; no two are asked for at the same time.
ANSWERS = st.lists(
    st.builds(
        Answer, st.booleans(), st.integers(0, 9), st.integers(0, 3), st.lists(st.integers(1, 3), min_size=1, max_size=4)
    ),
    min_size=2,
    max_size=6,
    unique_by=lambda answer: answer.hour,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), answers=ANSWERS)
def test_any_order_gives_the_same_prices(ingest: Connection, data: Any, answers: list[Answer]) -> None:
    newest = {
        MONDAY + timedelta(answer.first + number): float(close)
        for answer in sorted(answers, key=lambda each: each.hour)
        for number, close in enumerate(answer.closes)
    }
    delivered = data.draw(st.permutations(answers + data.draw(st.lists(st.sampled_from(answers), max_size=2))))
    assert prices_after(ingest, delivered) == newest


def prices_after(warehouse: Connection, delivered: list[Answer]) -> dict[date, float]:
    """What is stored of one symbol after the messages, each a batch of its own; then all is rolled back."""
    next_offset: Counter[Topic] = Counter()
    with warehouse.cursor() as cursor:
        cursor.execute(
            """insert into market.symbols (symbol, name, type, region, timezone, closes, currency, first_seen)
            values ('AAA', 'A', 'Equity', 'United States', 'US/Eastern', '16:00', 'USD', '2020-06-08')"""
        )
        for answer in delivered:
            topic = PRICE_HISTORY if answer.full else DAILY_PRICES
            cursor.execute(f"truncate {topic.staging}; discard temp")  # a merge's own tables go with its commit
            days = [MONDAY + timedelta(answer.first + number) for number in range(len(answer.closes))]
            bars = [StagedBar("AAA", day, float(close)) for day, close in zip(days, answer.closes, strict=True)]
            rows = stage(cursor, topic, bars, next_offset[topic], NOON + timedelta(hours=answer.hour))
            assert merge_batch(warehouse, topic, "test/run", NOON, rows) is not None
            next_offset[topic] += 1
        cursor.execute("select day, close from market.prices")
        stored = dict(cursor.fetchall())
    warehouse.rollback()
    return stored
