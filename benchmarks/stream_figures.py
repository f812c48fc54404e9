"""The pieces of work that the stream's benchmark measures, what each cost, and the figures that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from figures import Figure
from stream_costs import Spent

TIMES_RAW_COPY = 22
SHARE_AGAIN = 0.1
SHARE_OTHER = 1.0
WAL_MEGABYTES_OTHER = 1.0
GROWTH = 1.15
FIXED_CPU_SECONDS = 12
DAILY_SECONDS = 40


class Work(StrEnum):
    """By the name that the tables print."""

    FIRST = "first load, warm, empty table"
    AGAIN = "the same messages again"
    OTHER = "the same rows in other bytes"
    GROWN = "first load, warm, full table"
    RAW_COPY = "(a) raw binary COPY, no key"
    SPARK_JDBC = "(b) Spark's JDBC writer"
    SPARK_JDBC_KEYLESS = "    the same, no key"
    CONNECT = "(c) Kafka Connect, Debezium's sink"
    EXECUTE_VALUES = "(d) psycopg2, ON CONFLICT"
    COLD = "a cold run of one small message"
    DAILY = "the daily run, cold"


def figures(works: Mapping[Work, Spent], stored: int) -> list[Figure]:
    """`stored`: rows in the table when Work.GROWN began."""

    def share(part: Work, whole: Work) -> float:
        return works[part].cpu_a_row / works[whole].cpu_a_row

    # (a) reads nothing: the client hands over bytes that it has.
    raw_copy = works[Work.RAW_COPY].cost.postgres / works[Work.RAW_COPY].rows
    other = works[Work.OTHER]
    return [
        Figure("first load: CPU over (a)", works[Work.FIRST].cpu_a_row / raw_copy, "at most", TIMES_RAW_COPY, "x"),
        *(
            Figure(f"first load: rows per CPU-s over {peer.value[:3]}", share(peer, Work.FIRST), "at least", 1, "x")
            for peer in (Work.SPARK_JDBC, Work.CONNECT, Work.EXECUTE_VALUES)
        ),
        Figure("same messages again: CPU over first load", share(Work.AGAIN, Work.FIRST), "at most", SHARE_AGAIN, "x"),
        Figure(
            "same rows, other bytes: CPU over first load", share(Work.OTHER, Work.FIRST), "at most", SHARE_OTHER, "x"
        ),
        Figure(
            "same rows, other bytes: WAL a batch",
            other.wal_bytes / other.batches / 1e6,
            "at most",
            WAL_MEGABYTES_OTHER,
            "MB",
        ),
        Figure(
            f"CPU a row with {stored / 1e6:.0f}M rows stored over none",
            share(Work.GROWN, Work.FIRST),
            "at most",
            GROWTH,
            "x",
        ),
        Figure("fixed cost of a run: CPU", works[Work.COLD].cost.cpu, "at most", FIXED_CPU_SECONDS, "s"),
        Figure("daily run: spark-submit to exit", works[Work.DAILY].cost.wall, "at most", DAILY_SECONDS, "s"),
    ]


def cost_table(works: Mapping[Work, Spent]) -> str:
    """A line a piece of work. CPU of the client (Spark with its Python, or the peer instead) and of the servers."""
    width = max(map(len, works))
    head = f"{'':<{width}}  {'rows':>9} {'wall s':>7} {'client':>7} {'Postgres':>8} {'broker':>7}  "
    head += f"{'read..copy':>10} {'merge':>7}  {'rows/CPU-s':>10} {'WAL MB':>7}"
    lines = [f"{'CPU seconds':<{width}}", head]
    for name in (each for each in Work if each in works):
        spent, cost = works[name], works[name].cost
        lines.append(
            f"{name:<{width}}  {spent.rows:>9,} {cost.wall:>7.1f} {cost.client:>7.2f} {cost.postgres:>8.2f} "
            f"{cost.broker:>7.2f}  {cost.cpu - spent.merge.cpu:>10.2f} {spent.merge.cpu:>7.2f}  "
            f"{1 / spent.cpu_a_row:>10,.0f} {spent.wal_bytes / 1e6:>7.1f}"
        )
    return "\n".join(lines)
