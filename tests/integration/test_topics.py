"""The topics of a real broker are what their one declaration says; a difference is told and left."""

from __future__ import annotations

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from hedge_master.ingestion.topics import DAILY_PRICES, ensure_topics
from hedge_master.settings import Settings


def test_topics_are_made_as_declared_and_a_difference_is_told_and_left(broker: Settings) -> None:
    assert ensure_topics(broker) == []
    admin = AdminClient({"bootstrap.servers": broker.kafka_servers})

    def retain(milliseconds: int) -> None:
        entry = ConfigEntry("retention.ms", str(milliseconds), incremental_operation=AlterConfigOpType.SET)
        topic = ConfigResource(ResourceType.TOPIC, DAILY_PRICES.name, incremental_configs=[entry])
        for changed in admin.incremental_alter_configs([topic]).values():
            changed.result(30)

    retain(3_600_000)
    told = ["market-data.daily-prices.v1: retention.ms is 3600000, declared is 7776000000"]  # 90 days
    assert ensure_topics(broker) == told
    assert ensure_topics(broker) == told, "left as it is"
    retain(7_776_000_000)
    assert ensure_topics(broker) == []


def test_another_number_of_copies_than_declared_is_told(broker: Settings) -> None:
    in_production = broker.model_copy(update={"kafka_replication_factor": 3, "kafka_min_insync_replicas": 2})
    assert ensure_topics(in_production) == [
        f"{name}: {what}"
        for name in ("market-data.daily-prices.v1", "market-data.price-history.v1")
        for what in ("min.insync.replicas is 1, declared is 2", "replication.factor is 1, declared is 3")
    ]
