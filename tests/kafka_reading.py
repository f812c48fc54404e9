"""Reads a topic from one end to the other, without a consumer group's memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, TopicPartition

SECONDS = 30


@dataclass(frozen=True)
class Read:
    """One message and its place; `headers` in their order."""

    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def messages(kafka_servers: str, topic: str, since: Mapping[int, int] | None = None) -> Iterator[Read]:
    """All messages of a topic, partition by partition; `since`: partition -> the first offset to read."""
    consumer: Any = Consumer(
        {"bootstrap.servers": kafka_servers, "group.id": "tests", "enable.auto.commit": False, "log_level": 0}
    )
    try:
        for partition in consumer.list_topics(topic, timeout=SECONDS).topics[topic].partitions:
            first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=SECONDS)
            start = (since or {}).get(partition, first)
            consumer.assign([TopicPartition(topic, partition, start)])
            for offset in range(start, end):
                message = consumer.poll(SECONDS)
                assert message is not None and message.offset() == offset
                yield Read(partition, offset, message.key(), message.value(), message.headers() or [])
    finally:
        consumer.close()
