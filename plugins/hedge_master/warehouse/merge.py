"""Merges one batch of the stream into the warehouse: rows, accounts and offsets move in ONE transaction.

Every class is counted by the statement that does it: `rejected` and `superseded` by the statements that set those rows
aside, `new`, `changed` and `unchanged` by the merge itself. The table of batches refuses counts that do not add up, and
with it the whole transaction.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from hedge_master.ingestion.topics import Topic

log = logging.getLogger(__name__)

STATEMENTS = Path(__file__).parent / "merge_sql"
ONE_MERGE_AT_A_TIME = 0x6865_6467  # advisory lock: "hedg"


class BatchRefused(RuntimeError):
    """The staged rows are not what the stream delivered; nothing was merged and no offset moved."""


class CopiedTwice(BatchRefused):
    """Staging holds more rows than were copied: a writer that died behind its commit was tried again."""


class KnowledgeOutdated(RuntimeError):
    """A payload that was recognised as the newest of its symbol is it no more: the batch must be read in full."""


@dataclass(frozen=True)
class Delivery:
    """What the warehouse cannot see of a batch, for its account.

    `topic_id`: Kafka's own id of the topic. `starts`, `ends`: partition -> first offset to read and end of the topic
    when the run began. `copy_seconds`: reading, parsing, validating and copying into staging.
    """

    topic_id: str | None = None
    starts: Mapping[int, int] = field(default_factory=dict)
    ends: Mapping[int, int] = field(default_factory=dict)
    copy_seconds: float = 0.0


@dataclass(frozen=True)
class Counts:
    """What became of the delivered rows; `messages` is the number of Kafka messages behind them, `known_messages` of
    which were recognised by their hash."""

    batch_id: int
    messages: int
    known_messages: int
    delivered: int
    new: int
    changed: int
    unchanged: int
    superseded: int
    rejected: int


def next_offsets(warehouse: Connection, topic: Topic) -> dict[int, int]:
    """Partition -> next offset to read, as the last merge left it; empty before the first."""
    with warehouse.cursor() as cursor:
        cursor.execute("select partition, next_offset from market.ingest_offsets where topic = %s", (topic.name,))
        return dict(cursor.fetchall())


def known_payloads(warehouse: Connection, topic: Topic) -> list[tuple[str, bytes, int]]:
    """Symbol, SHA-256 and number of rows of each newest answer whose bytes may come again and change nothing."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            "select symbol, payload_hash, rows from market.repeatable_answers where outputsize = %s",
            (topic.outputsize,),
        )
        return [(symbol, bytes(digest), rows) for symbol, digest, rows in cursor.fetchall()]


def lock_staging(warehouse: Connection, staging: str) -> None:
    """Wait until no other session fills this staging table; the lock ends with the session of `warehouse`."""
    with warehouse.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(hashtextextended(%s, %s))", (staging, ONE_MERGE_AT_A_TIME))
    warehouse.commit()


def merge_batch(
    warehouse: Connection,
    topic: Topic,
    run_id: str,
    started_at: datetime,
    copied_rows: int,
    delivery: Delivery = Delivery(),
) -> Counts | None:
    """Merge what was copied into the topic's staging table; None where that was merged before. The caller commits.

    `copied_rows`: rows that the stream's writers say they copied. Raises BatchRefused where staging holds another
    number (a crash of Postgres empties an unlogged table) or where the offsets do not follow the stored ones;
    KnowledgeOutdated where a payload was not parsed that has to be.
    """
    began = time.monotonic()
    with warehouse.cursor() as cursor:
        messages = _staged_messages(cursor, topic, topic.staging, copied_rows)
        offsets = _checked_offsets(cursor, topic) if messages else None
        if offsets is None:
            return None
        merged = _Merge(cursor, topic, topic.staging, redrive=False)
        counts = merged.run(messages)
        _book(cursor, topic, run_id, started_at, merged, counts, offsets, delivery, time.monotonic() - began)
        for partition, (_, until) in offsets.items():
            cursor.execute(
                """insert into market.ingest_offsets (topic, partition, next_offset, batch_id, topic_id)
                values (%s, %s, %s, %s, %s)
                on conflict (topic, partition) do update
                    set next_offset = excluded.next_offset, batch_id = excluded.batch_id, updated_at = now(),
                        topic_id = coalesce(excluded.topic_id, ingest_offsets.topic_id)""",
                (topic.name, partition, until, counts.batch_id, delivery.topic_id),
            )
    return counts


