"""Refused rows and messages are driven again: they arrive after the fix, under the rules of the stream, whether or not
Kafka still has them; Spark, PostgreSQL and Kafka are real."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from market_rows import all_of
from psycopg2.extensions import connection as Connection
from pyspark.sql import SparkSession
from rejection_rows import REFUSED_AT, refuse

import redrive_rejected
from hedge_master.ingestion import redrive
from hedge_master.ingestion.redrive import Outcome, count_to_drive
from hedge_master.ingestion.rejections import Choice
from hedge_master.ingestion.topics import DAILY_PRICES, PRICE_HISTORY, Topic
from hedge_master.settings import Settings
from ledger_rows import add_call, add_symbols
from merging import KafkaRow, merge_messages

pytestmark = [pytest.mark.spark, pytest.mark.warehouse]

WAIT = 30
FRIDAY, MONDAY, TUESDAY = "2020-06-12", "2020-06-15", "2020-06-16"
ONE, TWO = REFUSED_AT, REFUSED_AT + timedelta(hours=1)
ANY = Choice()
Deliver = Callable[..., None]
Drive = Callable[..., Outcome]


def bar(close: float) -> dict[str, str]:
    return dict.fromkeys(("1. open", "2. high", "3. low", "4. close"), f"{close:.4f}") | {"5. volume": "100"}


def body(symbol: str, **closes: float) -> bytes:
    """`closes`: _2020_06_12=10.0, say."""
    series = {name[1:].replace("_", "-"): bar(close) for name, close in closes.items()}
    return json.dumps({"Meta Data": {"2. Symbol": symbol}, "Time Series (Daily)": series}).encode()


def headers(symbol: str, requested_at: datetime) -> list[tuple[str, bytes]]:
    told = {
        "symbol": symbol,
        "requested_at": requested_at.isoformat(timespec="microseconds"),
        "market_time": requested_at.isoformat(),
        "market_date": requested_at.date().isoformat(),
    }
    return [(name, text.encode()) for name, text in told.items()]


def row(topic: Topic, value: bytes, offset: int, symbol: str, requested_at: datetime) -> KafkaRow:
    return symbol.encode(), value, topic.name, 0, offset, headers(symbol, requested_at)


@pytest.fixture
def deliver(spark: SparkSession, ingest: Connection, warehouse_settings: Settings) -> Deliver:
    """`deliver(topic, ROWS)` merges messages as the stream does."""
    url = warehouse_settings.required("warehouse_ingest_url")
    return lambda topic, *rows: merge_messages(spark, ingest, url, topic, list(rows))


@pytest.fixture
def drive(spark: SparkSession, ingest: Connection, warehouse_settings: Settings) -> Drive:
    """`drive(CHOICE)` is a run of the job, each with a name of its own."""

    def run(choice: Choice = ANY, limit: int = 1000, settings: Settings = warehouse_settings) -> Outcome:
        return redrive_rejected.Redrive(spark, settings, ingest, f"test/{uuid4()}").run(choice, limit)

    return run


def stored(warehouse: Connection) -> list[tuple[Any, ...]]:
    return all_of(
        warehouse,
        "select symbol, day::text, close from market.prices join market.symbols using (symbol_id) order by 1, 2",
    )


def test_rows_of_a_symbol_that_became_known_arrive_and_an_impossible_one_stays_open(
    deliver: Deliver, drive: Drive, ingest: Connection
) -> None:
    deliver(
        DAILY_PRICES, row(DAILY_PRICES, body("NEW", _2020_06_12=10.25, _2020_06_15=0, _2020_06_16=11.5), 7, "NEW", ONE)
    )
    before = all_of(ingest, "select rejection_id, day, reason, raw, seen, last_seen from market.rejections order by 1")
    assert [reason for _, _, reason, *_ in before].count("unknown_symbol") == 2

    too_early = drive()
    assert (too_early.resolved, too_early.refused, too_early.new) == (0, 3, 0)
    assert (
        all_of(ingest, "select rejection_id, day, reason, raw, seen, last_seen from market.rejections order by 1")
        == before
    )

    add_symbols(ingest, "NEW")
    became = drive(Choice(reason="unknown_symbol", symbol="NEW"))
    assert (became.resolved, became.refused, became.new, became.left) == (2, 0, 2, 0)
    assert stored(ingest) == [("NEW", FRIDAY, 10.25), ("NEW", TUESDAY, 11.5)]
    assert all_of(ingest, "select day, resolved_by_batch_id is null, seen from market.rejections order by 1") == [
        (FRIDAY, False, 1),
        (MONDAY, True, 1),
        (TUESDAY, False, 1),
    ]
    accounts = all_of(
        ingest, "select redrive, delivered, rejected, offsets from market.ingest_batches order by batch_id"
    )
    assert accounts == [
        (False, 3, 3, {"0": [7, 8]}),
        (True, 3, 3, {}),
        (True, 2, 0, {}),
    ]
    assert all_of(ingest, "select next_offset from market.ingest_offsets") == [(8,)], "no offset moves"


def test_a_row_that_a_newer_answer_has_overtaken_does_not_come_back(
    deliver: Deliver, drive: Drive, ingest: Connection
) -> None:
    """Friday and Monday of nine o'clock wait; at ten Monday and Tuesday are told: Friday is news, Monday is not."""
    deliver(PRICE_HISTORY, row(PRICE_HISTORY, body("NEW", _2020_06_12=10, _2020_06_15=10), 0, "NEW", ONE))
    add_symbols(ingest, "NEW")
    deliver(DAILY_PRICES, row(DAILY_PRICES, body("NEW", _2020_06_15=20, _2020_06_16=20), 0, "NEW", TWO))

    became = drive()

    assert (became.new, became.changed, became.superseded, became.resolved, became.left) == (1, 0, 1, 2, 0)
    assert stored(ingest) == [("NEW", FRIDAY, 10.0), ("NEW", MONDAY, 20.0), ("NEW", TUESDAY, 20.0)]
    assert all_of(
        ingest, "select outputsize, requested_at, first_day::text, last_day::text from market.answers order by 1"
    ) == [
        ("compact", TWO, MONDAY, TUESDAY),
        ("full", ONE, FRIDAY, MONDAY),
    ]


