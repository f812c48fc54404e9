"""What the stream costs from Kafka to Postgres, against its peers: `.venv/bin/python benchmarks/stream.py [--quick]`.

Starts a PostgreSQL, a Kafka and a Spark of its own in a temporary folder, drives the job warm in one long-lived Spark
session, then its peers on the same rows, then the job cold from `spark-submit` to exit. Prints what each piece of work
cost and a line a figure. Exit code 1 where a figure misses its limit. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path

from figures import table
from running import end_as_ctrl_c, say
from stream_bench import FEW, MANY, StreamBench
from stream_figures import cost_table, figures

DAY = date(2020, 6, 12)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"{FEW.messages:,} full messages at a time, not {MANY.messages:,}; growth to {FEW.stored:,} rows",
    )
    size = FEW if parser.parse_args(argv).quick else MANY
    end_as_ctrl_c()
    with ExitStack() as opened:
        home = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="hm-benchmark-")))
        bench = opened.enter_context(StreamBench.started(home, DAY, size, say))
        bench.run_all()
    print(cost_table(bench.works))
    print()
    lines = figures(bench.works, size.stored)
    print(table(lines))
    return 0 if all(each.passes for each in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
