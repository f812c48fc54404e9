"""Prints, as a JSON list, the `spark-submit` call of the DAG stream_prices, without what follows the program's name.

Its argument: how many full answers the job would have before it, which decides how its JVM starts.

A process of its own: loading a DAG takes Airflow, and the variables that it reads at its start.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping

from dag_tasks import task_of

from hedge_master.ingestion.topics import PRICE_HISTORY
from hedge_master.orchestration.spark_driver import driver_options
from hedge_master.orchestration.wiring import DRIVER_OPTIONS

DAG_ID = "stream_prices"
LONGEST_SECONDS = 120


def submit_command(environ: Mapping[str, str], full_answers: int) -> list[str]:
    """What Airflow would call in that environment for so many messages to read. Raises CalledProcessError where the
    DAG does not load."""
    told = subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, __file__, str(full_answers)],
        env=environ,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    command: list[str] = json.loads(told.stdout.splitlines()[-1])
    return command


def _command(full_answers: int) -> list[str]:
    task = task_of(DAG_ID, "merge_prices")
    task.application_args = []
    task.conf[DRIVER_OPTIONS] = driver_options({PRICE_HISTORY.name: full_answers})
    command: list[str] = task._get_hook()._build_spark_submit_command(task.application)
    return command


if __name__ == "__main__":
    print(json.dumps(_command(int(sys.argv[1]))))