def test_an_answer_speaks_for_what_was_driven_again_and_not_for_what_stays_refused(
    deliver: Deliver, drive: Drive, ingest: Connection
) -> None:
    """Of ten o'clock's answer Friday and Tuesday arrive when its symbol is known; its Monday is impossible, so that the
    answer of nine o'clock, which comes last, counts there."""
    told = {"_2020_06_12": 20.0, "_2020_06_15": 0.0, "_2020_06_16": 20.0}
    deliver(DAILY_PRICES, row(DAILY_PRICES, body("NEW", **told), 0, "NEW", TWO))
    place = {"kafka_offset": 0, "first_bar": FRIDAY, "last_bar": TUESDAY}
    add_call(ingest, "NEW", topic=DAILY_PRICES.name, requested_at=TWO, **place)
    add_symbols(ingest, "NEW")
    assert drive(Choice(reason="unknown_symbol")).new == 2
    deliver(PRICE_HISTORY, row(PRICE_HISTORY, body("NEW", **dict.fromkeys(told, 10.0)), 0, "NEW", ONE))
    assert stored(ingest) == [("NEW", FRIDAY, 20.0), ("NEW", MONDAY, 10.0), ("NEW", TUESDAY, 20.0)]
    spoken = "select first_day::text, last_day::text, refused_days from market.partial_answers"
    assert all_of(ingest, spoken) == [(FRIDAY, TUESDAY, [MONDAY])]


def test_a_limit_takes_whole_messages_and_those_first_that_wait_longest(
    deliver: Deliver, drive: Drive, ingest: Connection
) -> None:
    days = {"_2020_06_12": 10.0, "_2020_06_15": 11.0}
    deliver(DAILY_PRICES, *(row(DAILY_PRICES, body(name, **days), at, name, ONE) for at, name in enumerate(("A", "B"))))
    add_symbols(ingest, "B")
    assert count_to_drive(ingest, ANY) == 4
    first = drive(limit=1)
    assert (first.refused, first.new, first.left) == (2, 0, 2)
    second = drive(limit=1)
    assert (second.resolved, second.new, second.left) == (2, 2, 2)


def test_two_messages_of_one_place_are_not_taken_for_one() -> None:
    """A topic that was created anew counts its offsets from 0 again."""
    old, new, other = ([rejection(symbol, offset)] for symbol, offset in (("OLD", 0), ("NEW", 0), ("NEW", 1)))
    assert list(redrive_rejected.merges([old, other, new])) == [[old, other], [new]]


