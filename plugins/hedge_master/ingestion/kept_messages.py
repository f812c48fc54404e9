"""Single messages of a topic, read again by their places, as long as Kafka holds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from hedge_master.ingestion.adoption import SMALL_FETCHES
from hedge_master.ingestion.positions import Positions
from hedge_master.ingestion.topics import ERRORS_ONLY, SYMBOL_CHARACTERS
from hedge_master.settings import Settings

TIMEOUT_SECONDS = 30
DELETED = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)


class Lack(Enum):
    """Why there is no message: the broker has deleted it, or should have it and has none, or another, in its place."""

    GONE = "gone"
    MISSING = "missing"


@dataclass(frozen=True)
class Place:
    """Where a message was, and whose it was: a topic that was created anew has another message there. `requested_at`
    None: not known. `first_seen`: it had been merged by then."""

    partition: int
    offset: int
    symbol: str | None
    requested_at: datetime | None
    first_seen: datetime


@dataclass(frozen=True)
class Kept:
    """A message as Spark's Kafka source gives it."""

    key: bytes | None
    value: bytes | None
    partition: int
    offset: int
    headers: list[tuple[str, bytes | None]]


def read_again(
    settings: Settings, positions: Positions, places: Sequence[Place]
) -> Iterator[tuple[Place, Kept | Lack]]:
    """Each place of the topic with its message, or why there is none; by partition and offset.

    It is gone where the broker has deleted its offset, or was seen before this topic of its name began. Raises
    confluent_kafka.KafkaException or TimeoutError where the broker does not answer.
    """
    if positions.is_renewed:
        yield from ((place, Lack.GONE) for place in places)
        return
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_servers,
            "group.id": "hedge-master-redrive",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "log_level": ERRORS_ONLY,
            **SMALL_FETCHES,
        }
    )
    try:
        at: tuple[int, int] | None = None  # the place that the consumer gives next
        for place in sorted(places, key=lambda each: (each.partition, each.offset)):
            is_of_this_topic = positions.since is None or place.first_seen >= positions.since
            absent = Lack.MISSING if is_of_this_topic else Lack.GONE
            partition = positions.partitions.get(place.partition)
            if partition is None or place.offset >= partition.end:
                yield place, absent
                continue
            if place.offset < partition.first:
                yield place, Lack.GONE
                continue
            if at != (place.partition, place.offset):
                consumer.assign([TopicPartition(positions.topic.name, place.partition, place.offset)])
            message = _poll(consumer, settings, positions.topic.name)
            if message is None or message.offset() != place.offset:  # the retention was faster
                at = None
                yield place, Lack.GONE
                continue
            at = place.partition, place.offset + 1
            kept = _kept(message)
            yield place, kept if _is_it(kept, place) else absent
    finally:
        consumer.close()


def _poll(consumer: Consumer, settings: Settings, topic: str) -> Message | None:
    """The next message; None where the retention has deleted it since the broker told its first."""
    message = consumer.poll(TIMEOUT_SECONDS)
    if message is None:
        raise TimeoutError(f"Kafka at {settings.kafka_servers} sent no message of {topic} in {TIMEOUT_SECONDS} s")
    error = message.error()
    if error is None:
        return message
    if error.code() in DELETED:
        return None
    raise KafkaException(error)


def _kept(message: Message) -> Kept:
    headers: list[tuple[str, bytes | None]] = message.headers() or []  # type: ignore[assignment]
    key = message.key()
    return Kept(
        key.encode() if isinstance(key, str) else key,
        message.value(),
        int(message.partition() or 0),
        int(message.offset() or 0),
        headers,
    )


def _is_it(kept: Kept, place: Place) -> bool:
    """Whose message it is and when it was asked for, as the stream reads them from the headers."""
    symbol = _first(kept, "symbol")
    if symbol is None and kept.key is not None:
        symbol = kept.key.decode(errors="replace")
    if symbol is not None:
        symbol = symbol.replace("\0", "\ufffd")[:SYMBOL_CHARACTERS]  # as the stream reads it
    if symbol != place.symbol:
        return False
    if place.requested_at is None:
        return True
    try:
        told = datetime.fromisoformat(_first(kept, "requested_at") or "")
    except ValueError:
        return False
    return (told if told.tzinfo else told.replace(tzinfo=UTC)) == place.requested_at


def _first(kept: Kept, name: str) -> str | None:
    """Of a header that stands twice the first counts, as for the stream."""
    value = next((value for told, value in kept.headers if told == name), None)
    return None if value is None else value.decode(errors="replace")
