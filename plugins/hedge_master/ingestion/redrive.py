"""Another try for what was refused: which rejections a re-drive judges again, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any

from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.rejections import COLUMNS, MATCHES, NEEDS_MESSAGE, OPEN, Choice, Rejection
from hedge_master.ingestion.topics import TOPICS, Topic

REDRIVE_STAGING = "market.staging_redrive"
MOST_BYTES = 64 * 1024 * 1024  # of stored rows that one run holds in memory


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


# What can be driven: open, of a topic of ours, and not known to need a message that is gone.
DRIVABLE = f"""each.topic = any(%(topics)s) and {OPEN} and (each.gone_at is null or not {NEEDS_MESSAGE})"""
# Whole messages, those first that wait longest for a try. A message that has to be read again is driven with all of its
# rejections, since all of its rows come again.
TO_DRIVE = f"""
with chosen as (
    select each.*, {NEEDS_MESSAGE} as needs_message from market.rejections as each where {DRIVABLE} and {MATCHES}
),
delivered as (
    select topic, partition, kafka_offset, symbol, requested_at, bool_or(needs_message) as is_whole, count(*) as rows,
        coalesce(sum(octet_length(raw)) filter (where not needs_message), 0) as bytes, min(last_batch_id) as tried
    from chosen
    group by topic, partition, kafka_offset, symbol, requested_at
),
counted as (
    select *, sum(rows) over before - rows as rows_before, sum(bytes) over before - bytes as bytes_before
    from delivered
    window before as (
        order by tried, topic, partition, kafka_offset, symbol, requested_at rows unbounded preceding
    )
)
select {COLUMNS.replace("each.raw", f"case when not {NEEDS_MESSAGE} then each.raw end")}
from counted
inner join market.rejections as each
    on each.topic = counted.topic and each.partition = counted.partition and each.kafka_offset = counted.kafka_offset
    and each.symbol is not distinct from counted.symbol and each.requested_at is not distinct from counted.requested_at
where counted.rows_before < %(limit)s and counted.bytes_before < %(most_bytes)s
    and {DRIVABLE} and (counted.is_whole or {MATCHES})
order by counted.tried, counted.topic, counted.partition, counted.kafka_offset, counted.symbol, counted.requested_at,
    each.day desc, each.rejection_id
"""  # noqa: S608


def to_drive(
    warehouse: Connection, choice: Choice, limit: int, topics: Sequence[Topic] = TOPICS
) -> Iterator[list[Rejection]]:
    """The open rejections of a choice, message by message: at least one message, and no further one once `limit`
    rejections or MOST_BYTES are reached. Of those that need their message `raw` is None."""
    with warehouse.cursor() as cursor:
        cursor.execute(TO_DRIVE, _values(choice, topics) | {"limit": limit, "most_bytes": MOST_BYTES})
        found = [Rejection(*row) for row in cursor.fetchall()]
    for _, message in groupby(found, key=_message_of):
        yield list(message)


def _message_of(rejection: Rejection) -> tuple[Any, ...]:
    """A place names one message, except where its topic was deleted and created anew."""
    return rejection.topic, rejection.partition, rejection.kafka_offset, rejection.symbol, rejection.requested_at


def _values(choice: Choice, topics: Sequence[Topic]) -> dict[str, Any]:
    return vars(choice) | {"topics": [topic.name for topic in topics]}


def count_to_drive(warehouse: Connection, choice: Choice, topics: Sequence[Topic] = TOPICS) -> int:
    """Open rejections of a choice that a re-drive would judge again."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            f"select count(*) from market.rejections as each where {DRIVABLE} and {MATCHES}",  # noqa: S608
            _values(choice, topics),
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
        select count(*) from market.rejections as each where {OPEN} and last_batch_id in (select batch_id from batches)
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


def outcome(warehouse: Connection, run_id: str, choice: Choice, topics: Sequence[Topic] = TOPICS) -> Outcome:
    """What the re-drive of one run did, over all its tries."""
    with warehouse.cursor() as cursor:
        cursor.execute(OUTCOME, _values(choice, topics) | {"run_id": run_id})
        row = cursor.fetchone()
    if row is None:
        raise LookupError(f"no account of {run_id}")
    return Outcome(*row)
