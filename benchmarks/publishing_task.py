"""A task's process, as Airflow's own is, that tells its peak memory: publishes `RUN_ID SYMBOLS`, or does nothing.

It loads what Airflow's task process loads (the task runner, then the DAG file) and calls the body of the task
`publish_payloads` in a task's context, with connections from AIRFLOW_CONN_*. What is left out is the supervisor, which
is a process of its own. A last line of JSON on standard output: see `Told`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypedDict

from dag_tasks import task_of

DAG_ID = "backfill_price_history"
DAY = "2020-06-12"


class Told(TypedDict):
    """Peak of the resident memory in MB of 1,000,000 bytes, and the task's own report (None where it did nothing)."""

    peak_megabytes: float
    report: dict[str, int] | None


def load_task_process() -> Any:
    """What `airflow.sdk.execution_time.task_runner.parse` does before a task is run."""
    from airflow.sdk.execution_time import task_runner

    return task_of(DAG_ID, "publish_payloads"), task_runner


def publish(run_id: str, symbols: int) -> dict[str, int]:
    """The body of the task, for positions 0 to `symbols` of the plan `run_id`."""
    from airflow.sdk.execution_time.context import set_current_context

    from hedge_master.orchestration import tasks

    dag_id, _, run = run_id.partition("/")
    context: Any = {
        "dag_run": SimpleNamespace(dag_id=dag_id, run_id=run),
        "ti": SimpleNamespace(dag_id=dag_id, task_id="publish_payloads"),
    }
    with set_current_context(context):
        return tasks.publish(DAY, 0, symbols)


def peak_megabytes() -> float:
    """The most memory that this process ever had resident (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("/proc/self/status names no VmHWM: this benchmark needs Linux")


def main(argv: Sequence[str]) -> int:
    kept = load_task_process()  # the task process keeps them too
    report = publish(argv[0], int(argv[1])) if argv else None
    told: Told = {"peak_megabytes": peak_megabytes(), "report": report}
    print(json.dumps(told), flush=True)
    del kept
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
