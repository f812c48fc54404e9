"""Finds what became of calls that a kill left open: their messages are adopted, the rest may be bought again.

A message carries the request id of its call in a header. Whoever was killed between the broker's confirmation and the
ledger's line has paid for an answer that Kafka holds; asking again would buy it twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.client import Answer
from hedge_master.ingestion.ledger import Bars, Place, bars_of, close_published
from hedge_master.ingestion.plan import FUNCTION
from hedge_master.ingestion.topics import MAX_MESSAGE_BYTES, TOPICS

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 30
# Our clock and the broker's may differ: messages are looked for from a little before the call.
CLOCK_TOLERANCE = timedelta(minutes=5)
# Bounds memory: a fetch is compressed, and seven times as large once it is queued. One message that is larger than a
# fetch comes whole all the same. A queue that is full is looked at again after 10 ms, not after a second.
SMALL_FETCHES = {
    "fetch.message.max.bytes": 256 * 1024,
    "queued.max.messages.kbytes": MAX_MESSAGE_BYTES // 1024,
    "fetch.queue.backoff.ms": 10,
}
ONE_ADOPTION_AT_A_TIME = 0x6164_6F70  # advisory lock: "adop"


@dataclass(frozen=True)
class Adopted:
    """How many open calls of dead askers were found in Kafka, and how many were not."""

    adopted: int
    lost: int


def adopt_orphans(warehouse: Connection, kafka_servers: str) -> Adopted:
    """Close every open call whose asker is gone: as published where Kafka holds its message, else as lost.

    Only answers with prices go to Kafka: where no such call is open, it is not read.

    Harmless at any time, also beside running publishers: their sessions live, so their calls are not touched. The
    connection commits by itself meanwhile. Raises KafkaException where the broker does not answer.
    """
    before, warehouse.autocommit = warehouse.autocommit, True
    with warehouse.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (ONE_ADOPTION_AT_A_TIME,))
        try:
            return _adopt(warehouse, kafka_servers)
        finally:
            cursor.execute("select pg_advisory_unlock(%s)", (ONE_ADOPTION_AT_A_TIME,))
            warehouse.autocommit = before


def _adopt(warehouse: Connection, kafka_servers: str) -> Adopted:
    orphans = _orphans(warehouse)
    if not orphans:
        return Adopted(0, 0)
    adopted = 0
    asked_for_prices = [each.requested_at for each in orphans.values() if each.function == FUNCTION]
    if asked_for_prices:
        for message in _messages_since(kafka_servers, min(asked_for_prices) - CLOCK_TOLERANCE):
            headers = _headers(message)
            request_id = _request_id(headers)
            orphan = orphans.pop(request_id, None) if request_id else None
            if orphan is not None:
                adopted += close_published(warehouse, orphan.request_id, *_as_published(message, headers, orphan))
    with warehouse.cursor() as cursor:
        cursor.execute(
            """update market.api_calls set outcome = 'lost', finished_at = clock_timestamp(),
                error = 'whoever asked is gone, and Kafka holds no message of this call'
            where request_id = any(%s::uuid[]) and outcome = 'asked'""",
            ([str(each) for each in orphans],),
        )
        lost = cursor.rowcount
    log.info("calls that a kill left open: %d adopted from Kafka, %d lost", adopted, lost)
    return Adopted(adopted, lost)


@dataclass(frozen=True)
class _Orphan:
    """An open call whose asker's session of the database is no more; `last_bar` as its plan knew it."""

    request_id: UUID
    function: str
    requested_at: datetime
    last_bar: date | None


def _orphans(warehouse: Connection) -> dict[UUID, _Orphan]:
    with warehouse.cursor() as cursor:
        cursor.execute(
            """select calls.request_id, calls.function, calls.requested_at, planned.last_bar
            from market.api_calls as calls
            left join market.planned_calls as planned
                on planned.run_id = calls.run_id and planned.symbol = calls.symbol and calls.outputsize = 'compact'
            where calls.outcome = 'asked' and not exists (
                select from pg_stat_activity where pid || '@' || extract(epoch from backend_start) = calls.session)"""
        )
        found = [_Orphan(UUID(request_id), *rest) for request_id, *rest in cursor.fetchall()]
        return {each.request_id: each for each in found}


def _messages_since(kafka_servers: str, moment: datetime) -> Iterator[Message]:
    """All messages of our topics from `moment` on, up to the ends that the topics have now."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka_servers,
            "group.id": "hedge-master-adoption",
            "enable.auto.commit": False,
            **SMALL_FETCHES,
        }
    )
    try:
        ends: dict[tuple[str, int], int] = {}
        starts = []
        for topic in TOPICS:
            for partition in consumer.list_topics(topic.name, timeout=TIMEOUT_SECONDS).topics[topic.name].partitions:
                place = TopicPartition(topic.name, partition, int(moment.timestamp() * 1000))
                (start,) = consumer.offsets_for_times([place], timeout=TIMEOUT_SECONDS)
                first, end = consumer.get_watermark_offsets(place, timeout=TIMEOUT_SECONDS)
                start.offset = max(start.offset, first) if start.offset >= 0 else end
                if start.offset < end:
                    ends[topic.name, partition] = end
                    starts.append(start)
        consumer.assign(starts)
        while ends:
            message = consumer.poll(TIMEOUT_SECONDS)
            if message is None:
                raise TimeoutError(f"Kafka at {kafka_servers} sent no message in {TIMEOUT_SECONDS} s")
            if message.error() is not None:
                raise KafkaException(message.error())
            place_read = str(message.topic()), int(message.partition() or 0)
            offset = int(message.offset() or 0)
            if offset < ends.get(place_read, 0):
                yield message
            if offset + 1 >= ends.get(place_read, 0):
                ends.pop(place_read, None)
    finally:
        consumer.close()


def _headers(message: Message) -> dict[str, str]:
    pairs: list[tuple[str, bytes | None]] = message.headers() or []  # type: ignore[assignment]
    return {name: value.decode(errors="replace") for name, value in pairs if value is not None}


def _request_id(headers: dict[str, str]) -> UUID | None:
    """None where the message is none of ours: anybody may write to a topic."""
    try:
        return UUID(headers["request_id"])
    except (KeyError, ValueError):
        return None


def _as_published(message: Message, headers: dict[str, str], orphan: _Orphan) -> tuple[Answer, Bars, Place]:
    body = message.value() or b""
    answer = Answer(
        body, datetime.fromisoformat(headers["requested_at"]), datetime.fromisoformat(headers["market_time"])
    )
    place = Place(str(message.topic()), int(message.partition() or 0), int(message.offset() or 0))
    return answer, bars_of(body, orphan.last_bar), place
