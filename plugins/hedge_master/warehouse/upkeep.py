"""What the warehouse lets go of, and what its planner has to be told.

Prices, what they were before a correction, splits, rates, batches and open rejections stay for ever. What goes is what
nothing asks for any more: see docs/decisions/0014.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from hedge_master.settings import Settings
from hedge_master.warehouse.merge import ONE_MERGE_AT_A_TIME

log = logging.getLogger(__name__)

AT_ONCE = 10_000  # rows a transaction: a merge waits for one, not for all
GROWTH = 1.2  # of the prices, until their statistics count as old


@dataclass(frozen=True)
class Outlived:
    """The rows `old` of a table of which `condition` holds, and its primary key (column -> type).

    A condition is also about `before`, the moment until which records are old enough to go. Where it asks the ledger,
    which has 29M lines, `offset 0` keeps the planner from reading all of it.
    """

    table: str
    key: Mapping[str, str]
    condition: str


# A line of the ledger is asked for by plans, which want the newest of its kind and outcome and every gap; by the merge,
# for messages that come late, which are younger than Kafka's retention (90 days) or else wait as a rejection; and by
# the check for lost messages, until it is merged.
CALLS = Outlived(
    "api_calls",
    {"request_id": "uuid"},
    """
    old.requested_at < %(before)s and old.outcome <> 'asked' and old.gap_after is null
    and exists (
        select from market.api_calls as newer
        where newer.symbol = old.symbol and newer.function = old.function
            and newer.outputsize is not distinct from old.outputsize and newer.outcome = old.outcome
            and newer.requested_at > old.requested_at
        offset 0
    )
    and not exists (
        select from market.rejections as refused
        where refused.symbol = old.symbol and refused.resolved_at is null and refused.closed_at is null
            and refused.requested_at <= old.requested_at
    )
    and (
        old.outcome <> 'published'
        or exists (
            select from market.ingest_offsets as merged
            where merged.topic = old.topic and merged.partition = old.partition
                and merged.next_offset > old.kafka_offset
        )
    )
    """,
)

# Known only where the answer itself is: by the ledger, by a rejection that may be driven again, as the newest.
PARTIAL_ANSWERS = Outlived(
    "partial_answers",
    {"topic": "text", "partition": "integer", "kafka_offset": "bigint", "requested_at": "timestamptz"},
    """
    old.requested_at < %(before)s
    and not exists (
        select from market.api_calls as calls
        where calls.requested_at = old.requested_at
            and (calls.topic, calls.partition, calls.kafka_offset) = (old.topic, old.partition, old.kafka_offset)
        offset 0
    )
    and not exists (
        select from market.answers
        where (answers.topic, answers.partition, answers.kafka_offset) = (old.topic, old.partition, old.kafka_offset)
    )
    and not exists (
        select from market.rejections as refused
        where (refused.topic, refused.partition, refused.kafka_offset) = (old.topic, old.partition, old.kafka_offset)
            and refused.resolved_at is null and refused.closed_at is null
    )
    """,
)

DONE_WITH = Outlived("rejections", {"rejection_id": "bigint"}, "coalesce(old.resolved_at, old.closed_at) < %(before)s")

# Autovacuum analyses each partition and never the table of all, whose statistics every join is planned with.
STATISTICS_AGE = """
select greatest(parent.reltuples, 0), (
    select coalesce(sum(greatest(parts.reltuples, 0)), 0)
    from pg_inherits inner join pg_class as parts on parts.oid = pg_inherits.inhrelid
    where pg_inherits.inhparent = parent.oid
)
from pg_class as parent
where parent.oid = 'market.prices'::regclass
"""


def prune(warehouse: Connection, settings: Settings, moment: datetime) -> dict[str, int]:
    """Delete what is older than the HM_KEEP_*_DAYS before `moment` and not asked for any more; table -> rows.

    Commits every AT_ONCE rows, so that it may be killed and begun again at any point. A merge waits for one such
    deletion at most: the rows are looked for without its lock, and looked at again with it.
    """
    ages = (
        (CALLS, settings.keep_calls_days),
        (PARTIAL_ANSWERS, settings.keep_calls_days),
        (DONE_WITH, settings.keep_resolved_days),
    )
    gone = {}
    for outlived, days in ages:
        gone[outlived.table] = _deleted(warehouse, outlived, moment - timedelta(days=days))
        log.info("market.%s: %d rows older than %d days were let go", outlived.table, gone[outlived.table], days)
    return gone


def refresh_statistics(warehouse: Connection) -> bool:
    """ANALYZE the prices as a whole where they have grown by a fifth since it was done last; whether it was.

    Before PostgreSQL 17 only the owner may: for another role nothing happens but a warning in the log.
    """
    with warehouse, warehouse.cursor() as cursor:
        known, stored = _prices_known(cursor)
        if stored <= GROWTH * known:
            return False
        cursor.execute("analyze market.prices")
        was_done = _prices_known(cursor)[0] != known
    if not was_done:
        log.warning(
            "the planner knows of %d prices where there are %d, and only the owner of the table may tell it: run "
            "`analyze market.prices` as the owner (docs/runbook.md, The warehouse's disk)",
            known,
            stored,
        )
    return was_done


def _prices_known(cursor: Cursor) -> tuple[float, float]:
    """How many prices the statistics of the whole speak of, and how many those of the partitions."""
    cursor.execute(STATISTICS_AGE)
    known, stored = cursor.fetchone() or (0, 0)
    return known, stored


def _deleted(warehouse: Connection, outlived: Outlived, before: datetime) -> int:
    rows = f"market.{outlived.table} as old"
    arrays = ", ".join(f"%({column})s::{kind}[]" for column, kind in outlived.key.items())
    matched = " and ".join(f"old.{column} = chosen.{column}" for column in outlived.key)
    # Looked at again: since they were chosen a rejection may have come that needs them.
    delete = f"""delete from {rows} using unnest({arrays}) as chosen ({", ".join(outlived.key)})
        where {matched} and {outlived.condition}"""  # noqa: S608 (our own names)
    count = 0
    with warehouse.cursor("outlived", withhold=True) as chosen:
        chosen.execute(f"select {', '.join(outlived.key)} from {rows} where {outlived.condition}", {"before": before})  # noqa: S608
        warehouse.commit()
        while keys := chosen.fetchmany(AT_ONCE):
            with _behind_merges(warehouse) as cursor:
                of_each_column = dict(zip(outlived.key, map(list, zip(*keys, strict=True)), strict=True))
                cursor.execute(delete, {"before": before} | of_each_column)
                count += cursor.rowcount
    return count


@contextmanager
def _behind_merges(warehouse: Connection) -> Iterator[Cursor]:
    """One transaction: a merge that reads the ledger sees all of it, as does the rejection that it leaves."""
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", (ONE_MERGE_AT_A_TIME,))
        yield cursor
