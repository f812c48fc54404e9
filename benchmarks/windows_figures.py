"""The pieces of work that the windows' benchmark measures, what each cost, and the figures that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from figures import Figure
from row_bytes import BYTES_A_ROW
from windows_meter import Spent
from windows_models import CUMULATIVE, WINDOWS, Increment, Stored

SYMBOLS_TO_BE = 80_000  # with 20 years each: 400M daily rows
GIGABYTE = 1e9
LEAST_ROWS_A_SYMBOL = 1_000

TIMES_COPY_SQL = 3.5
TIMES_COPY_MODELS = 12
GROWTH = 1.2
# With fewer rows the start of dbt is most of what the models cost, and says nothing of them.
LEAST_ROWS_OF_MODELS = 10_000_000
LEAST_ROWS_TO_EXTRAPOLATE = 40_000_000
# Of each symbol a Monday completes a window, goes on with one (each is deleted and inserted anew) and begins a third;
# the completed one has a cumulative row.
WRITTEN_A_SYMBOL = {WINDOWS: 5, CUMULATIVE: 1}
MICRO = 1e-6


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

    @property
    def cpu_a_further_row(self) -> float:
        """Of Postgres, for each window and cumulative row that the day of all symbols wrote beyond a day of few.

        Thus without what a build costs whatever has changed, which is most of a small day.
        """
        further = _written(self.day) - max(map(_written, self.few_days))
        return (self.day.spent.postgres - self.few_cpu) / further if further > 0 else float("nan")

    @property
    def strayed(self) -> int:
        """Rows that the day of all symbols wrote beyond what it changed, or did not write."""
        return sum(abs(self.day.written.get(name, 0) - rows * self.symbols) for name, rows in WRITTEN_A_SYMBOL.items())


def _written(day: Increment) -> int:
    return sum(day.written.get(name, 0) for name in WRITTEN_A_SYMBOL)


def figures(works: Mapping[Work, Spent], small: Size, large: Size, stored: Mapping[str, Stored]) -> list[Figure]:
    copy, start = works[Work.COPY].postgres, works[Work.START]
    models = works[Work.MODELS]
    grown = f"{large.rows / 1e6:.1f}M rows stored over {small.rows / 1e6:.1f}M"
    return [
        Figure("SQL alone over COPY", works[Work.SQL].postgres / copy, "at most", TIMES_COPY_SQL, "x"),
        *(
            [
                Figure(
                    "dbt models whole, all that they cost, over COPY",
                    models.cpu / copy,
                    "at most",
                    TIMES_COPY_MODELS,
                    "x",
                )
            ]
            if models.rows >= LEAST_ROWS_OF_MODELS
            else []
        ),
        Figure(
            "dbt models whole, without a build of no bars, over COPY",
            (models.cpu - start.cpu) / copy,
            "at most",
            TIMES_COPY_MODELS,
            "x",
        ),
        Figure(f"increment: days of few symbols, {grown}", large.few_cpu / small.few_cpu, "at most", GROWTH, "x"),
        Figure(
            "a day of all symbols: rows written that it did not change", small.strayed + large.strayed, "at most", 0, ""
        ),
        *(
            Figure(f"a row of {name} in all", stored[name].bytes_a_row, "at most", limit, "B")
            for name, limit in BYTES_A_ROW.items()
        ),
    ]


def without_limit(works: Mapping[Work, Spent], large: Size) -> str:
    """What is told and held to nothing."""
    models, copy = works[Work.MODELS], works[Work.COPY].postgres
    lines = [
        f"a day of all symbols: {large.cpu_a_further_row / MICRO:.0f} us of Postgres for each row written "
        "beyond those of a day of few",
    ]
    if models.rows < LEAST_ROWS_OF_MODELS:
        lines.append(
            f"dbt models whole, all that they cost, over COPY: {models.cpu / copy:.1f} x; held to {TIMES_COPY_MODELS} "
            f"from {LEAST_ROWS_OF_MODELS:,} rows on"
        )
    return "\n".join(["without a limit", *(f"  {each}" for each in lines)])


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


def table_lines(stored: Mapping[str, Stored], seconds: Mapping[str, float], symbols: int, rows: int) -> str:
    """What each table that grows with the weeks takes, and how long it was built. `rows`: bars that were measured; from
    few of them it is not said what a table will take with all symbols."""
    is_enough = rows >= LEAST_ROWS_TO_EXTRAPOLATE
    stored = {name: table for name, table in stored.items() if table.rows >= LEAST_ROWS_A_SYMBOL * symbols}
    width = max(map(len, stored))
    head = f"{'table':<{width}}  {'rows':>10} {'B a row':>8} {f'GB at {SYMBOLS_TO_BE:,}':>12} {'built, wall s':>13}"
    lines = [
        f"{name:<{width}}  {table.rows:>10,} {table.bytes_a_row:>8.1f} "
        + (f"{table.total_bytes / symbols * SYMBOLS_TO_BE / GIGABYTE:>12.1f}" if is_enough else f"{'-':>12}")
        + f" {seconds.get(name, 0):>13.1f}"
        for name, table in stored.items()
    ]
    return "\n".join([head, *lines])
