"""Whatever order the same answers arrive in, and however often: the prices are the same."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from staging_rows import StagedBar, stage

from hedge_master.ingestion.topics import DAILY_PRICES, PRICE_HISTORY, Topic
from hedge_master.warehouse.merge import merge_batch

pytestmark = pytest.mark.warehouse

MONDAY = date(2020, 6, 8)
NOON = datetime(2020, 6, 15, 12, tzinfo=UTC)


REFUSED = 0


class Answer(NamedTuple):
    """Asked for `hour` hours after noon; closes of consecutive days from `first` on, REFUSED where it is impossible."""

    full: bool
    hour: int
    first: int
    closes: list[int]

    @property
    def days(self) -> list[date]:
        return [MONDAY + timedelta(self.first + number) for number in range(len(self.closes))]


# An answer names every day between its first and its last, as a real one does; no two are asked for at the same time.
ANSWERS = st.lists(
    st.builds(
        Answer,
        st.booleans(),
        st.integers(0, 9),
        st.integers(0, 3),
        st.lists(st.integers(REFUSED, 3), min_size=1, max_size=4),
    ),
    min_size=2,
    max_size=6,
    unique_by=lambda answer: answer.hour,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), answers=ANSWERS)
def test_any_order_gives_the_same_prices(ingest: Connection, data: Any, answers: list[Answer]) -> None:
    delivered = data.draw(st.permutations(answers + data.draw(st.lists(st.sampled_from(answers), max_size=2))))
    assert prices_after(ingest, delivered) == newest_possible(answers)


OLD, NEW = Answer(True, 0, 0, [1, 1, 1, 1]), Answer(False, 5, 0, [2, REFUSED, 2, REFUSED])
BETWEEN = Answer(False, 3, 1, [3])


@pytest.mark.parametrize("delivered", list(permutations((OLD, NEW, BETWEEN))))
def test_a_refused_bar_says_nothing_of_its_day(ingest: Connection, delivered: list[Answer]) -> None:
    """The newest has an impossible Tuesday, where the one before it stands, and an impossible Thursday at its end."""
    monday, tuesday, wednesday, thursday = OLD.days
    assert prices_after(ingest, delivered) == {monday: 2.0, tuesday: 3.0, wednesday: 2.0, thursday: 1.0}


@pytest.mark.parametrize("refused", [Answer(False, 5, 0, [REFUSED] * 4), Answer(True, 5, 0, [REFUSED] * 4)])
def test_an_answer_without_a_possible_bar_says_nothing(ingest: Connection, refused: Answer) -> None:
    between = Answer(False, 7, 0, [2])
    for delivered in permutations((OLD, refused, between)):
        assert list(prices_after(ingest, list(delivered)).values()) == [2.0, 1.0, 1.0, 1.0]


def newest_possible(answers: list[Answer]) -> dict[date, float]:
    return {
        day: float(close)
        for answer in sorted(answers, key=lambda each: each.hour)
        for day, close in zip(answer.days, answer.closes, strict=True)
        if close != REFUSED
    }


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
            asked = NOON + timedelta(hours=answer.hour)
            cursor.execute(f"truncate {topic.staging}; discard temp")  # a merge's own tables go with its commit
            bars = [
                StagedBar("AAA", day, float(close), "price_not_positive" if close == REFUSED else None)
                for day, close in zip(answer.days, answer.closes, strict=True)
            ]
            rows = stage(cursor, topic, bars, next_offset[topic], asked)
            published(cursor, topic, next_offset[topic], asked, answer.days)
            assert merge_batch(warehouse, topic, "test/run", NOON, rows) is not None
            next_offset[topic] += 1
        cursor.execute("select day, close from market.prices order by day")
        stored = dict(cursor.fetchall())
    warehouse.rollback()
    return stored


def published(cursor: Cursor, topic: Topic, offset: int, asked: datetime, days: list[date]) -> None:
    """The ledger's line, which knows the days of the payload and not what became of them."""
    cursor.execute(
        """insert into market.api_calls (request_id, run_id, purpose, function, outputsize, symbol, requested_at,
            outcome, topic, partition, kafka_offset, first_bar, last_bar)
        values (%s, 'r', 'daily', 'TIME_SERIES_DAILY', %s, 'AAA', %s, 'published', %s, 0, %s, %s, %s)""",
        (str(uuid4()), topic.outputsize, asked, topic.name, offset, days[0], days[-1]),
    )
