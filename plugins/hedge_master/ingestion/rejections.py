"""What the stream refused: how much for which reason, one rejection's story, and what an operator says of it.

A refused row is stored with its own JSON, so it can be judged again without Kafka. Some rules ask more than the row
knows (is the day named twice in its payload, whose payload was it?), and of a message that was refused whole only its
beginning is stored: those need the message itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime

from psycopg2.extensions import connection as Connection

# The reasons of single rows that only the whole message can answer.
ANSWERED_BY_THE_MESSAGE = ("message_without_headers", "another_symbol", "duplicate_date")
NEEDS_MESSAGE = f"""(
    each.day is null or each.requested_at is null or each.market_date is null
    or each.reason in {ANSWERED_BY_THE_MESSAGE}
)"""
OPEN = "each.resolved_at is null and each.closed_at is null"
MATCHES = """(%(reason)s::text is null or each.reason = %(reason)s)
    and (%(symbol)s::text is null or each.symbol = %(symbol)s)
    and (%(batch_id)s::bigint is null or %(batch_id)s in (each.first_batch_id, each.last_batch_id))"""


class UnknownRejection(LookupError):
    """market.rejections has no such id."""


@dataclass(frozen=True)
class Choice:
    """Which rejections; None is any. `batch_id`: the batch that refused it first, or last."""

    reason: str | None = None
    symbol: str | None = None
    batch_id: int | None = None


@dataclass(frozen=True)
class ReasonCount:
    """`seen`: deliveries behind the rejections. `gone`: the open ones that wait for a message that Kafka deleted.
    `closed`: by an operator, who expects no more of them."""

    reason: str
    open: int
    resolved: int
    closed: int
    gone: int
    seen: int
    last_seen: datetime


@dataclass(frozen=True)
class Rejection:
    """A row of market.rejections; `day` as delivered, None where the whole message was refused. `needs_message`: its
    stored JSON is not enough to judge it again."""

    rejection_id: int
    topic: str
    symbol: str | None
    day: str | None
    reason: str
    raw: str | None
    partition: int
    kafka_offset: int
    requested_at: datetime | None
    market_time: datetime | None
    market_date: date | None
    seen: int
    first_batch_id: int
    last_batch_id: int
    first_seen: datetime
    last_seen: datetime
    resolved_at: datetime | None
    resolved_by_batch_id: int | None
    gone_at: datetime | None
    closed_at: datetime | None
    closed_because: str | None
    needs_message: bool

    @property
    def state(self) -> str:
        if self.resolved_at is not None:
            return "resolved"
        if self.closed_at is not None:
            return "closed"
        return "open" if self.gone_at is None else "open, message gone from Kafka"

    @property
    def place(self) -> str:
        return f"{self.topic} {self.partition}:{self.kafka_offset}"


COLUMNS = ", ".join(
    f"{NEEDS_MESSAGE} as needs_message" if each.name == "needs_message" else f"each.{each.name}"
    for each in fields(Rejection)
)


def by_reason(warehouse: Connection, choice: Choice) -> list[ReasonCount]:
    """One row a reason, those with the most open rejections first."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            f"""select each.reason, count(*) filter (where {OPEN}), count(each.resolved_at), count(each.closed_at),
                count(*) filter (where {OPEN} and each.gone_at is not null), sum(each.seen)::bigint,
                max(each.last_seen)
            from market.rejections as each where {MATCHES} group by each.reason order by 2 desc, each.reason""",  # noqa: S608 (words of our own)
            vars(choice),
        )
        return [ReasonCount(*row) for row in cursor.fetchall()]


def newest(warehouse: Connection, choice: Choice, limit: int) -> list[Rejection]:
    """The rejections that were delivered last, open ones first."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            f"""select {COLUMNS} from market.rejections as each where {MATCHES}
            order by not ({OPEN}), each.last_seen desc, each.rejection_id desc limit %(limit)s""",  # noqa: S608
            vars(choice) | {"limit": limit},
        )
        return [Rejection(*row) for row in cursor.fetchall()]


def of_id(warehouse: Connection, rejection_id: int) -> Rejection:
    """Raises UnknownRejection."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            f"select {COLUMNS} from market.rejections as each where rejection_id = %s",  # noqa: S608
            (rejection_id,),
        )
        row = cursor.fetchone()
    if row is None:
        raise UnknownRejection(f"rejection {rejection_id} is not in market.rejections; `hm rejected show` lists them")
    return Rejection(*row)


def runs_of(warehouse: Connection, batch_ids: Sequence[int]) -> dict[int, str]:
    """Batch -> the Airflow run that read it."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            "select batch_id, run_id from market.ingest_batches where batch_id = any(%s)", (list(batch_ids),)
        )
        return dict(cursor.fetchall())


def close(warehouse: Connection, rejections: Sequence[int], because: str) -> int:
    """An operator expects no more of the open ones among these ids; returns how many. One that is delivered again is
    open again. In the caller's transaction."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            f"""update market.rejections as each set closed_at = now(), closed_because = %s
            where {OPEN} and each.rejection_id = any(%s)""",  # noqa: S608
            (because, list(rejections)),
        )
        return cursor.rowcount


def look_again(warehouse: Connection, choice: Choice) -> int:
    """Forget that the messages of a choice are gone, so that the next re-drive asks Kafka for them; returns of how many
    open rejections. In the caller's transaction."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            f"""update market.rejections as each set gone_at = null, gone_run_id = null
            where {OPEN} and each.gone_at is not null and {MATCHES}""",  # noqa: S608
            vars(choice),
        )
        return cursor.rowcount