def merge_redriven(
    warehouse: Connection,
    topic: Topic,
    staging: str,
    run_id: str,
    started_at: datetime,
    copied_rows: int,
    rejections: Sequence[int],
    delivery: Delivery = Delivery(),
) -> Counts:
    """Merge refused rows or messages once more, from a staging table of their own; no offset moves. The caller commits.

    They obey the rule of the newest message by their own request times. Those of `rejections` (ids) that are not
    refused again are marked resolved. Raises BatchRefused as `merge_batch`.
    """
    began = time.monotonic()
    with warehouse.cursor() as cursor:
        messages = _staged_messages(cursor, topic, staging, copied_rows)
        merged = _Merge(cursor, topic, staging, redrive=True)
        counts = merged.run(messages)
        _book(cursor, topic, run_id, started_at, merged, counts, {}, delivery, time.monotonic() - began)
        cursor.execute(
            """update market.rejections set resolved_at = now(), resolved_by_batch_id = %(batch)s
            where rejection_id = any(%(ids)s) and last_batch_id <> %(batch)s and resolved_at is null""",
            {"batch": counts.batch_id, "ids": list(rejections)},
        )
    return counts


class _Merge:
    """The statements of one batch, in their order."""

    def __init__(self, cursor: Cursor, topic: Topic, staging: str, *, redrive: bool) -> None:
        self._cursor = cursor
        self._topic = topic
        self._staging = staging
        self._redrive = redrive
        self.rejected_by_reason: dict[str, int] = {}

    def run(self, messages: int) -> Counts:
        (delivered,) = _one(self._cursor, "select coalesce(sum(rows), 0)::bigint from batch_messages")
        (batch_id,) = _one(self._cursor, "select nextval(pg_get_serial_sequence('market.ingest_batches', 'batch_id'))")
        repeated, known, doubtful = self._statement("repeats")
        if doubtful:
            raise KnowledgeOutdated(f"{doubtful} of {known} recognised payloads are not the newest of their symbols")
        rejected, self.rejected_by_reason = self._statement("reject", batch_id=batch_id, redrive=self._redrive)
        (superseded,) = self._statement("supersede")
        (unchanged,) = self._statement("compare")
        with along_the_key(self._cursor):
            (changed,) = self._statement("replace", batch_id=batch_id)
        new = self._inserted("insert_unseen", batch_id) + self._inserted("insert", batch_id)
        self._statement("answers")
        self._statement("mark_weeks")
        return Counts(batch_id, messages, known, delivered, new, changed, unchanged + repeated, superseded, rejected)

    def _statement(self, name: str, **values: Any) -> tuple[Any, ...]:
        return _run(self._cursor, name, self._topic, self._staging, **values)

    def _inserted(self, name: str, batch_id: int) -> int:
        """Rows that a lone INSERT wrote, by its own count: to return them, each would be kept until the last."""
        self._statement(name, batch_id=batch_id)
        return self._cursor.rowcount


@contextmanager
def along_the_key(cursor: Cursor) -> Iterator[None]:
    """Statements whose joins look up row by row, as the planner would not where there are many.

    It reckons with a look into each partition, where each row is in one, and would read all 400M prices instead. The
    rows that an UPDATE changes cannot be fetched with `offset 0`, as in the other statements.
    """
    cursor.execute("set local enable_hashjoin = off; set local enable_mergejoin = off")
    yield
    # Not after an error: the setting ends with the transaction, which can run nothing more.
    cursor.execute("set local enable_hashjoin to default; set local enable_mergejoin to default")