def rejection(symbol: str, offset: int) -> redrive_rejected.Rejection:
    names = list(redrive_rejected.Rejection.__annotations__)
    values: dict[str, Any] = dict.fromkeys(names) | {"symbol": symbol, "partition": 0, "kafka_offset": offset}
    return redrive_rejected.Rejection(**values)


class Kafka:
    """A topic of compact answers on the broker that all tests share."""

    def __init__(self, settings: Settings) -> None:
        self.topic = Topic(f"test.redrive.{uuid4()}", "compact", DAILY_PRICES.staging, 10)
        self._admin = AdminClient({"bootstrap.servers": settings.kafka_servers, "log_level": 0})
        self._producer = Producer({"bootstrap.servers": settings.kafka_servers, "log_level": 0})
        for made in self._admin.create_topics([NewTopic(self.topic.name, 1, 1)]).values():
            made.result(WAIT)

    def send(self, value: bytes, symbol: str, requested_at: datetime, *told: tuple[str, bytes]) -> None:
        """`told`: headers before the usual ones."""
        given = [*told, *headers(symbol, requested_at)]
        self._producer.produce(self.topic.name, key=symbol, value=value, headers=given)  # type: ignore[arg-type]
        assert self._producer.flush(WAIT) == 0

    def expire(self, before: int) -> None:
        for done in self._admin.delete_records([TopicPartition(self.topic.name, 0, before)]).values():
            done.result(WAIT)


@pytest.fixture
def kafka(broker: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kafka]:
    made = Kafka(broker)
    monkeypatch.setattr(redrive_rejected, "TOPICS", (made.topic,))
    yield made


@pytest.fixture
def with_kafka(warehouse_settings: Settings, broker: Settings) -> Settings:
    return warehouse_settings.model_copy(update={"kafka_bootstrap_servers": broker.kafka_servers})


def begun_anew(warehouse: Connection, kafka: Kafka) -> None:
    """The topic is younger than all rejections: it was created anew, and what the old one held let go of."""
    values = f"('{kafka.topic.name}', 0, 0, 0, now() + interval '1 hour')"
    columns = "topic, partition, next_offset, batch_id, topic_since"
    all_of(warehouse, f"insert into market.ingest_offsets ({columns}) values {values} returning 1")


def test_a_refused_message_is_read_from_kafka_again_and_a_deleted_one_is_told(
    kafka: Kafka, drive: Drive, ingest: Connection, with_kafka: Settings
) -> None:
    """0: deleted by the retention, with one row of it kept. 1 and 3: there. 2: another message than the one that was
    refused. 4: there, with a time without a zone, which is UTC, and with a header that stands twice. 9: behind the end
    of a topic that is younger than the rejection."""
    add_symbols(ingest, "AAA", "BBB", "CCC")
    begun_anew(ingest, kafka)
    for value in (10, 11, 12):
        kafka.send(body("AAA", _2020_06_12=value, _2020_06_15=value), "AAA", ONE)
    kafka.send(body("BBB", _2020_06_12=13), "BBB", TWO)
    naive = TWO.replace(tzinfo=None).isoformat().encode()
    kafka.send(body("CCC", _2020_06_12=14), "XXX", ONE, ("symbol", b"CCC"), ("requested_at", naive))
    kafka.expire(before=1)
    refuse(ingest, kafka.topic, "CCC", 4, requested_at=TWO)
    refuse(ingest, kafka.topic, "AAA", 0)
    refuse(ingest, kafka.topic, "AAA", 1, reason="duplicate_date", day=FRIDAY)
    refuse(ingest, kafka.topic, "AAA", 1, reason="unknown_symbol", day=MONDAY, raw=json.dumps(bar(11)))
    refuse(ingest, kafka.topic, "AAA", 2, requested_at=TWO)
    refuse(ingest, kafka.topic, "BBB", 3, requested_at=None, reason="notice")
    refuse(ingest, kafka.topic, "BBB", 9)

    became = drive(settings=with_kafka)

    assert stored(ingest) == [
        ("AAA", FRIDAY, 11.0),
        ("AAA", MONDAY, 11.0),
        ("BBB", FRIDAY, 13.0),
        ("CCC", FRIDAY, 14.0),
    ]
    states = all_of(
        ingest, "select kafka_offset, resolved_at is not null, gone_at is not null from market.rejections order by 1, 2"
    )
    assert states == [
        (0, False, True),
        (1, True, False),
        (1, True, False),
        (2, False, True),
        (3, True, False),
        (4, True, False),
        (9, False, True),
    ]
    assert (became.resolved, became.refused, became.gone, became.new, became.left) == (4, 0, 3, 4, 0)
    assert count_to_drive(ingest, ANY, (kafka.topic,)) == 0, "what is gone is not looked for again and again"


