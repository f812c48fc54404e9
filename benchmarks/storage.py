"""What a stored row takes: `.venv/bin/python benchmarks/storage.py [--quick]`.

Starts a PostgreSQL of its own in a temporary folder, merges histories of 20 years, then a day's compact answers, then
corrections, with the statements of the stream's own merge, and prints bytes per row and what 400M rows take. Takes half
a minute with 1M rows, without --quick 4 minutes with 10M. Exit code 1 where a figure misses its limit. See
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg2
from figures import Figure, table
from psycopg2.extensions import connection as Connection
from running import end_as_ctrl_c, say
from services import warehouse
from stream_messages import fill_reference

from hedge_master.ingestion.topics import DAILY_PRICES, PRICE_HISTORY, Topic
from hedge_master.local_stack import postgres
from hedge_master.sample_market.answers import COMPACT_ROWS
from hedge_master.warehouse.merge import Counts, merge_batch

ALL_SYMBOLS = 80_000
BARS = 5_040  # 20 years
ROWS_TO_BE = 400_000_000
FEW, MANY = 200, 2_000  # symbols with a history, spread over all that there are
AT_ONCE = 200  # messages of a batch: a million rows
DAY = date(2020, 6, 12)
GIGABYTE = 1e9

# One message a symbol, as the stream copies it: its newest bar is `skipped` weekdays before DAY, closes are `raised`.
STAGE = """
insert into {staging} (partition, kafka_offset, head, day, open, high, low, close, volume)
select 0, %(offset)s + message.place - 1, case when bar.back = 0 then json_build_object(
        'bytes', 1000000, 'symbol', message.symbol, 'requested_at', %(asked)s::timestamptz,
        'market_time', %(asked)s::timestamptz, 'market_date', %(asked)s::timestamptz::date
    ) end, bar.day,
    10 + bar.age / 7.0, 12 + bar.age / 7.0, 9 + bar.age / 7.0, 11 + bar.age / 7.0 + %(raised)s, 1000 * bar.age
from unnest(%(symbols)s) with ordinality as message (symbol, place)
cross join (
    select
        day::date, day::date - date '1990-01-01' as age, row_number() over (order by day desc) - 1 - %(skipped)s as back
    from generate_series(date %(last)s - 2 * %(bars)s, date %(last)s, interval '1 day') as day
    where extract(isodow from day) < 6
) as bar
where bar.back >= 0 and bar.back < %(bars)s
"""


@dataclass
class Store:
    """The warehouse that is filled; every delivery is newer than the one before."""

    merging: Connection
    admin: Connection
    offsets: dict[str, int] = field(default_factory=dict)
    moment: datetime = datetime(2020, 6, 13, 9, tzinfo=UTC)

    def deliver(
        self, topic: Topic, numbers: Sequence[int], bars: int, *, skipped: int = 0, raised: float = 0
    ) -> Counts:
        """Merge one answer for each symbol. RuntimeError where nothing came of it."""
        offset = self.offsets.get(topic.name, 0)
        self.moment = self.moment.replace(second=self.moment.second + 1)
        values = {
            "offset": offset,
            "symbols": [f"BENCH{number:05}" for number in numbers],
            "bars": bars,
            "skipped": skipped,
            "raised": raised,
            "last": DAY.isoformat(),
            "asked": self.moment,
        }
        with self.merging, self.merging.cursor() as cursor:
            cursor.execute(f"truncate {topic.staging}")
            cursor.execute(STAGE.format(staging=topic.staging), values)
            copied = cursor.rowcount
            counts = merge_batch(self.merging, topic, "benchmark", self.moment, copied)
        if counts is None or counts.delivered != copied:
            raise RuntimeError(f"{copied} rows were staged for {topic.name}, the merge says {counts}")
        self.offsets[topic.name] = offset + len(numbers)
        return counts

    def asked(self, query: str) -> tuple[Any, ...]:
        """The one row of an answer, as superuser and outside a transaction."""
        with self.admin.cursor() as cursor:
            cursor.execute(query)
            return tuple(cursor.fetchone() or ()) if cursor.description else ()

    def per_row(self, relation: str) -> dict[str, float]:
        """Bytes of heap, indexes and all for each row of a table or of its partitions, after a vacuum."""
        self.asked(f"vacuum (analyze) {relation}")
        (rows,) = self.asked(f"select count(*) from {relation}")  # noqa: S608 (names of our own)
        heap, indexes, everything = self.asked(
            f"""select sum(pg_relation_size(relid)), sum(pg_indexes_size(relid)), sum(pg_total_relation_size(relid))
            from (select relid from pg_partition_tree('{relation}') union select '{relation}'::regclass) as parts"""  # noqa: S608
        )
        return {"heap": float(heap) / rows, "indexes": float(indexes) / rows, "all": float(everything) / rows}


def figures(store: Store, symbols: int) -> list[Figure]:
    """Limits: what was measured when they were set, and 5%."""
    numbers = range(0, ALL_SYMBOLS, ALL_SYMBOLS // symbols)
    for first in range(0, symbols, AT_ONCE):
        # Without its newest bar, which the day brings.
        store.deliver(PRICE_HISTORY, numbers[first : first + AT_ONCE], BARS, skipped=1)
    say(f"{symbols * BARS:,} rows are stored")
    price = store.per_row("market.prices")
    store.asked("checkpoint")
    (before,) = store.asked("select pg_current_wal_insert_lsn()")
    day = store.deliver(DAILY_PRICES, numbers, COMPACT_ROWS)
    (wal,) = store.asked(f"select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '{before}')")
    corrected = store.deliver(DAILY_PRICES, numbers, COMPACT_ROWS, raised=0.5)
    say(f"a day brought {day.new:,} bars, then {corrected.changed:,} were corrected")
    revision = store.per_row("market.price_revisions")
    return [
        Figure("heap of a price", price["heap"], "at most", 115, "B"),
        Figure("its indexes", price["indexes"], "at most", 25, "B"),
        Figure("a price in all", price["all"], "at most", 140, "B"),
        Figure("400M prices", price["all"] * ROWS_TO_BE / GIGABYTE, "at most", 56, "GB"),
        Figure("a price that was replaced, in all", revision["all"], "at most", 177, "B"),
        Figure("WAL of a new bar, a day behind a checkpoint", float(wal) / day.new, "at most", 7_700, "B"),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{FEW * BARS:,} rows, not {MANY * BARS:,}")
    symbols = FEW if parser.parse_args(argv).quick else MANY
    end_as_ctrl_c()
    with ExitStack() as opened:
        home = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="hm-benchmark-")))
        stack = opened.enter_context(warehouse(home / "postgres")).stack
        url = stack.settings.required("warehouse_url")
        merging = opened.enter_context(closing(psycopg2.connect(url, options="-c timezone=UTC")))
        admin = opened.enter_context(closing(postgres.connect(stack, "warehouse")))
        fill_reference(merging, ALL_SYMBOLS, DAY)
        with admin.cursor() as cursor:  # its WAL would count as the day's
            cursor.execute("alter system set autovacuum = off")
            cursor.execute("select pg_reload_conf()")
        lines = figures(Store(merging, admin), symbols)
    print(table(lines))
    return 0 if all(each.passes for each in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
