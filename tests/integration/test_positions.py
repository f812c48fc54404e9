"""Where the warehouse stands in a real topic: what is unread, and what Kafka has lost before it was read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from time import sleep
from uuid import uuid4

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic
from market_rows import all_of
from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.positions import MessagesLost, accept_loss, check, read_positions
from hedge_master.ingestion.topics import Topic
from hedge_master.settings import Settings
from ledger_rows import add_call, add_symbols

WAIT = 30
FRIDAY = date(2020, 6, 12)


class Kafka:
    """One topic of a test, on the broker that all share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.topic = Topic(f"test.positions.{uuid4()}", "compact", "market.staging_daily_prices", 10)
        self._admin = AdminClient({"bootstrap.servers": settings.kafka_servers, "log_level": 0})
        self.create()

    def create(self) -> None:
        for made in self._admin.create_topics([NewTopic(self.topic.name, 2, 1)]).values():
            made.result(WAIT)

    def renew(self) -> None:
        for gone in self._admin.delete_topics([self.topic.name]).values():
            gone.result(WAIT)
        sleep(1)  # the broker deletes in its own time
        self.create()

    def send(self, partition: int, count: int) -> None:
        producer = Producer({"bootstrap.servers": self.settings.kafka_servers, "log_level": 0})
        for number in range(count):
            producer.produce(self.topic.name, key=f"S{number}", value=b"{}", partition=partition)
        assert producer.flush(WAIT) == 0

    def expire(self, partition: int, before: int) -> None:
        """Delete what is older than an offset, as the retention does."""
        for done in self._admin.delete_records([TopicPartition(self.topic.name, partition, before)]).values():
            done.result(WAIT)

    def add_partition(self) -> None:
        for done in self._admin.create_partitions([NewPartitions(self.topic.name, 3)]).values():
            done.result(WAIT)


@pytest.fixture
def kafka(broker: Settings) -> Iterator[Kafka]:
    yield Kafka(broker)


def read_to(warehouse: Connection, kafka: Kafka, **offsets: int) -> None:
    """The warehouse has read partition p0 to before its offset, and p1 likewise."""
    with warehouse:
        topic_id = read_positions(kafka.settings, warehouse, kafka.topic).topic_id
    for name, offset in offsets.items():
        values = f"('{kafka.topic.name}', {name[1:]}, {offset}, 1, now(), '{topic_id}')"
        all_of(warehouse, f"insert into market.ingest_offsets values {values} returning 1")


def test_nothing_read_yet_means_all_of_it(kafka: Kafka, ingest: Connection) -> None:
    kafka.send(0, 3)
    found = read_positions(kafka.settings, ingest, kafka.topic)
    check(found, ingest)
    assert (found.unread, {number: each.start for number, each in found.partitions.items()}) == (3, {0: 0, 1: 0})


def test_a_partition_that_was_added_is_read_from_its_beginning(kafka: Kafka, ingest: Connection) -> None:
    kafka.send(0, 3)
    read_to(ingest, kafka, p0=2, p1=0)
    kafka.add_partition()
    found = read_positions(kafka.settings, ingest, kafka.topic)
    check(found, ingest)
    assert {number: each.start for number, each in found.partitions.items()} == {0: 2, 1: 0, 2: 0}
    assert found.unread == 1


def test_what_the_retention_deleted_unread_is_told_and_asked_for_again(kafka: Kafka, ingest: Connection) -> None:
    """Offsets 1 and 2 were never read; the answers of BBB and CCC were in them. DDD's is still there."""
    kafka.send(0, 4)
    read_to(ingest, kafka, p0=1)
    add_symbols(ingest, "AAA", "BBB", "CCC", "DDD")
    for offset, symbol in enumerate(("AAA", "BBB", "CCC", "DDD")):
        add_call(ingest, symbol, topic=kafka.topic.name, kafka_offset=offset, finished_at="2020-06-12")
    kafka.expire(0, before=3)
    found = read_positions(kafka.settings, ingest, kafka.topic)
    with pytest.raises(MessagesLost, match=r"\[0\] 1 to 2, 2 answers by the ledger: BBB, CCC. `hm stream accept-loss"):
        check(found, ingest)
    with ingest:
        assert accept_loss(ingest, found) == ["BBB", "CCC"]
    assert all_of(ingest, "select symbol, outcome from market.api_calls order by symbol") == [
        ("AAA", "published"),
        ("BBB", "lost"),
        ("CCC", "lost"),
        ("DDD", "published"),
    ]
    found = read_positions(kafka.settings, ingest, kafka.topic)
    check(found, ingest)
    assert (found.partitions[0].start, found.unread) == (3, 1)


@pytest.mark.parametrize("sent_anew", [0, 1, 5])
def test_a_topic_that_was_created_anew_is_told_however_long_it_is(
    kafka: Kafka, ingest: Connection, sent_anew: int
) -> None:
    """By offsets alone a new topic of five messages would look like the old one, read to its third."""
    kafka.send(0, 4)
    read_to(ingest, kafka, p0=3)
    add_symbols(ingest, "READ", "LOST", "SENT")
    add_call(ingest, "READ", topic=kafka.topic.name, kafka_offset=2, finished_at="2020-06-12")
    add_call(ingest, "LOST", topic=kafka.topic.name, kafka_offset=3, finished_at="2020-06-12")
    kafka.renew()
    kafka.send(0, sent_anew)
    if sent_anew == 5:
        add_call(ingest, "SENT", topic=kafka.topic.name, kafka_offset=4, finished_at="2100-01-01")
    found = read_positions(kafka.settings, ingest, kafka.topic)
    with pytest.raises(MessagesLost, match=r"is not the topic that the warehouse has read.*, 1 answers .*: LOST\. `hm"):
        check(found, ingest)
    with ingest:
        assert accept_loss(ingest, found) == ["LOST"]
    found = read_positions(kafka.settings, ingest, kafka.topic)
    check(found, ingest)
    assert (found.partitions[0].start, found.unread) == (0, sent_anew)
