"""Where the warehouse stands in each topic, and whether Kafka still has what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from hedge_master.ingestion.topics import TOPICS, Topic
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
    def is_truncated(self) -> bool:
        """It ends before what the warehouse has read of it."""
        return self.start > self.end


@dataclass(frozen=True)
class LostCall:
    """An answer that was paid for and whose message is gone, unread."""

    request_id: str
    symbol: str
    partition: int


@dataclass(frozen=True)
class Positions:
    """A topic as Kafka has it and as the warehouse has read it.

    `topic_id`: Kafka's own; `known_id`: that of the topic that was read, None where nothing was. `vanished`: partitions
    that were read and that Kafka does not have. `since`: when the topic that was read began, where an earlier one of
    its name was let go of. `oldest`: time of the oldest message, looked up only where the topic `is_renewed`; None
    where it is empty. `lost`: by the ledger.
    """

    topic: Topic
    topic_id: str
    known_id: str | None
    partitions: Mapping[int, Partition]
    vanished: Mapping[int, int] = field(default_factory=dict)
    since: datetime | None = None
    oldest: datetime | None = None
    lost: Sequence[LostCall] = ()

    @property
    def is_renewed(self) -> bool:
        """The topic was deleted and created anew since it was read."""
        return bool(self.vanished) or self.known_id not in (None, self.topic_id)

    @property
    def truncated(self) -> dict[int, Partition]:
        """The partitions of the topic that was read that have lost their end."""
        return {n: each for n, each in self.partitions.items() if each.is_truncated and not self.is_renewed}

    @property
    def expired(self) -> dict[int, Partition]:
        """The partitions of which the retention has deleted what was not read. Of one that was never read only the
        ledger knows whether there was anything to read."""
        named = {each.partition for each in self.lost}
        return {
            number: each
            for number, each in self.partitions.items()
            if not self.is_renewed and (each.first > each.start or (each.stored is None and number in named))
        }

    @property
    def gone(self) -> dict[int, tuple[int, int]]:
        """Partition -> the offsets, from the first to before the last, that were or may have been deleted unread."""
        if self.is_renewed:
            stored = {number: each.stored or 0 for number, each in self.partitions.items()}
            return {number: (offset, ANY_OFFSET) for number, offset in (stored | dict(self.vanished)).items()}
        deleted = {number: (each.stored or 0, each.first) for number, each in self.partitions.items()}
        deleted |= {number: (each.start, ANY_OFFSET) for number, each in self.truncated.items()}
        return {number: (first, until) for number, (first, until) in deleted.items() if first < until}

    @property
    def has_losses(self) -> bool:
        return self.is_renewed or bool(self.truncated or self.expired)

    @property
    def unread(self) -> int:
        """Messages that wait; all of them where the topic is another one."""
        if self.is_renewed:
            return sum(each.end - each.first for each in self.partitions.values())
        return sum(each.unread for each in self.partitions.values())

    @property
    def is_work(self) -> bool:
        """There is something to read, or to tell: an empty topic may be what is left of a full one."""
        return self.unread > 0 or self.has_losses


def read_all_positions(settings: Settings, warehouse: Connection) -> list[Positions]:
    """`read_positions` of each topic of ours."""
    return [read_positions(settings, warehouse, topic) for topic in TOPICS]


def read_positions(settings: Settings, warehouse: Connection, topic: Topic) -> Positions:
    """Asks Kafka and the warehouse.

    Raises confluent_kafka.KafkaException where the broker does not answer or the topic does not exist.
    """
    with warehouse.cursor() as cursor:
        cursor.execute(
            "select partition, next_offset, topic_id, topic_since from market.ingest_offsets where topic = %s",
            (topic.name,),
        )
        rows = cursor.fetchall()
    stored = {partition: offset for partition, offset, *_ in rows}
    known_ids = {known for *_, known, _ in rows if known is not None}
    since = max((since for *_, since in rows if since is not None), default=None)
    admin = AdminClient({"bootstrap.servers": settings.kafka_servers, "log_level": SILENT})
    (described,) = admin.describe_topics(TopicCollection([topic.name]), request_timeout=TIMEOUT_SECONDS).values()
    description = described.result(timeout=TIMEOUT_SECONDS + SLACK_SECONDS)
    topic_id = str(description.topic_id)
    known_id = min(known_ids - {topic_id}, default=topic_id if known_ids else None)
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka_servers, "group.id": "hedge-master-positions", "log_level": SILENT}
    )
    try:
        partitions = {}
        for each in description.partitions:
            first, end = _bounds(consumer, TopicPartition(topic.name, each.id))
            partitions[each.id] = Partition(first, end, stored.get(each.id))
        vanished = {number: offset for number, offset in stored.items() if number not in partitions}
        found = Positions(topic, topic_id, known_id, partitions, vanished, since)
        if found.is_renewed:
            found = replace(found, oldest=_oldest(consumer, found))
    finally:
        consumer.close()
    return replace(found, lost=_lost_calls(warehouse, found)) if found.gone else found


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
                missed = f"{positions.topic.name}[{number}] did not give its oldest message"
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, missed))
            if message.error() is not None:
                raise KafkaException(message.error())
            times.append(datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC))
    return min(times, default=None)


ADVICE = "`hm stream accept-loss --yes` lets go of them; the next runs then ask the API for these symbols again"


def check(positions: Positions) -> None:
    """Raises MessagesLost, which names what was lost and how to get it again."""
    name, symbols = positions.topic.name, _named(positions.lost)
    if positions.is_renewed:
        raise MessagesLost(
            f"{name} is not the topic that the warehouse has read: it was deleted and created anew. What the old one "
            f"held unread is lost{symbols}. {ADVICE}"
        )
    if positions.truncated:
        places = ", ".join(
            f"[{number}] ends at {each.end}, read was to {each.stored}" for number, each in positions.truncated.items()
        )
        raise MessagesLost(
            f"{name} ends before what the warehouse has read of it: {places}. The broker has an older disk, or lost "
            f"what it had confirmed. What it held unread is lost{symbols}, and what came since may have places that "
            f"count as read. {ADVICE}, and reads again all that Kafka holds"
        )
    if positions.expired:
        places = ", ".join(
            f"[{number}] {each.stored or 0} to {each.first - 1}" for number, each in positions.expired.items()
        )
        raise MessagesLost(
            f"{name}: the retention has deleted offsets before they were read: {places}{symbols}. {ADVICE}"
        )


# Published answers whose messages were never read and are gone. A topic that was created anew holds those that were
# confirmed since its own oldest message; what was confirmed before it began was in another one, and read or let go of.
LOST = """
select calls.request_id, calls.symbol, calls.partition
from market.api_calls as calls
inner join unnest(%(partitions)s::int[], %(from)s::bigint[], %(until)s::bigint[]) as lost (partition, first, until)
    on lost.partition = calls.partition
