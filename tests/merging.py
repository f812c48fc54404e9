"""Merges Kafka messages into the warehouse with the functions of the stream's job, without its queries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from psycopg2.extensions import connection as Connection
from pyspark.sql import SparkSession

import price_messages
import stream_prices
from hedge_master.ingestion.topics import Topic
from hedge_master.warehouse.merge import Counts, known_payloads, merge_batch, next_offsets
from kafka_reading import messages

KAFKA = (
    "key binary, value binary, topic string, partition int, offset long, headers array<struct<key:string,value:binary>>"
)
KafkaRow = tuple[bytes, bytes, str, int, int, list[tuple[str, bytes]]]


def merge_messages(spark: SparkSession, warehouse: Connection, url: str, topic: Topic, rows: list[KafkaRow]) -> Counts:
    """`url`: the warehouse's address for the writers of staging; the connection commits."""
    kafka = spark.createDataFrame(rows, KAFKA)
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(f"truncate {topic.staging}")
        known = known_payloads(warehouse, topic)
    judged = price_messages.validated(price_messages.bars(price_messages.messages(kafka, known)))
    copied = stream_prices.copied(price_messages.staged(judged), url, topic.staging)
    with warehouse:
        counts = merge_batch(warehouse, topic, "read", datetime.now(UTC), copied)
    assert counts is not None
    return counts


def unread(kafka_servers: str, warehouse: Connection, topic: Topic) -> Iterator[KafkaRow]:
    """The topic's messages from the warehouse's offsets on."""
    for each in messages(kafka_servers, topic.name, next_offsets(warehouse, topic)):
        yield each.key, each.value, topic.name, each.partition, each.offset, each.headers
