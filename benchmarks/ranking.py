"""How fast the ranking answers: `.venv/bin/python benchmarks/ranking.py [--quick]`.

Starts a PostgreSQL of its own in a temporary folder, makes the tables and functions by the real dbt models, fills them
with drawn windows of 80,000 symbols and 1,043 weeks (33 GB, 8 minutes; --quick: 8,000 symbols, 3 minutes), and asks 20
questions. Exit code 1 where a figure misses its limit. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import psycopg2
from figures import Figure, table
from psycopg2.extensions import connection as Connection
from ranking_market import Market
from ranking_questions import QUESTIONS, ROWS, Question, chart_columns, plain_average, ranking, superset_query
from ranking_timing import Statement, Timing, answered, rows, timed, together
from ranking_warehouse import Filled, build, fill
from row_bytes import BYTES_A_ROW
from running import end_as_ctrl_c, say
from services import free_ports, postgres_server, stack_in

from hedge_master.local_stack.stack import Stack
from hedge_master.settings import REPO_ROOT

SYMBOLS, FEW_SYMBOLS = 80_000, 8_000
WEEKS = 1_043
BYTES = {f"marts.{name}": limit for name, limit in BYTES_A_ROW.items()}
ROUNDS, MORE_ROUNDS = 2, 5  # of 20 questions; more where the limit is tight
LOOK_BACKS_OF_SUPERSET = ("3 months", "1 year", "5 years", "20 years")
TOP = f"top {ROWS}"
GIGABYTE = 1e9


def first_asks(stack: Stack) -> dict[str, Timing]:
    """The first question to a server that has just started: with its files in the system's cache, and from the disk."""
    found = {}
    for name, is_cold in (("first ask after a restart", False), ("first ask after a restart, from the disk", True)):
        if is_cold:
            _forget_files(stack.folders.home)
        with postgres_server(stack), closing(_reader(stack)) as session:
            found[name] = timed(session, [_top(QUESTIONS[0])])
    return found


def _forget_files(folder: Path) -> None:
    """Takes the folder's files out of the system's cache; what is not yet on the disk cannot be taken out."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def warm_asks(session: Connection) -> dict[str, Timing]:
    """Each after a round that is not counted."""
    every = {
        TOP: [_top(question) for question in QUESTIONS],
        "with percentiles": [_top(question, with_percentiles=True) for question in QUESTIONS],
        "with changes of rank": [_top(question, with_rank_changes=True) for question in QUESTIONS],
        "with both": [_top(question, with_percentiles=True, with_rank_changes=True) for question in QUESTIONS],
        "Superset's table of 100 rows": [_superset_table(look_back) for look_back in LOOK_BACKS_OF_SUPERSET],
        "Superset's count of those ranked": [_superset_count(look_back) for look_back in LOOK_BACKS_OF_SUPERSET],
        "Superset's history of the first five": [_superset_history(look_back) for look_back in LOOK_BACKS_OF_SUPERSET],
    }
    found = {}
    for name, statements in every.items():
        timed(session, statements)
        found[name] = timed(session, statements, MORE_ROUNDS if name == TOP else ROUNDS)
        say(f"{name}: {found[name]}")
    return found


def _top(question: Question, **options: bool) -> Statement:
    return ranking(question, "*", top=ROWS, **options), question.values


def _superset_table(look_back: str) -> Statement:
    select = f"select {chart_columns('ranking')} from {{}} where rank is not null order by rank limit 100000"  # noqa: S608
    picked = {"look_back": [look_back], "length": [str(ROWS)]}
    return superset_query("volatility_ranking", select, picked), {}


def _superset_count(look_back: str) -> Statement:
    return superset_query("volatility_ranking", "select count(rank) from {}", {"look_back": [look_back]}), {}


def _superset_history(look_back: str) -> Statement:
    select = "select symbol, window_end, max(deviation) from {} where window_end is not null group by 1, 2"
    return superset_query("moving_deviation", select, {"look_back": [look_back]}), {}


def against_the_plain_average(session: Connection) -> tuple[float, Timing]:
    """The largest relative difference of a value over all questions, and how long the plain averages took.

    RuntimeError where the two rank other symbols, or the first hundred in another order.
    """
    columns = measures()
    worst = 0.0
    answers = []
    for question in QUESTIONS:
        statement = plain_average(question, columns[question.measure]), question.values
        expected, plain = answered(session, statement)
        answers.append(plain)
        answer = ranking(question, "symbol, value") + " where rank is not null order by rank"
        given = rows(session, (answer, question.values))
        top = rows(session, (ranking(question, "symbol", top=ROWS), question.values))
        if not expected:
            raise RuntimeError(f"{question}: nobody ranks")
        if dict(given).keys() != dict(expected).keys() or [row[0] for row in expected[:ROWS]] != [
            row[0] for row in top
        ]:
            raise RuntimeError(f"{question}: the ranking and the plain average rank other symbols")
        values = dict(given)
        worst = max(worst, *(abs(values[symbol] - value) / abs(value) for symbol, value in expected))
        say(f"{question}: {len(expected):,} rank, plain average {plain.took[0] / 1000:.1f} s")
    return worst, together(answers)


def measures() -> dict[str, str]:
    """Name of a measure -> column of the windows, as dbt's macro lists them."""
    macro = (REPO_ROOT / "dbt_project" / "macros" / "measures.sql").read_text("utf-8").partition("endmacro")[0]
    return dict(re.findall(r"'(\w+)': '(\w+)'", macro))


