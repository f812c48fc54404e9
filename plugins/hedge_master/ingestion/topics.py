"""The topics: declared here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from hedge_master.settings import Settings

MAX_MESSAGE_BYTES = 8 * 1024 * 1024  # a full payload averages 1.0 MB; the default limit is 1 MB before compression
PARTITIONS = 3
ADMIN_TIMEOUT_SECONDS = 30
ERRORS_ONLY = 3  # syslog level; librdkafka reports its own clean-up at a higher one
SCHEMA_VERSION = "1"


@dataclass(frozen=True)
class Topic:
    """`name` in Kafka, the `outputsize` asked for, the staging table of the stream, and its `messages_per_batch`.

    A full payload is 50 times a compact one, hence two topics with limits of their own.
    """

    name: str
    outputsize: str
    staging: str
    messages_per_batch: int


DAILY_PRICES = Topic("market-data.daily-prices.v1", "compact", "market.staging_daily_prices", 10_000)
PRICE_HISTORY = Topic("market-data.price-history.v1", "full", "market.staging_price_history", 100)
TOPICS = (DAILY_PRICES, PRICE_HISTORY)


def topic_of(outputsize: str) -> Topic:
    """The topic of the answers of one size: compact or full."""
    (topic,) = (topic for topic in TOPICS if topic.outputsize == outputsize)
    return topic


def ensure_topics(settings: Settings) -> None:
    """Create the topics that do not exist yet. Raises confluent_kafka.KafkaException where the broker refuses."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_servers, "log_level": ERRORS_ONLY})
    existing = admin.list_topics(timeout=ADMIN_TIMEOUT_SECONDS).topics
    wanted = [
        NewTopic(
            topic.name,
            num_partitions=PARTITIONS,
            replication_factor=1,
            config={"max.message.bytes": str(MAX_MESSAGE_BYTES), "retention.ms": str(30 * 24 * 3600 * 1000)},
        )
        for topic in TOPICS
        if topic.name not in existing
    ]
    if wanted:
        for created in admin.create_topics(wanted).values():
            created.result(timeout=ADMIN_TIMEOUT_SECONDS)
