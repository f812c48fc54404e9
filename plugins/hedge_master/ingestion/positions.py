"""Where the warehouse stands in each topic, and whether Kafka still has what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from psycopg2.extensions import connection as Connection
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from hedge_master.ingestion.topics import Topic
from hedge_master.settings import Settings

TIMEOUT_SECONDS = 15
SLACK_SECONDS = 5  # the client tells of its own timeout, a moment after it
MOST_NAMED = 10
SILENT = 0  # what fails here is raised, and told once
ELECTING = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)


class MessagesLost(RuntimeError):
    """Kafka does not hold messages any more that the warehouse has never read."""


@dataclass(frozen=True)
class Partition:
    """Kafka holds the offsets `first` to before `end`; `stored`: the next one that the warehouse reads, None where it
    has read none yet."""

    first: int
    end: int
    stored: int | None

    @property
    def start(self) -> int:
        return self.first if self.stored is None else self.stored

    @property
    def unread(self) -> int:
        return max(self.end - self.start, 0)

    @property
    def expired(self) -> int:
        """Messages that the retention has deleted before they were read."""
        return max(self.first - self.start, 0)


@dataclass(frozen=True)
class Positions:
    """A topic as Kafka has it and as the warehouse has read it.

    `topic_id`: Kafka's own; `known_id`: that of the topic that was read, None where nothing was. `oldest`: time of the
    oldest message, looked up only where the topic `is_another`; None where it is empty.
    """

    topic: Topic
    topic_id: str
    known_id: str | None
    partitions: Mapping[int, Partition]
    oldest: datetime | None = None

    @property
    def is_another(self) -> bool:
        """The topic was deleted and created anew since it was read, or lost its end."""
        is_renewed = self.known_id is not None and self.known_id != self.topic_id
        return is_renewed or any(each.start > each.end for each in self.partitions.values())

    @property
    def expired(self) -> dict[int, Partition]:
        """The partitions of which the retention has deleted what was not read."""
        return {number: each for number, each in self.partitions.items() if each.expired}

    @property
    def has_losses(self) -> bool:
        return self.is_another or bool(self.expired)

    @property
    def unread(self) -> int:
        """Messages that wait; all of them where the topic is another one."""
        if self.is_another:
            return sum(each.end - each.first for each in self.partitions.values())
        return sum(each.unread for each in self.partitions.values())


def read_positions(settings: Settings, warehouse: Connection, topic: Topic) -> Positions:
    """Asks Kafka and the warehouse.

    Raises confluent_kafka.KafkaException where the broker does not answer or the topic does not exist.
    """
    with warehouse.cursor() as cursor:
        cursor.execute(
            "select partition, next_offset, topic_id from market.ingest_offsets where topic = %s", (topic.name,)
        )
        rows = cursor.fetchall()
    stored = {partition: offset for partition, offset, _ in rows}
    known_ids = {topic_id for *_, topic_id in rows if topic_id is not None}
    admin = AdminClient({"bootstrap.servers": settings.kafka_servers, "log_level": SILENT})
    (described,) = admin.describe_topics(TopicCollection([topic.name]), request_timeout=TIMEOUT_SECONDS).values()
    description = described.result(timeout=TIMEOUT_SECONDS + SLACK_SECONDS)
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka_servers, "group.id": "hedge-master-positions", "log_level": SILENT}
    )
    try:
        partitions = {}
        for each in description.partitions:
            first, end = _bounds(consumer, TopicPartition(topic.name, each.id))
            partitions[each.id] = Partition(first, end, stored.get(each.id))
        found = Positions(topic, str(description.topic_id), next(iter(known_ids), None), partitions)
        return replace(found, oldest=_oldest(consumer, found)) if found.is_another else found
    finally:
        consumer.close()


def _is_electing(error: BaseException) -> bool:
    """The partition's leader is changing: a new one is there in a moment."""
    return isinstance(error, KafkaException) and error.args[0].code() in ELECTING


