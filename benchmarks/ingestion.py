"""How well ingestion uses what it pays for: `.venv/bin/python benchmarks/ingestion.py [--quick]`.

Starts a PostgreSQL, a Kafka and a payload server of its own in a temporary folder, publishes full histories of 1,000
and (not with --quick) 10,000 symbols at 1,200 calls a minute, plans over 80,000 symbols, and prints a line a figure.
Takes 5 minutes, without --quick 22, and 3 GB of disk. Exit code 1 where a figure misses its limit.
See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path

from figures import Figure, table
from make_payloads import make
from planning import planning_seconds
from publishing import Bench
from publishing_task import DAY
from running import end_as_ctrl_c, say
from services import broker, warehouse

from hedge_master.settings import Settings

FEW, MANY = 1_000, 10_000
WARM_UP = 10  # a broker's first producer of all waits for seconds, until a coordinator has been made
TEMPLATES = 8
FAULTS = "rate=0.05,seed=7,kinds=transient"
KILLS = 3
NOISE_MEGABYTES = 25  # two runs of the same size differ by as much


def publishing_figures(bench: Bench, quick: bool) -> list[Figure]:
    """Budget, memory and calls. Megabytes are those above a task that does nothing."""
    empty = bench.empty_task_megabytes()
    say(f"an empty task: {empty:.0f} MB at its peak")
    bench.run("warm-up", WARM_UP)
    figures = []
    for symbols in (FEW,) if quick else (FEW, MANY):
        plain = bench.run(f"publish-{symbols}", symbols)
        say(f"{symbols:,} symbols: {plain}")
        figures += [
            Figure(f"share of the budget used, {symbols:,} symbols", plain.budget_share, "at least", 0.95, ""),
            Figure(f"peak memory, {symbols:,} symbols", plain.peak_megabytes - empty, "at most", 150, "MB"),
        ]
    if not quick:
        growth = figures[-1].measured - figures[1].measured
        figures.append(Figure(f"memory of {MANY:,} beyond {FEW:,} symbols", growth, "at most", NOISE_MEGABYTES, "MB"))
    killed = bench.run("kills", FEW, FAULTS, KILLS)
    say(f"{FEW:,} symbols, faults and kills: {killed}")
    return [
        *figures,
        Figure("peak memory, resumed after a kill", killed.peak_megabytes - empty, "at most", 150, "MB"),
        Figure("calls bought per answer, 5% faults, 3 kills", killed.calls_per_answer, "at most", 1.08, ""),
    ]


def planning_figures(settings: Settings) -> list[Figure]:
    say("planning")
    return [Figure(name, seconds, "at most", 2.0, "s") for name, seconds in planning_seconds(settings).items()]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{FEW:,} symbols only")
    quick = parser.parse_args(argv).quick
    end_as_ctrl_c()
    with ExitStack() as opened:
        home = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="hm-benchmark-")))
        make(home / "payloads", FEW if quick else MANY, TEMPLATES, date.fromisoformat(DAY))
        stack = opened.enter_context(warehouse(home / "postgres")).stack
        # First, since its warehouse has to be empty.
        planning = planning_figures(stack.settings)
        kafka_servers = opened.enter_context(broker(home / "kafka")).servers
        figures = [*publishing_figures(Bench(stack, kafka_servers, home / "payloads", home), quick), *planning]
    print(table(figures))
    return 0 if all(figure.passes for figure in figures) else 1


if __name__ == "__main__":
    raise SystemExit(main())
