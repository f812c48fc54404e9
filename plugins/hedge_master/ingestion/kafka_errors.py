"""What an error of Kafka's client means, in one line for a person."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

NOBODY_THERE = (
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError.REQUEST_TIMED_OUT,
)


def in_words(error: KafkaException) -> str:
    """That nobody answers, or what the one who answered said."""
    told: KafkaError = error.args[0]
    return f"Kafka does not answer ({told.str()})" if told.code() in NOBODY_THERE else f"Kafka: {told.str()}"
