"""The pieces of work that the windows' benchmark measures, what each cost, and the figures that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from figures import Figure
from windows_meter import Spent
from windows_models import CUMULATIVE, WINDOWS, Increment, Stored

SYMBOLS_TO_BE = 80_000  # with 20 years each: 400M daily rows
GIGABYTE = 1e9
LEAST_ROWS_A_SYMBOL = 1_000

TIMES_COPY_SQL = 3.5
TIMES_COPY_MODELS = 12
GROWTH = 1.2
BYTES_A_ROW = {WINDOWS: 215, CUMULATIVE: 224}  # what was measured when they were set, and 5%


class Work(StrEnum):
    """By the name that the table prints."""

    COPY = "binary COPY of the bars, no key"
    SQL = "SQL alone, two measures"
    MODELS = "dbt models, whole"
    START = "  of that a build of no bars"
    DUCKDB = "DuckDB, two measures"
    POLARS = "Polars, two measures"
    SCANS = "2020: a scan a window, extrapolated"


@dataclass(frozen=True)
class Size:
    """What was measured with so many rows stored. `day`: a new day of all `symbols`; `few_days`: days of few symbols,
    of the same number at each size."""

    rows: int
    symbols: int
    day: Increment
    few_days: Sequence[Increment]

    @property
    def few_cpu(self) -> float:
        """Of Postgres: dbt's own is the same at each size, and more than what is looked for. The least of the days:
        what others took beyond it is the machine's."""
        return min(each.spent.postgres for each in self.few_days)


def figures(works: Mapping[Work, Spent], small: Size, large: Size, stored: Mapping[str, Stored]) -> list[Figure]:
    copy, start = works[Work.COPY].postgres, works[Work.START]
    models = works[Work.MODELS].cpu - start.cpu
    grown = f"{large.rows / 1e6:.1f}M rows stored over {small.rows / 1e6:.1f}M"
    return [
        Figure("SQL alone over COPY", works[Work.SQL].postgres / copy, "at most", TIMES_COPY_SQL, "x"),
        Figure(
            "dbt models whole, without a build of no bars, over COPY", models / copy, "at most", TIMES_COPY_MODELS, "x"
        ),
        Figure(f"increment: days of few symbols, {grown}", large.few_cpu / small.few_cpu, "at most", GROWTH, "x"),
        *(
            Figure(f"a row of {name} in all", stored[name].bytes_a_row, "at most", limit, "B")
            for name, limit in BYTES_A_ROW.items()
        ),
    ]


def cost_table(works: Mapping[Work, Spent]) -> str:
    """A line a piece of work. Client: dbt, or the peer."""
    width = max(map(len, works))
    copy = works[Work.COPY].cpu / works[Work.COPY].rows
    head = f"{'CPU seconds':<{width}}  {'rows':>10} {'wall s':>8} {'client':>8} {'Postgres':>8} "
    head += f"{'over COPY':>9} {'WAL MB':>8}"
    lines = [
        f"{name:<{width}}  {spent.rows:>10,} {spent.wall:>8.1f} {spent.client:>8.2f} {spent.postgres:>8.2f} "
        + (f"{spent.cpu / spent.rows / copy:>9.2f}" if spent.rows else " " * 9)
        + f" {spent.wal_bytes / 1e6:>8.1f}"
        for name, spent in ((each, works[each]) for each in Work if each in works)
    ]
    return "\n".join([head, *lines])


def increment_lines(size: Size) -> str:
    """What a day cost, and which rows it wrote."""
    lines = [f"a new day with {size.rows:,} rows stored"]
    for symbols, each in [(size.symbols, size.day), *((None, few) for few in size.few_days)]:
        of = f"all {symbols:,} symbols" if symbols else "few symbols"
        written = ", ".join(f"{name} {rows:,}" for name, rows in sorted(each.written.items()))
        lines.append(
            f"  {of}: Postgres {each.spent.postgres:.2f} s, dbt {each.spent.client:.2f} s, "
            f"WAL {each.spent.wal_bytes / 1e6:.1f} MB; rows written: {written or 'none'}"
        )
    return "\n".join(lines)


def table_lines(stored: Mapping[str, Stored], seconds: Mapping[str, float], symbols: int) -> str:
    """What each table that grows with the weeks takes, and will take with all symbols, and how long it was built."""
    stored = {name: table for name, table in stored.items() if table.rows >= LEAST_ROWS_A_SYMBOL * symbols}
    width = max(map(len, stored))
    head = f"{'table':<{width}}  {'rows':>10} {'B a row':>8} {f'GB at {SYMBOLS_TO_BE:,}':>12} {'built, wall s':>13}"
    lines = [
        f"{name:<{width}}  {table.rows:>10,} {table.bytes_a_row:>8.1f} "
        f"{table.total_bytes / symbols * SYMBOLS_TO_BE / GIGABYTE:>12.1f} {seconds.get(name, 0):>13.1f}"
        for name, table in stored.items()
    ]
    return "\n".join([head, *lines])