where calls.topic = %(topic)s and calls.outcome = 'published'
    and calls.kafka_offset >= lost.first and calls.kafka_offset < lost.until
    and calls.finished_at >= coalesce(%(since)s, '-infinity'::timestamptz)
    and calls.finished_at < coalesce(%(before)s, 'infinity'::timestamptz)
order by calls.symbol, calls.request_id
"""
ANY_OFFSET = 2**62


def _lost_calls(warehouse: Connection, positions: Positions) -> list[LostCall]:
    gone = positions.gone
    with warehouse.cursor() as cursor:
        cursor.execute(
            LOST,
            {
                "topic": positions.topic.name,
                "partitions": list(gone),
                "from": [first for first, _ in gone.values()],
                "until": [until for _, until in gone.values()],
                "since": positions.since,
                "before": positions.oldest,
            },
        )
        return [LostCall(str(request_id), *rest) for request_id, *rest in cursor.fetchall()]


def accept_loss(warehouse: Connection, positions: Positions) -> list[str]:
    """Let go of what is gone: its calls count as lost, so that the next plans ask again, and reading starts at what
    Kafka holds. Returns the symbols. In the caller's transaction."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            """update market.api_calls set outcome = 'lost', topic = null, partition = null, kafka_offset = null,
                error = 'its message was deleted from Kafka before it was read'
            where request_id = any(%s::uuid[])""",
            ([each.request_id for each in positions.lost],),
        )
        if positions.is_renewed:
            _begin_anew(cursor, positions)
        else:
            for number, partition in (positions.expired | positions.truncated).items():
                _read_from(cursor, positions, number, partition.first)
    return [each.symbol for each in positions.lost]


def _begin_anew(cursor: Cursor, positions: Positions) -> None:
    cursor.execute("delete from market.ingest_offsets where topic = %s", (positions.topic.name,))
    for number, partition in positions.partitions.items():
        _read_from(cursor, positions, number, partition.first)
    cursor.execute(
        "update market.ingest_offsets set topic_since = coalesce(%s, now()) where topic = %s",
        (positions.oldest, positions.topic.name),
    )


def _read_from(cursor: Cursor, positions: Positions, partition: int, offset: int) -> None:
    cursor.execute(
        """insert into market.ingest_offsets (topic, partition, next_offset, batch_id, topic_id)
        values (%s, %s, %s, 0, %s)
        on conflict (topic, partition) do update set next_offset = excluded.next_offset, updated_at = now()""",
        (positions.topic.name, partition, offset, positions.topic_id),
    )


def _named(lost: Sequence[LostCall]) -> str:
    if not lost:
        return ""
    more = f" and {len(lost) - MOST_NAMED:,} more" if len(lost) > MOST_NAMED else ""
    return f", {len(lost):,} answers by the ledger: {', '.join(each.symbol for each in lost[:MOST_NAMED])}{more}"
