"""How many published messages the warehouse has not read yet."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.positions import read_positions
from hedge_master.ingestion.topics import TOPICS
from hedge_master.settings import Settings


def unread_messages(settings: Settings, warehouse: Connection) -> dict[str, int]:
    """Topic -> messages between the warehouse's offsets and the topic's end.

    Raises confluent_kafka.KafkaException where the broker does not answer.
    """
    return {topic.name: read_positions(settings, warehouse, topic).unread for topic in TOPICS}
