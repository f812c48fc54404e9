"""How many published messages the warehouse has not read yet."""

from __future__ import annotations

from confluent_kafka import Consumer, TopicPartition
from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.topics import TOPICS
from hedge_master.settings import Settings

TIMEOUT_SECONDS = 30


def unread_messages(settings: Settings, warehouse: Connection) -> dict[str, int]:
    """Topic -> messages between the warehouse's offsets and the topic's end.

    Raises confluent_kafka.KafkaException where the broker does not answer.
    """
    with warehouse.cursor() as cursor:
        cursor.execute("select topic, partition, next_offset from market.ingest_offsets")
        stored = {(topic, partition): offset for topic, partition, offset in cursor.fetchall()}
    consumer = Consumer({"bootstrap.servers": settings.kafka_servers, "group.id": "hedge-master-lag"})
    try:
        unread = {}
        for topic in TOPICS:
            unread[topic.name] = 0
            for partition in consumer.list_topics(topic.name, timeout=TIMEOUT_SECONDS).topics[topic.name].partitions:
                place = TopicPartition(topic.name, partition)
                first, end = consumer.get_watermark_offsets(place, timeout=TIMEOUT_SECONDS)
                unread[topic.name] += end - stored.get((topic.name, partition), first)
        return unread
    finally:
        consumer.close()