def test_the_rows_of_a_deleted_message_that_need_no_message_still_arrive(
    kafka: Kafka, drive: Drive, ingest: Connection, with_kafka: Settings
) -> None:
    add_symbols(ingest, "AAA")
    begun_anew(ingest, kafka)
    refuse(ingest, kafka.topic, "AAA", 5, reason="duplicate_date", day=FRIDAY, raw=json.dumps(bar(10)))
    refuse(ingest, kafka.topic, "AAA", 5, reason="unknown_symbol", day=MONDAY, raw=json.dumps(bar(11)))
    became = drive(settings=with_kafka)
    assert stored(ingest) == [("AAA", MONDAY, 11.0)]
    assert (became.resolved, became.gone, became.left) == (1, 1, 0)


def test_a_topic_that_cannot_be_read_stops_no_rows_and_no_other_topic(
    kafka: Kafka, drive: Drive, ingest: Connection, with_kafka: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first topic does not exist, which says nothing of its messages. In the second one 0 is there; 7 ought to be,
    and another message than the one at 1."""
    nowhere = Topic(f"test.redrive.{uuid4()}", "full", PRICE_HISTORY.staging, 10)
    monkeypatch.setattr(redrive_rejected, "TOPICS", (nowhere, kafka.topic))
    add_symbols(ingest, "AAA", "BBB", "CCC")
    kafka.send(body("BBB", _2020_06_12=12), "BBB", ONE)
    kafka.send(body("DDD", _2020_06_12=13), "DDD", ONE)
    refuse(ingest, nowhere, "AAA", 0)
    refuse(ingest, nowhere, "AAA", 1, reason="unknown_symbol", day=MONDAY, raw=json.dumps(bar(11)))
    refuse(ingest, kafka.topic, "BBB", 0)
    refuse(ingest, kafka.topic, "CCC", 1)
    refuse(ingest, kafka.topic, "CCC", 7)
    with pytest.raises(ExceptionGroup) as told:
        drive(settings=with_kafka)
    assert [type(each).__name__ for each in told.value.exceptions] == ["KafkaException", "MessagesMissing"]
    assert f"has not deleted: {kafka.topic.name} 0:1, {kafka.topic.name} 0:7;" in str(told.value.exceptions[1])
    assert stored(ingest) == [("AAA", MONDAY, 11.0), ("BBB", FRIDAY, 12.0)]
    assert all_of(ingest, "select count(*) from market.rejections where gone_at is not null") == [(0,)]


def test_a_day_that_two_stored_rows_of_a_message_name_is_named_twice(drive: Drive, ingest: Connection) -> None:
    """Both would be stored under one key."""
    add_symbols(ingest, "AAA")
    for close in (10, 11):
        refuse(ingest, DAILY_PRICES, "AAA", 0, reason="a_rule_of_old", day=FRIDAY, raw=json.dumps(bar(close)))
    became = drive()
    assert (became.resolved, became.refused, became.new) == (2, 2, 0)
    assert all_of(ingest, "select reason from market.rejections where resolved_at is null") == [
        ("duplicate_date",),
        ("duplicate_date",),
    ]


def test_stored_rows_are_bounded_by_their_bytes_too(ingest: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    for offset in range(3):
        row = {"reason": "unknown_symbol", "day": FRIDAY, "raw": str(offset) * 60}
        refuse(ingest, DAILY_PRICES, "AAA", offset, **row)
    monkeypatch.setattr(redrive, "MOST_BYTES", 100)
    assert [len(message) for message in redrive.to_drive(ingest, ANY, 1000)] == [1, 1]


def test_a_topic_that_is_none_of_ours_takes_no_place_in_a_run(ingest: Connection) -> None:
    refuse(ingest, Topic("somebody.elses", "full", PRICE_HISTORY.staging, 10), "AAA", 0)
    assert (count_to_drive(ingest, ANY), list(redrive.to_drive(ingest, ANY, 1))) == (0, [])
