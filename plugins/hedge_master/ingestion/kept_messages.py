"""Single messages of a topic, read again by their places, as long as Kafka holds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from hedge_master.ingestion.adoption import SMALL_FETCHES
from hedge_master.ingestion.topics import ERRORS_ONLY, SYMBOL_CHARACTERS
from hedge_master.settings import Settings

TIMEOUT_SECONDS = 30
DELETED = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)
NO_SUCH_PLACE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC)


@dataclass(frozen=True)
class Place:
    """Where a message was, and whose it was: a topic that was created anew has another message there. `requested_at`
    None: not known."""

    partition: int
    offset: int
    symbol: str | None
    requested_at: datetime | None


@dataclass(frozen=True)
class Kept:
    """A message as Spark's Kafka source gives it."""

    key: bytes | None
    value: bytes | None
    partition: int
    offset: int
    headers: list[tuple[str, bytes | None]]


def read_again(settings: Settings, topic: str, places: Sequence[Place]) -> Iterator[tuple[Place, Kept | None]]:
    """Each place with its message, None where Kafka does not hold that one any more; by partition and offset.

    Raises confluent_kafka.KafkaException or TimeoutError where the broker does not answer.
    """
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
        bounds = {number: _bounds(consumer, topic, number) for number in {place.partition for place in places}}
        at: tuple[int, int] | None = None  # the place that the consumer would give next
        for place in sorted(places, key=lambda each: (each.partition, each.offset)):
            first, end = bounds[place.partition]
            message = None
            if first <= place.offset < end:
                if at != (place.partition, place.offset):
                    consumer.assign([TopicPartition(topic, place.partition, place.offset)])
                message = _poll(consumer, settings, topic)
                at = (place.partition, place.offset + 1)
            kept = _kept(message) if message is not None and message.offset() == place.offset else None
            if message is not None and kept is None:
                at = None
            yield place, kept if kept is not None and _is_it(kept, place) else None
    finally:
        consumer.close()


def _bounds(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """First offset and end; (0, 0) where the topic or its partition is gone."""
    try:
        first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=TIMEOUT_SECONDS)
    except KafkaException as error:
        if error.args[0].code() in NO_SUCH_PLACE:
            return 0, 0
        raise
    return first, end


def _poll(consumer: Consumer, settings: Settings, topic: str) -> Message | None:
    """The next message; None where the retention deleted it in this very moment."""
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
    told = {name: value.decode(errors="replace") for name, value in kept.headers if value is not None}
    symbol = told.get("symbol", None if kept.key is None else kept.key.decode(errors="replace"))
    if symbol is not None:
        symbol = symbol.replace("\0", "\ufffd")[:SYMBOL_CHARACTERS]  # as the stream reads it
    if symbol != place.symbol:
        return False
    if place.requested_at is None:
        return True
    try:
        return datetime.fromisoformat(told.get("requested_at", "")) == place.requested_at
    except (ValueError, TypeError):  # not a time, or one without a zone
        return False
