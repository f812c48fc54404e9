"""What the windows cost: `.venv/bin/python benchmarks/windows.py [--quick]`.

Starts a PostgreSQL of its own in a temporary folder, fills it with daily bars of 20 years, and measures CPU: a binary
COPY of the bars, two measures in SQL alone, the dbt models whole and after a new day, DuckDB, Polars, and a scan of all
bars for each window. 10M rows; --quick takes 1M and under 5 minutes, --symbols 8000 is 40M.
Exit code 1 where a figure misses its limit. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from figures import table
from psycopg2.extensions import connection as Connection
from running import end_as_ctrl_c, say
from services import warehouse
from windows_bars import LAST, WEEKS
from windows_figures import Size, Work, cost_table, figures, increment_lines, table_lines, without_limit
from windows_market import Market
from windows_meter import Meter, Spent
from windows_models import MARTS, WINDOWS, Increment, Models, Stored
from windows_peers import load_windows, peer_python, run_peer, write_closes
from windows_sql import agree, make_closes, scans, two_measures

from hedge_master.local_stack import postgres

QUICK_SYMBOLS, SYMBOLS = 200, 2_000
# Symbols of the smaller table that the increment is measured on too: 1M rows, or a tenth where there are not so many.
FEW_SYMBOLS, FEW_SHARE = 200, 10
FEW_DAYS = 4  # to the Friday
SCANNED_WEEKS = range(100, WEEKS, 200)  # windows of the 2020 way that are measured
PEER_WORKS = {Work.DUCKDB: "duckdb", Work.POLARS: "polars"}


@dataclass(frozen=True)
class Benchmark:
    """The parts of a run. `admin`: a superuser, outside a transaction."""

    market: Market
    models: Models
    meter: Meter
    admin: Connection
    folder: Path

    def stored(self, new: range) -> int:
        """Stores the histories of `new`; how many rows there are then."""
        self.market.store(new)
        with self.admin.cursor() as cursor:
            cursor.execute("vacuum (analyze) market.prices, market.symbols, market.splits")
            cursor.execute("select count(*) from market.prices")
            (rows,) = cursor.fetchone() or (0,)
        say(f"{rows:,} rows are stored")
        return int(rows)

    def days(self, every: range, few: range) -> tuple[Increment, list[Increment]]:
        """Builds after a Monday of all symbols, which completes a week, and after each of some days of few."""
        made = []
        for after, numbers in enumerate([every, *[few] * FEW_DAYS], start=3):
            day = LAST + timedelta(days=after)
            self.models.tend()
            rows = self.market.add_day(day, numbers)
            made.append(self.models.again())
            say(f"{day}: {rows:,} new bars")
        return made[0], made[1:]

    def peers(self, rows: int) -> dict[Work, Spent]:
        """Two measures without the models, each found to be what they say."""
        closes, ours = self.folder / "closes.parquet", f"{MARTS}.{WINDOWS}"
        found = {Work.SQL: two_measures(self.admin, self.meter, make_closes(self.admin))}
        say(f"SQL alone agrees within {agree(self.admin, ours, 'peer.two_measures'):.1e}")
        write_closes(self.admin, closes)
        python = peer_python()
        for work, peer in PEER_WORKS.items():
            found[work] = run_peer(python, peer, closes, self.folder / peer)
            load_windows(self.admin, f"peer.{peer}", self.folder / peer)
            say(f"{peer} agrees within {agree(self.admin, ours, f'peer.{peer}'):.1e}")
        starts = [LAST - timedelta(days=LAST.weekday() + 7 * weeks) for weeks in SCANNED_WEEKS]
        found[Work.SCANS] = scans(self.admin, self.meter, starts, rows).times((WEEKS - 1) / len(starts))
        return found


@dataclass(frozen=True)
class Result:
    """Costs, the increment with few and with many rows stored, and the tables built of the many."""

    works: dict[Work, Spent]
    small: Size
    large: Size
    stored: dict[str, Stored]
    seconds: dict[str, float]


def measured(benchmark: Benchmark, symbols: int) -> Result:
    every, few = range(symbols), range(min(FEW_SYMBOLS, symbols // FEW_SHARE))
    benchmark.market.begin(symbols)
    works = {Work.START: benchmark.models.start()}
    rows = benchmark.stored(few)
    benchmark.models.whole()
    small = Size(rows, len(few), *benchmark.days(few, few))
    benchmark.market.forget_days()
    rows = benchmark.stored(every[len(few) :])
    works[Work.COPY] = benchmark.market.copy_alone(every, benchmark.meter)
    works[Work.MODELS] = benchmark.models.whole().of_rows(rows)
    seconds = benchmark.models.seconds()
    stored = benchmark.models.stored()
    works |= benchmark.peers(rows)
    return Result(works, small, Size(rows, symbols, *benchmark.days(every, few)), stored, seconds)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="symbols", action="store_const", const=QUICK_SYMBOLS, help="1M rows, not 10M")
    size.add_argument("--symbols", type=int, help="5,000 rows each")
    parser.set_defaults(symbols=SYMBOLS)
    symbols = parser.parse_args(argv).symbols
    end_as_ctrl_c()
    with ExitStack() as opened:
        home = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="hm-benchmark-")))
        server = opened.enter_context(warehouse(home / "postgres"))
        admin = opened.enter_context(closing(postgres.connect(server.stack, "warehouse")))
        with admin.cursor() as cursor:  # its CPU would count as the models'
            cursor.execute("alter system set autovacuum = off")
            cursor.execute("select pg_reload_conf()")
        meter = Meter(server)
        settings = server.stack.settings
        benchmark = Benchmark(
            Market(settings.required("warehouse_url")),
            Models(settings, home / "dbt", admin, meter),
            meter,
            admin,
            home,
        )
        result = measured(benchmark, symbols)
    lines = figures(result.works, result.small, result.large, result.stored)
    print(
        cost_table(result.works),
        table_lines(result.stored, result.seconds, symbols, result.large.rows),
        increment_lines(result.small),
        increment_lines(result.large),
        table(lines),
        without_limit(result.works, result.large),
        sep="\n\n",
    )
    return 0 if all(each.passes for each in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
