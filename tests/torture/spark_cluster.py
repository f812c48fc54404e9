"""A Spark standalone cluster of one master and two workers, from the programs in pyspark's own package."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from torture_services import Service, job_environment

from free_ports import free_ports
from hedge_master.local_stack.ports import listens
from hedge_master.local_stack.stack import Stack, installed_package
from hedge_master.settings import REPO_ROOT

WORKERS = 2
DEPLOY = "org.apache.spark.deploy"
JOB_SECONDS = 240


def spark_program(name: str) -> str:
    return str(installed_package("pyspark") / "bin" / name)


@contextmanager
def standalone(home: Path, stack: Stack) -> Iterator[str]:
    """Its address, spark://HOST:PORT; each worker has one core."""
    port, *worker_ports = free_ports(1 + WORKERS)
    master = f"spark://127.0.0.1:{port}"
    place = ("--host", "127.0.0.1", "--webui-port", "0")
    commands = {port: (f"{DEPLOY}.master.Master", *place, "--port", str(port))}
    for number, worker_port in enumerate(worker_ports):
        size = ("-c", "1", "-m", "640m", "--work-dir", str(home / f"worker-{number}"))
        commands[worker_port] = (f"{DEPLOY}.worker.Worker", *place, "--port", str(worker_port), *size, master)
    with ExitStack() as running:
        for listening, command in commands.items():
            server = Service(
                (spark_program("spark-class"), *command),
                home / f"spark-{listening}.log",
                lambda listening=listening: listens(listening),
                signal.SIGTERM,
                job_environment(stack),
            )
            running.callback(server.stop)
            server.begin()
            if listening == port:
                server.wait()  # a worker that comes before its master waits longer for it
        yield master


def submit(stack: Stack, master: str, run_id: str) -> str:
    """The job as Airflow submits it, on a master; what it wrote. It starts when both workers have joined."""
    confs = {
        "spark.ui.enabled": "false",
        "spark.executor.memory": "512m",
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
        "spark.cores.max": str(WORKERS),
        "spark.sql.shuffle.partitions": "2",
    }
    ended = subprocess.run(
        [
            *(spark_program("spark-submit"), "--master", master, "--driver-memory", "512m"),
            *("--jars", ",".join(map(str, sorted(stack.settings.spark_jars.glob("*.jar"))))),
            *(part for name, value in confs.items() for part in ("--conf", f"{name}={value}")),
            *(str(REPO_ROOT / "spark_jobs" / "stream_prices.py"), "--run-id", run_id),
        ],
        env=job_environment(stack) | {"PATH": os.environ["PATH"]},
        cwd=stack.folders.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=JOB_SECONDS,
    )
    assert ended.returncode == 0, ended.stdout[-5000:]
    return ended.stdout


def executors(home: Path) -> int:
    """How many executors the workers have run."""
    return len(list(home.glob("worker-*/app-*/*/stderr")))
