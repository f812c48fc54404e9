"""Where the warehouse stands in a real topic: what is unread, and what Kafka has lost before it was read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from time import sleep
from types import SimpleNamespace
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic
from market_rows import all_of
from psycopg2.extensions import connection as Connection

from hedge_master.ingestion import positions
from hedge_master.ingestion.positions import MessagesLost, Partition, Positions, accept_loss, check, read_positions
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
    check(found)
    assert (found.unread, {number: each.start for number, each in found.partitions.items()}) == (3, {0: 0, 1: 0})


def test_a_partition_that_was_added_is_read_from_its_beginning(kafka: Kafka, ingest: Connection) -> None:
    kafka.send(0, 3)
    read_to(ingest, kafka, p0=2, p1=0)
    kafka.add_partition()
    found = read_positions(kafka.settings, ingest, kafka.topic)
    check(found)
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
        check(found)
    with ingest:
        assert accept_loss(ingest, found) == ["BBB", "CCC"]
    assert all_of(ingest, "select symbol, outcome from market.api_calls order by symbol") == [
        ("AAA", "published"),
        ("BBB", "lost"),
        ("CCC", "lost"),
        ("DDD", "published"),
    ]
    found = read_positions(kafka.settings, ingest, kafka.topic)
    check(found)
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
        check(found)
    with ingest:
        assert accept_loss(ingest, found) == ["LOST"]
    found = read_positions(kafka.settings, ingest, kafka.topic)
    check(found)
    assert (found.partitions[0].start, found.unread) == (0, sent_anew)


def test_an_empty_topic_that_was_created_anew_is_something_to_tell(kafka: Kafka, ingest: Connection) -> None:
    """Else a run that finds nothing to read is skipped, and nobody hears of it."""
    kafka.send(0, 1)
    read_to(ingest, kafka, p0=1)
    assert not read_positions(kafka.settings, ingest, kafka.topic).is_work
    kafka.renew()
    found = read_positions(kafka.settings, ingest, kafka.topic)
    assert (found.unread, found.is_work) == (0, True)


def test_what_an_earlier_topic_of_the_name_held_is_not_lost_again(kafka: Kafka, ingest: Connection) -> None:
    """READ was merged from offset 1 of the old topic; SENT is at offset 1 of the new one, and deleted unread."""
    kafka.send(0, 2)
    read_to(ingest, kafka, p0=2)
    add_symbols(ingest, "READ", "SENT")
    add_call(ingest, "READ", topic=kafka.topic.name, kafka_offset=1, finished_at="2020-06-12")
    kafka.renew()
    with ingest:
        assert accept_loss(ingest, read_positions(kafka.settings, ingest, kafka.topic)) == []
    kafka.send(0, 3)
    add_call(ingest, "SENT", topic=kafka.topic.name, kafka_offset=1, finished_at="2100-01-01")
    kafka.expire(0, before=2)
    with pytest.raises(MessagesLost, match=r"\[0\] 0 to 1, 1 answers by the ledger: SENT\. `hm"):
        check(read_positions(kafka.settings, ingest, kafka.topic))


def test_a_topic_that_lost_its_end_is_told_and_read_again_from_its_beginning(kafka: Kafka, ingest: Connection) -> None:
    """The warehouse has read to offset 6 of a topic that ends at 4: LOST, at 7, was never read. READ, at 5, was."""
    kafka.send(0, 4)
    read_to(ingest, kafka, p0=6, p1=0)
    add_symbols(ingest, "KEPT", "LOST", "READ")
    for offset, symbol in ((2, "KEPT"), (5, "READ"), (7, "LOST")):
        add_call(ingest, symbol, topic=kafka.topic.name, kafka_offset=offset, finished_at="2020-06-12")
    found = read_positions(kafka.settings, ingest, kafka.topic)
    assert found.is_work
    with pytest.raises(MessagesLost, match=r"\[0\] ends at 4, read was to 6\. The broker .*, 1 answers .*: LOST, and"):
        check(found)
    with ingest:
        assert accept_loss(ingest, found) == ["LOST"]
    found = read_positions(kafka.settings, ingest, kafka.topic)
    check(found)
    assert (found.partitions[0].start, found.unread) == (0, 4)


def test_a_partition_that_expired_before_its_first_reading_has_lost_what_the_ledger_knows(
    kafka: Kafka, ingest: Connection
) -> None:
    kafka.send(1, 3)
    kafka.expire(1, before=2)
    check(read_positions(kafka.settings, ingest, kafka.topic))
    add_symbols(ingest, "LOST", "KEPT")
    add_call(ingest, "LOST", topic=kafka.topic.name, partition=1, kafka_offset=1, finished_at="2020-06-12")
    add_call(ingest, "KEPT", topic=kafka.topic.name, partition=1, kafka_offset=2, finished_at="2020-06-12")
    found = read_positions(kafka.settings, ingest, kafka.topic)
    with pytest.raises(MessagesLost, match=r"\[1\] 0 to 1, 1 answers by the ledger: LOST\."):
        check(found)
    with ingest:
        assert accept_loss(ingest, found) == ["LOST"]
    found = read_positions(kafka.settings, ingest, kafka.topic)
    check(found)
    assert (found.partitions[1].start, found.unread) == (2, 1)


def test_partitions_that_vanished_are_told(kafka: Kafka, ingest: Connection) -> None:
    """A topic that was created anew with fewer partitions: what the third held unread is lost."""
    read_to(ingest, kafka, p0=0, p2=5)
    add_symbols(ingest, "LOST")
    add_call(ingest, "LOST", topic=kafka.topic.name, partition=2, kafka_offset=5, finished_at="2020-06-12")
    with pytest.raises(MessagesLost, match=r"created anew.*1 answers by the ledger: LOST\."):
        check(read_positions(kafka.settings, ingest, kafka.topic))


def test_an_error_in_the_place_of_the_oldest_message_is_raised(kafka: Kafka) -> None:
    refused = SimpleNamespace(error=lambda: KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    consumer = SimpleNamespace(assign=lambda places: None, poll=lambda seconds: refused)
    found = Positions(kafka.topic, "new", "old", {0: Partition(0, 1, None)})
    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        positions._oldest(consumer, found)  # type: ignore[arg-type]
