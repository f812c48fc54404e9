"""Merges one batch of the stream into the warehouse: rows, accounts and offsets move in ONE transaction.

Every class is counted by the statement that does it: `rejected` and `superseded` by the statements that set those rows
aside, `new`, `changed` and `unchanged` by the merge itself. The table of batches refuses counts that do not add up, and
with it the whole transaction.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from hedge_master.ingestion.topics import Topic

STATEMENTS = Path(__file__).parent / "merge_sql"
ONE_MERGE_AT_A_TIME = 0x6865_6467  # advisory lock: "hedg"


class BatchRefused(RuntimeError):
    """The staged rows are not what the stream delivered; nothing was merged and no offset moved."""


@dataclass(frozen=True)
class Counts:
    """What became of the delivered rows; `messages` is the number of Kafka messages behind them."""

    batch_id: int
    messages: int
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


def merge_batch(
    warehouse: Connection, topic: Topic, run_id: str, started_at: datetime, copied_rows: int
) -> Counts | None:
    """Merge what was copied into the topic's staging table; None where nothing was. The caller commits.

    `copied_rows`: rows that the stream's writers say they copied. Raises BatchRefused where staging holds another
    number (a crash of Postgres empties an unlogged table) or where the offsets do not follow the stored ones.
    """
    with warehouse.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", (ONE_MERGE_AT_A_TIME,))
        _run(cursor, "messages", topic)
        messages, delivered = _one(cursor, "select count(*)::int, coalesce(sum(rows), 0)::bigint from batch_messages")
        if delivered != copied_rows:
            raise BatchRefused(f"{topic.staging} holds {delivered} rows, {copied_rows} were copied into it")
        if not messages:
            return None
        offsets = _checked_offsets(cursor, topic)
        (batch_id,) = _one(cursor, "select nextval(pg_get_serial_sequence('market.ingest_batches', 'batch_id'))")
        (rejected,) = _run(cursor, "reject", topic, batch_id=batch_id)
        (superseded,) = _run(cursor, "supersede", topic)
        (unchanged,) = _run(cursor, "compare", topic)
        (changed,) = _run(cursor, "replace", topic, batch_id=batch_id)
        (new,) = _run(cursor, "insert", topic, batch_id=batch_id)
        _run(cursor, "answers", topic)
        _run(cursor, "mark_weeks", topic)
        cursor.execute(
            """insert into market.ingest_batches (batch_id, run_id, topic, started_at, messages, delivered,
                new, changed, unchanged, superseded, rejected, offsets)
            overriding system value values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            (
                batch_id,
                run_id,
                topic.name,
                started_at,
                messages,
                delivered,
                new,
                changed,
                unchanged,
                superseded,
                rejected,
                json.dumps(offsets),
            ),
        )
        for partition, (_, until) in offsets.items():
            cursor.execute(
                """insert into market.ingest_offsets (topic, partition, next_offset, batch_id) values (%s, %s, %s, %s)
                on conflict (topic, partition) do update
                    set next_offset = excluded.next_offset, batch_id = excluded.batch_id, updated_at = now()""",
                (topic.name, partition, until, batch_id),
            )
    return Counts(batch_id, messages, delivered, new, changed, unchanged, superseded, rejected)


def _checked_offsets(cursor: Cursor, topic: Topic) -> dict[int, tuple[int, int]]:
    """Partition -> (first offset, next offset) of the batch; every message between them must be there."""
    cursor.execute(
        """select batch.partition, min(batch.kafka_offset), max(batch.kafka_offset) + 1, count(*), stored.next_offset
        from batch_messages as batch
        left join market.ingest_offsets as stored on stored.topic = %s and stored.partition = batch.partition
        group by batch.partition, stored.next_offset""",
        (topic.name,),
    )
    offsets = {}
    for partition, first, until, count, stored in cursor.fetchall():
        if stored is not None and first != stored:
            raise BatchRefused(f"{topic.name}[{partition}] starts at offset {first}, the warehouse expects {stored}")
        if until - first != count:
            raise BatchRefused(f"{topic.name}[{partition}] {first} to {until} holds {count} messages: some are missing")
        offsets[partition] = (first, until)
    return offsets


def _run(cursor: Cursor, statement: str, topic: Topic, **values: Any) -> tuple[Any, ...]:
    """Run merge_sql/<statement>.sql, several statements with the last one's first row as the answer."""
    text = (STATEMENTS / f"{statement}.sql").read_text(encoding="utf-8").replace("STAGING", topic.staging)
    cursor.execute(text, {"topic": topic.name, "outputsize": topic.outputsize, **values})
    row = cursor.fetchone() if cursor.description else None
    return tuple(row) if row else ()


def _one(cursor: Cursor, query: str) -> tuple[Any, ...]:
    cursor.execute(query)
    row = cursor.fetchone()
    if row is None:
        raise BatchRefused(f"no answer to {query}")
    return tuple(row)