def _staged_messages(cursor: Cursor, topic: Topic, staging: str, copied_rows: int) -> int:
    """Take the merge's lock and list the staged messages in batch_messages; returns how many they are."""
    cursor.execute("select pg_advisory_xact_lock(%s)", (ONE_MERGE_AT_A_TIME,))
    cursor.execute("set local work_mem = '256MB'")  # one merge at a time: a batch is sorted and joined in memory
    _run(cursor, "messages", topic, staging)
    messages, staged = _one(cursor, "select count(*)::int, coalesce(sum(staged_rows), 0)::bigint from batch_messages")
    if staged != copied_rows:
        refusal = CopiedTwice if staged > copied_rows else BatchRefused
        raise refusal(f"{staging} holds {staged} rows, {copied_rows} were copied into it")
    return int(messages)


def _checked_offsets(cursor: Cursor, topic: Topic) -> dict[int, tuple[int, int]] | None:
    """Partition -> (first offset, next offset) of the batch; every message between them must be there.

    None where the warehouse has all of it: another run was faster, or Spark repeats a batch that it had not noted.
    """
    cursor.execute(
        """select batch.partition, min(batch.kafka_offset), max(batch.kafka_offset) + 1, count(*), stored.next_offset
        from batch_messages as batch
        left join market.ingest_offsets as stored on stored.topic = %s and stored.partition = batch.partition
        group by batch.partition, stored.next_offset""",
        (topic.name,),
    )
    found = cursor.fetchall()
    if all(stored is not None and until <= stored for _, _, until, _, stored in found):
        log.info("%s: %s was merged before", topic.name, {each[0]: each[1:3] for each in found})
        return None
    offsets = {}
    for partition, first, until, count, stored in found:
        if stored is not None and first != stored:
            raise BatchRefused(f"{topic.name}[{partition}] starts at offset {first}, the warehouse expects {stored}")
        if until - first != count:
            raise BatchRefused(f"{topic.name}[{partition}] {first} to {until} holds {count} messages: some are missing")
        offsets[partition] = (first, until)
    return offsets


def _book(
    cursor: Cursor,
    topic: Topic,
    run_id: str,
    started_at: datetime,
    merge: _Merge,
    counts: Counts,
    offsets: Mapping[int, tuple[int, int]],
    delivery: Delivery,
    merge_seconds: float,
) -> None:
    """The account of the batch, which the table refuses where the classes do not add up."""
    # A partition that was never read may begin far behind 0.
    reached = {**delivery.starts, **next_offsets(cursor.connection, topic)}
    reached |= {partition: until for partition, (_, until) in offsets.items()}
    lag = sum(max(end - reached.get(partition, 0), 0) for partition, end in delivery.ends.items())
    (size,) = _one(cursor, "select coalesce(sum(bytes), 0)::bigint from batch_messages")
    values = {
        "batch_id": counts.batch_id,
        "run_id": run_id,
        "topic": topic.name,
        "started_at": started_at,
        "messages": counts.messages,
        "known_messages": counts.known_messages,
        "bytes": size,
        "delivered": counts.delivered,
        "new": counts.new,
        "changed": counts.changed,
        "unchanged": counts.unchanged,
        "superseded": counts.superseded,
        "rejected": counts.rejected,
        "rejected_by_reason": json.dumps(merge.rejected_by_reason),
        "seconds": json.dumps({"copy": round(delivery.copy_seconds, 3), "merge": round(merge_seconds, 3)}),
        "lag_left": lag if delivery.ends else None,
        "redrive": not offsets,
        "offsets": json.dumps(offsets),
    }
    cursor.execute(
        f"insert into market.ingest_batches ({', '.join(values)}) overriding system value values %s",  # noqa: S608
        (tuple(values.values()),),
    )


def _run(cursor: Cursor, statement: str, topic: Topic, staging: str, **values: Any) -> tuple[Any, ...]:
    """Run merge_sql/<statement>.sql, several statements with the last one's first row as the answer."""
    text = (STATEMENTS / f"{statement}.sql").read_text(encoding="utf-8").replace("STAGING", staging)
    cursor.execute(text, {"topic": topic.name, "outputsize": topic.outputsize, **values})
    row = cursor.fetchone() if cursor.description else None
    return tuple(row) if row else ()


def _one(cursor: Cursor, query: str) -> tuple[Any, ...]:
    cursor.execute(query)
    row = cursor.fetchone()
    if row is None:
        raise BatchRefused(f"no answer to {query}")
    return tuple(row)