@retry(
    retry=retry_if_exception(_is_electing), wait=wait_fixed(0.5), stop=stop_after_delay(TIMEOUT_SECONDS), reraise=True
)
def _bounds(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    first, end = consumer.get_watermark_offsets(place, timeout=TIMEOUT_SECONDS)
    return first, end


def _oldest(consumer: Consumer, positions: Positions) -> datetime | None:
    times = []
    for number, partition in positions.partitions.items():
        if partition.first < partition.end:
            consumer.assign([TopicPartition(positions.topic.name, number, partition.first)])
            message = consumer.poll(TIMEOUT_SECONDS)
            if message is None:
                raise MessagesLost(f"{positions.topic.name}[{number}] did not give its oldest message")
            times.append(datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC))
    return min(times, default=None)


ADVICE = "`hm stream accept-loss --yes` lets go of them; the next runs then ask the API for these symbols again"


def check(positions: Positions, warehouse: Connection) -> None:
    """Raises MessagesLost, which names what was lost and how to get it again."""
    name = positions.topic.name
    if positions.is_another:
        symbols = _named(lost_calls(warehouse, positions))
        raise MessagesLost(
            f"{name} is not the topic that the warehouse has read: it was deleted and created anew, or lost its end. "
            f"What the old one held unread is lost{symbols}. {ADVICE}"
        )
    if positions.expired:
        places = ", ".join(f"[{number}] {each.start} to {each.first - 1}" for number, each in positions.expired.items())
        symbols = _named(lost_calls(warehouse, positions))
        raise MessagesLost(
            f"{name}: the retention has deleted offsets before they were read: {places}{symbols}. {ADVICE}"
        )


# Published answers whose messages were never read and are gone. A topic that was created anew holds those that were
# confirmed since its own oldest message.
LOST = """
select calls.request_id, calls.symbol
from market.api_calls as calls
inner join unnest(%(partitions)s::int[], %(from)s::bigint[], %(until)s::bigint[]) as lost (partition, first, until)
    on lost.partition = calls.partition
where calls.topic = %(topic)s and calls.outcome = 'published'
    and calls.kafka_offset >= lost.first and calls.kafka_offset < lost.until
    and calls.finished_at < coalesce(%(before)s, 'infinity'::timestamptz)
order by calls.symbol, calls.request_id
"""
ANY_OFFSET = 2**62


def lost_calls(warehouse: Connection, positions: Positions) -> list[tuple[str, str]]:
    """Request id and symbol of the answers that were paid for and whose messages are gone, unread."""
    gone = {
        number: (each.start, ANY_OFFSET if positions.is_another else each.first)
        for number, each in positions.partitions.items()
        if positions.is_another or each.expired
    }
    with warehouse.cursor() as cursor:
        cursor.execute(
            LOST,
            {
                "topic": positions.topic.name,
                "partitions": list(gone),
                "from": [first for first, _ in gone.values()],
                "until": [until for _, until in gone.values()],
                "before": positions.oldest,
            },
        )
        return [(str(request_id), symbol) for request_id, symbol in cursor.fetchall()]


def accept_loss(warehouse: Connection, positions: Positions) -> list[str]:
    """Let go of what is gone: its calls count as lost, so that the next plans ask again, and reading starts at what
    Kafka holds. Returns the symbols. In the caller's transaction."""
    lost = lost_calls(warehouse, positions)
    with warehouse.cursor() as cursor:
        cursor.execute(
            """update market.api_calls set outcome = 'lost', topic = null, partition = null, kafka_offset = null,
                error = 'its message was deleted from Kafka before it was read'
            where request_id = any(%s::uuid[])""",
            ([request_id for request_id, _ in lost],),
        )
        if positions.is_another:
            cursor.execute("delete from market.ingest_offsets where topic = %s", (positions.topic.name,))
        for number, partition in positions.partitions.items():
            if partition.expired and not positions.is_another:
                cursor.execute(
                    "update market.ingest_offsets set next_offset = %s, updated_at = now() "
                    "where topic = %s and partition = %s",
                    (partition.first, positions.topic.name, number),
                )
    return [symbol for _, symbol in lost]


def _named(lost: Sequence[tuple[str, str]]) -> str:
    symbols = [symbol for _, symbol in lost]
    if not symbols:
        return ""
    more = f" and {len(symbols) - MOST_NAMED:,} more" if len(symbols) > MOST_NAMED else ""
    return f", {len(symbols):,} answers by the ledger: {', '.join(symbols[:MOST_NAMED])}{more}"
