"""What the stream refused: how much for which reason, one rejection's story, and what is to be driven again.

A refused row is stored with its own JSON, so it can be judged again without Kafka. Some rules ask more than the row
knows (is the day named twice in its payload, whose payload was it?), and of a message that was refused whole only its
beginning is stored: those need the message itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from itertools import groupby
from typing import Any

from psycopg2.extensions import connection as Connection

REDRIVE_STAGING = "market.staging_redrive"

# The reasons of single rows that only the whole message can answer.
ANSWERED_BY_THE_MESSAGE = ("message_without_headers", "another_symbol", "duplicate_date")
NEEDS_MESSAGE = f"""(
    each.day is null or each.requested_at is null or each.market_date is null
    or each.reason in {ANSWERED_BY_THE_MESSAGE}
)"""
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
    """`seen`: deliveries behind the rejections. `gone`: the open ones that wait for a message that Kafka deleted."""

    reason: str
    open: int
    resolved: int
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
    needs_message: bool

    @property
    def state(self) -> str:
        if self.resolved_at is not None:
            return "resolved"
        return "open" if self.gone_at is None else "open, message gone from Kafka"

    @property
    def place(self) -> str:
        return f"{self.topic} {self.partition}:{self.kafka_offset}"


@dataclass(frozen=True)
class Outcome:
    """What became of a re-drive: of the rejections `resolved`, `refused` again or `gone` (their messages are), and of
    the delivered rows the classes of the merge. `left`: open ones that a further run would drive."""

    resolved: int
    refused: int
    gone: int
    new: int
    changed: int
    unchanged: int
    superseded: int
    left: int

    def __str__(self) -> str:
        said = ", ".join(f"{getattr(self, each.name):,} {each.name}" for each in fields(self)[:3])
        rows = ", ".join(f"{getattr(self, each.name):,} {each.name}" for each in fields(self)[3:-1])
        return f"rejections: {said}, {self.left:,} left; rows: {rows}"


COLUMNS = ", ".join(
    f"{NEEDS_MESSAGE} as needs_message" if each.name == "needs_message" else f"each.{each.name}"
    for each in fields(Rejection)
)


def by_reason(warehouse: Connection, choice: Choice) -> list[ReasonCount]:
    """One row a reason, those with the most open rejections first."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            f"""select each.reason, count(*) filter (where each.resolved_at is null), count(each.resolved_at),
                count(*) filter (where each.resolved_at is null and each.gone_at is not null), sum(each.seen)::bigint,
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
            order by each.resolved_at is not null, each.last_seen desc, each.rejection_id desc limit %(limit)s""",  # noqa: S608
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


# What can be driven: open, and not known to need a message that is gone.
DRIVABLE = f"each.resolved_at is null and (each.gone_at is null or not {NEEDS_MESSAGE})"
# Whole messages, those first that wait longest for a try. A message that has to be read again is driven with all of its
# rejections, since all of its rows come again.
TO_DRIVE = f"""
with chosen as (
    select each.*, {NEEDS_MESSAGE} as needs_message from market.rejections as each where {DRIVABLE} and {MATCHES}
),
delivered as (
    select topic, partition, kafka_offset, symbol, requested_at, bool_or(needs_message) as is_whole, count(*) as rows,
        min(last_batch_id) as tried
    from chosen
    group by topic, partition, kafka_offset, symbol, requested_at
),
counted as (
    select *, sum(rows) over (
        order by tried, topic, partition, kafka_offset, symbol, requested_at rows unbounded preceding
    ) - rows as rows_before
    from delivered
)
select {COLUMNS.replace("each.raw", f"case when not {NEEDS_MESSAGE} then each.raw end")}
from counted
inner join market.rejections as each
    on each.topic = counted.topic and each.partition = counted.partition and each.kafka_offset = counted.kafka_offset
    and each.symbol is not distinct from counted.symbol and each.requested_at is not distinct from counted.requested_at
where counted.rows_before < %(limit)s and {DRIVABLE} and (counted.is_whole or {MATCHES})
order by counted.tried, counted.topic, counted.partition, counted.kafka_offset, counted.symbol, counted.requested_at,
    each.day desc, each.rejection_id
"""  # noqa: S608


def to_drive(warehouse: Connection, choice: Choice, limit: int) -> Iterator[list[Rejection]]:
    """The open rejections of a choice, message by message: at least one message, and no further one once `limit`
    rejections are reached. Of those that need their message `raw` is None."""
    with warehouse.cursor() as cursor:
        cursor.execute(TO_DRIVE, vars(choice) | {"limit": limit})
        found = [Rejection(*row) for row in cursor.fetchall()]
    for _, message in groupby(found, key=_message_of):
        yield list(message)


def _message_of(rejection: Rejection) -> tuple[Any, ...]:
    """A place names one message, except where its topic was deleted and created anew."""
    return rejection.topic, rejection.partition, rejection.kafka_offset, rejection.symbol, rejection.requested_at


def count_to_drive(warehouse: Connection, choice: Choice) -> int:
    """Open rejections of a choice that a re-drive would judge again."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            f"select count(*) from market.rejections as each where {DRIVABLE} and {MATCHES}",  # noqa: S608
            vars(choice),
        )
        (count,) = cursor.fetchone() or (0,)
    return int(count)


def mark_gone(warehouse: Connection, rejections: Sequence[int], run_id: str) -> None:
    """They stay open, and say that Kafka has deleted their message. In the caller's transaction."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            "update market.rejections set gone_at = now(), gone_run_id = %s where rejection_id = any(%s)",
            (run_id, list(rejections)),
        )


OUTCOME = f"""
with batches as (
    select batch_id, new, changed, unchanged, superseded from market.ingest_batches
    where run_id = %(run_id)s and redrive
)
select
    (select count(*) from market.rejections where resolved_by_batch_id in (select batch_id from batches)),
    (
        select count(*) from market.rejections
        where resolved_at is null and last_batch_id in (select batch_id from batches)
    ),
    (select count(*) from market.rejections where gone_run_id = %(run_id)s),
    coalesce(sum(new), 0)::bigint, coalesce(sum(changed), 0)::bigint, coalesce(sum(unchanged), 0)::bigint,
    coalesce(sum(superseded), 0)::bigint,
    (
        select count(*) from market.rejections as each
        where {DRIVABLE} and {MATCHES} and each.last_batch_id not in (select batch_id from batches)
    )
from batches
"""  # noqa: S608


def outcome(warehouse: Connection, run_id: str, choice: Choice) -> Outcome:
    """What the re-drive of one run did, over all its tries."""
    with warehouse.cursor() as cursor:
        cursor.execute(OUTCOME, vars(choice) | {"run_id": run_id})
        row = cursor.fetchone()
    if row is None:
        raise LookupError(f"no account of {run_id}")
    return Outcome(*row)