def sizes(session: Connection, filled: Filled) -> tuple[dict[str, float], float]:
    """Bytes of a row with its indexes, by table, and of the whole database."""
    a_row = {}
    for name, count in filled.rows.items():
        ((size,),) = rows(session, ("select pg_total_relation_size(%(name)s::regclass)", {"name": name}))
        a_row[name] = size / count
    ((whole,),) = rows(session, ("select pg_database_size(current_database())", {}))
    return a_row, float(whole)


def _reader(stack: Stack) -> Connection:
    """A session of the role that Superset has."""
    session = psycopg2.connect(stack.settings.required("warehouse_reader_url"), options="-c timezone=UTC")
    session.autocommit = True
    return session


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{FEW_SYMBOLS:,} symbols, not {SYMBOLS:,}")
    market = Market(FEW_SYMBOLS if parser.parse_args(argv).quick else SYMBOLS, WEEKS)
    end_as_ctrl_c()
    with tempfile.TemporaryDirectory(prefix="hm-benchmark-") as folder:
        needed = market.symbols * market.weeks * sum(BYTES.values())
        if shutil.disk_usage(folder).free < needed:
            raise SystemExit(f"{folder} has less than the {needed / GIGABYTE:.0f} GB that are needed")
        stack = stack_in(Path(folder) / "stack", HM_POSTGRES_PORT=str(free_ports(1)[0]))
        build(stack)
        filled = fill(stack, market)
        say(f"filled in {filled.seconds:.0f} s; load {os.getloadavg()[0]:.1f}")
        asked = first_asks(stack)
        with postgres_server(stack), closing(_reader(stack)) as session:
            asked |= warm_asks(session)
            load = os.getloadavg()[0]
            difference, asked["plain average, all its windows"] = against_the_plain_average(session)
            a_row, whole = sizes(session, filled)
    print(f"{os.cpu_count()} cores, load {load:.1f} when it had been asked")
    for name, timing in asked.items():
        print(f"{name:<42}{timing}")
    lines = [
        Figure(f"{TOP}: p95 of {len(QUESTIONS)} questions", asked[TOP].p95, "at most", 150, "ms"),
        Figure("with percentiles and changes of rank: p95", asked["with both"].p95, "at most", 600, "ms"),
        Figure("largest difference to the plain average", difference / 1e-12, "at most", 1000, "1e-12"),
        Figure(f"the fill of {market.symbols:,} symbols", filled.seconds / 60, "at most", 20, "min"),
        *(Figure(f"a row of {name}, in all", size, "at most", BYTES[name], "B") for name, size in a_row.items()),
        Figure("all on disk", whole / GIGABYTE, "at most", needed / GIGABYTE, "GB"),
    ]
    print(table(lines))
    return 0 if all(each.passes for each in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
