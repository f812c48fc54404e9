"""The topics: declared here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from hedge_master.settings import Settings

MAX_MESSAGE_BYTES = 8 * 1024 * 1024  # a full payload averages 1.0 MB; the default limit is 1 MB before compression
PARTITIONS = 3
# Outlives the longest pause of the stream: what it has not read by then must be bought again.
RETENTION = timedelta(days=90)
ADMIN_TIMEOUT_SECONDS = 30
ERRORS_ONLY = 3  # syslog level; librdkafka reports its own clean-up at a higher one
SCHEMA_VERSION = "1"
SYMBOL_CHARACTERS = 64  # of a message's symbol that are read: the longest have 12, and an index has no room for a page


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
PRICE_HISTORY = Topic("market-data.price-history.v1", "full", "market.staging_price_history", 250)
TOPICS = (DAILY_PRICES, PRICE_HISTORY)


def topic_of(outputsize: str) -> Topic:
    """The topic of the answers of one size: compact or full."""
    (topic,) = (topic for topic in TOPICS if topic.outputsize == outputsize)
    return topic


def topic_settings(settings: Settings) -> dict[str, str]:
    """What the broker keeps for each topic of ours, by Kafka's own names."""
    return {
        "cleanup.policy": "delete",  # never compact: a topic's newest answer of a symbol does not hold all its days
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "retention.ms": str(int(RETENTION.total_seconds() * 1000)),
        "min.insync.replicas": str(settings.kafka_min_insync_replicas),
    }


def ensure_topics(settings: Settings) -> list[str]:
    """Create the topics that do not exist yet; returns how existing ones differ from their declaration, a line each.

    A difference is for the operator to decide, so it is told and not overwritten: more partitions would move symbols
    to others, a shorter retention would delete. Raises confluent_kafka.KafkaException where the broker refuses.
    """
    admin = AdminClient({"bootstrap.servers": settings.kafka_servers, "log_level": ERRORS_ONLY})
    existing = admin.list_topics(timeout=ADMIN_TIMEOUT_SECONDS).topics
    wanted = [
        NewTopic(
            topic.name,
            num_partitions=PARTITIONS,
            replication_factor=settings.kafka_replication_factor,
            config=topic_settings(settings),
        )
        for topic in TOPICS
        if topic.name not in existing
    ]
    if wanted:
        for created in admin.create_topics(wanted).values():
            try:
                created.result(timeout=ADMIN_TIMEOUT_SECONDS)
            except KafkaException as error:
                # Made by somebody else meanwhile, or the list came from a broker that had not heard of it yet.
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
    return [line for topic in TOPICS if topic.name in existing for line in _differences(admin, settings, topic)]


def _differences(admin: AdminClient, settings: Settings, topic: Topic) -> list[str]:
    resource = ConfigResource(ResourceType.TOPIC, topic.name)
    (asked,) = admin.describe_configs([resource]).values()
    told = {name: str(entry.value) for name, entry in asked.result(timeout=ADMIN_TIMEOUT_SECONDS).items()}
    partitions = admin.list_topics(topic.name, timeout=ADMIN_TIMEOUT_SECONDS).topics[topic.name].partitions
    told["partitions"] = str(len(partitions))
    told["replication.factor"] = str(min(len(each.replicas) for each in partitions.values()))
    declared = topic_settings(settings) | {
        "partitions": str(PARTITIONS),
        "replication.factor": str(settings.kafka_replication_factor),
    }
    return [
        f"{topic.name}: {name} is {told.get(name)}, declared is {value}"
        for name, value in declared.items()
        if told.get(name) != value
    ]
