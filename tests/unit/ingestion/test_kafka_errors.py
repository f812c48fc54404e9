"""A broker that does not answer is told from one that answers with an error."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from hedge_master.cli import main
from hedge_master.ingestion.kafka_errors import in_words
from hedge_master.ingestion.positions import MessagesLost


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KafkaError(KafkaError._TRANSPORT, "no route"), "Kafka does not answer (no route)"),
        (KafkaError(KafkaError._TIMED_OUT, "15 s"), "Kafka does not answer (15 s)"),
        (KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), "Kafka: Broker: Topic authorization failed"),
        (KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), "Kafka: Broker: Unknown topic or partition"),
    ],
)
def test_it_says_what_it_is(error: KafkaError, said: str) -> None:
    assert in_words(KafkaException(error)) == said


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MessagesLost("t: offsets 1 to 2 are lost"), "hm: t: offsets 1 to 2 are lost"),
        (
            KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)),
            "hm: Kafka: Broker: Unknown topic or partition; `hm status` says what runs",
        ),
    ],
)
def test_hm_ends_in_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception, line: str) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(main, "apply_environment", fail)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == line
