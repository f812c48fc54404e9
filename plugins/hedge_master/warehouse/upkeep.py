"""What the warehouse lets go of, and what its planner has to be told.

Prices, what they were before a correction, splits, rates, batches and open rejections stay for ever. What goes is what
nothing asks for any more: see docs/decisions/0014.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from hedge_master.settings import Settings
from hedge_master.warehouse.merge import ONE_MERGE_AT_A_TIME

log = logging.getLogger(__name__)

AT_ONCE = 50_000  # rows a transaction: a merge waits for one, not for all
GROWTH = 1.2  # of the prices, until their statistics count as old

# Each takes `before`, a moment, and deletes at most `most` rows.
#
# A line of the ledger is asked for by plans, which want the newest of its kind and outcome and every gap; by the merge,
# for messages that come late, which are younger than Kafka's retention (90 days) or else wait as a rejection; and by
# the check for lost messages, until it is merged.
CALLS = """
delete from market.api_calls where ctid = any(array(
    select calls.ctid from market.api_calls as calls
    where calls.requested_at < %(before)s and calls.outcome <> 'asked' and calls.gap_after is null
        and exists (
            select from market.api_calls as newer
            where newer.symbol = calls.symbol and newer.function = calls.function
                and newer.outputsize is not distinct from calls.outputsize and newer.outcome = calls.outcome
                and newer.requested_at > calls.requested_at
        )
        and not exists (
            select from market.rejections as refused
            where refused.symbol = calls.symbol and refused.resolved_at is null and refused.closed_at is null
                and refused.requested_at <= calls.requested_at
        )
        and (
            calls.outcome <> 'published'
            or exists (
                select from market.ingest_offsets as merged
                where merged.topic = calls.topic and merged.partition = calls.partition
                    and merged.next_offset > calls.kafka_offset
            )
        )
    limit %(most)s
))
"""

# Known only where the answer itself is: by the ledger, by a rejection that may be driven again, as the newest.
PARTIAL_ANSWERS = """
delete from market.partial_answers as partial where partial.ctid = any(array(
    select old.ctid from market.partial_answers as old
    where old.requested_at < %(before)s
        and not exists (
            select from market.api_calls as calls
            where (calls.topic, calls.partition, calls.kafka_offset) = (old.topic, old.partition, old.kafka_offset)
        )
        and not exists (
            select from market.answers
            where (answers.topic, answers.partition, answers.kafka_offset)
                = (old.topic, old.partition, old.kafka_offset)
        )
        and not exists (
            select from market.rejections as refused
            where (refused.topic, refused.partition, refused.kafka_offset)
                = (old.topic, old.partition, old.kafka_offset)
                and refused.resolved_at is null and refused.closed_at is null
        )
    limit %(most)s
))
"""

# A reader that has not looked for so long finds older marks gone, and builds everything anew.
CHANGES = """
delete from market.changed_spans where ctid = any(array(
    select ctid from market.changed_spans where marked_at < %(before)s limit %(most)s
))
"""

DONE_WITH = """
delete from market.rejections where ctid = any(array(
    select ctid from market.rejections where coalesce(resolved_at, closed_at) < %(before)s limit %(most)s
))
"""

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

    Commits every AT_ONCE rows, so that it may be killed and begun again at any point, and waits for merges.
    """
    ages = {
        "api_calls": (CALLS, settings.keep_calls_days),
        "partial_answers": (PARTIAL_ANSWERS, settings.keep_calls_days),
        "changed_spans": (CHANGES, settings.keep_changes_days),
        "rejections": (DONE_WITH, settings.keep_resolved_days),
    }
    gone = {}
    for table, (statement, days) in ages.items():
        gone[table] = _deleted(warehouse, statement, moment - timedelta(days=days))
        log.info("market.%s: %d rows older than %d days were let go", table, gone[table], days)
    return gone


def refresh_statistics(warehouse: Connection) -> bool:
    """ANALYZE the prices as a whole where they have grown by a fifth since it was done last; whether it was.

    Before PostgreSQL 17 only the owner may: then nothing happens but a warning of the server.
    """
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(STATISTICS_AGE)
        known, stored = cursor.fetchone() or (0, 0)
        is_due = bool(stored > GROWTH * known)
        if is_due:
            cursor.execute("analyze market.prices")
    return is_due


def _deleted(warehouse: Connection, statement: str, before: datetime) -> int:
    count = 0
    while True:
        with _behind_merges(warehouse) as cursor:
            cursor.execute(statement, {"before": before, "most": AT_ONCE})
            count += cursor.rowcount
            if cursor.rowcount < AT_ONCE:
                return count


@contextmanager
def _behind_merges(warehouse: Connection) -> Iterator[Cursor]:
    """One transaction: a merge that reads the ledger sees all of it, as does the rejection that it leaves."""
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", (ONE_MERGE_AT_A_TIME,))
        yield cursor
