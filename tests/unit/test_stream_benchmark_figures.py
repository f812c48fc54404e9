"""The stream's benchmark: whose CPU counts, which answers it publishes, and the figures that follow from costs."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from hedge_master.settings import REPO_ROOT

Load = Callable[[str], ModuleType]


@pytest.fixture
def benchmark() -> Iterator[Load]:
    """Imports a module of benchmarks/, which is no package."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REPO_ROOT / "benchmarks")
        yield importlib.import_module
        for name in set(sys.modules) - before:
            if getattr(sys.modules[name], "__file__", None) and str(REPO_ROOT / "benchmarks") in str(
                sys.modules[name].__file__
            ):
                sys.modules.pop(name)


def test_a_process_name_may_hold_spaces_and_parentheses(benchmark: Load) -> None:
    """utime 250, stime 50, and 100 + 0 of children that ended: 400 ticks of a hundredth of a second."""
    stat = "41 (a) b (c) S 7 41 41 0 -1 0 0 0 0 0 250 50 100 0 20 0 1 0 0 0 0"
    module = benchmark("process_cpu")
    assert module.parsed(stat) == module.Process(7, 400 / module.TICKS_A_SECOND)


def test_a_tree_is_all_below_its_root_but_the_servers(benchmark: Load) -> None:
    """1 started 2 (a server with the backend 3) and 4 (Spark's JVM with the worker 5); 9 is somebody else's."""
    module = benchmark("process_cpu")
    parents_and_seconds = {1: (0, 1.0), 2: (1, 2.0), 3: (2, 4.0), 4: (1, 8.0), 5: (4, 16.0), 9: (0, 32.0)}
    running = {number: module.Process(*each) for number, each in parents_and_seconds.items()}
    assert module.tree_seconds(running, 1, without={2}) == 1 + 8 + 16
    assert module.tree_seconds(running, 2) == 2 + 4
    with pytest.raises(KeyError):
        module.tree_seconds(running, 7)


def test_workers_that_their_parent_forgets_count_after_their_end(benchmark: Load) -> None:
    """5 forgets: its worker 6 had 3 seconds when it was last seen. 4 does not, and has what its child 7 spent."""
    module = benchmark("process_cpu")

    def running(**seconds: float) -> dict[int, object]:
        parents = {4: 1, 5: 4, 6: 5, 7: 4}
        return {int(name[1:]): module.Process(parents[int(name[1:])], each) for name, each in seconds.items()}

    forgotten = module.Forgotten(lambda number: number == 5)
    first = running(p4=1.0, p5=0.5, p6=3.0, p7=2.0)
    assert forgotten.look(first, first) == 0
    second = running(p4=3.5, p5=0.5)
    assert forgotten.look(second, second) == 3.0


def test_a_process_that_ignores_its_children_is_known(benchmark: Load) -> None:
    forgets = benchmark("process_cpu").forgets_children
    script = "import signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert forgets(process.pid)
        assert not forgets(os.getpid())
        process.communicate()
    assert not forgets(process.pid)  # it has ended


def test_the_answer_of_the_day_before_lacks_the_newest_bar_alone(benchmark: Load) -> None:
    """Of 102 bars, newest first, the 2nd to the 101st: with tomorrow's hundred, one bar is new."""
    module = benchmark("stream_messages")
    bars = {f"bar {number}": {"4. close": "1.0000"} for number in range(102)}
    full = json.dumps({"Meta Data": {"2. Symbol": "@SYMBOL@"}, module.SERIES: bars}, indent=4)
    before = json.loads(module.day_before(full))
    assert list(before[module.SERIES]) == [f"bar {number}" for number in range(1, 101)]
    assert before["Meta Data"] == {"2. Symbol": "@SYMBOL@"}


def test_templates_are_dealt_in_turn_and_carry_the_symbol(benchmark: Load) -> None:
    body = benchmark("stream_messages").dealt(["even @SYMBOL@", "odd @SYMBOL@"])
    assert [body(6), body(7)] == ["even BENCH00006", "odd BENCH00007"]


def test_other_bytes_hold_the_same_rows(benchmark: Load) -> None:
    answer = json.dumps({"a": {"b": "1.0000"}}, indent=4)
    other = benchmark("stream_messages").without_spaces(answer)
    assert other != answer
    assert json.loads(other) == json.loads(answer)


@pytest.fixture
def spent(benchmark: Load) -> dict[object, object]:
    """A million rows by each: 8 + 3 CPU-seconds for a first load, half a one for raw COPY, and so on."""
    module, costs = benchmark("stream_figures"), benchmark("stream_costs")

    def cost(client: float, postgres: float, wall: float = 1.0, wal: int = 0, batches: int = 1) -> object:
        whole, merge = costs.Cost(client, postgres, 0.25, wall), costs.Cost(0.1, postgres / 2, 0.0, wall / 2)
        return costs.Spent(1_000_000, batches, whole, merge, wal)

    work = module.Work
    return {
        work.FIRST: cost(8.0, 3.0),
        work.AGAIN: cost(1.0, 0.2),
        work.OTHER: cost(8.0, 2.0, wal=3_000_000, batches=2),
        work.RAW_COPY: cost(0.1, 0.5),
        work.SPARK_JDBC: cost(12.0, 8.0),
        work.CONNECT: cost(30.0, 14.0),
        work.EXECUTE_VALUES: cost(4.0, 6.5),
        work.GROWN: cost(9.0, 3.0),
        work.COLD: cost(11.0, 1.5),
        work.DAILY: cost(20.0, 5.0, wall=39.0),
    }


def test_each_limit_is_held_against_what_it_is_about(benchmark: Load, spent: dict[object, object]) -> None:
    lines = benchmark("stream_figures").figures(spent, 10_000_000)
    assert [(round(each.measured, 3), each.passes) for each in lines] == [
        (22.0, True),  # 11 over the 0.5 of Postgres alone
        (1.818, True),  # 20 over 11
        (4.0, True),
        (0.955, False),  # 10.5 over 11
        (0.109, False),  # 1.2 over 11
        (0.909, True),  # 10 over 11
        (1.5, False),  # 3 MB in two batches
        (1.091, True),  # 12 over 11
        (12.5, False),
        (39.0, True),
    ]


def test_the_costs_of_several_loads_add_up(benchmark: Load, spent: dict[object, object]) -> None:
    work = benchmark("stream_figures").Work
    twice = spent[work.OTHER] + spent[work.OTHER]  # type: ignore[operator]
    assert (twice.rows, twice.batches, twice.cost.cpu, twice.wal_bytes) == (2_000_000, 4, 20.0, 6_000_000)


def test_a_piece_of_work_is_a_line_with_its_phases(benchmark: Load, spent: dict[object, object]) -> None:
    module = benchmark("stream_figures")
    lines = module.cost_table({module.Work.FIRST: spent[module.Work.FIRST]}).splitlines()
    assert " ".join(lines[-1].split()) == (
        "first load, warm, empty table 1,000,000 1.0 8.00 3.00 0.25 9.40 1.60 90,909 0.0"
    )
