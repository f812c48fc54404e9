"""The processes of a torture: a Postgres and a Kafka that may be killed and come back on the same data and port."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil
import psycopg2
from confluent_kafka import KafkaException
from torture_driver import REPLY
from torture_points import Points

from free_ports import free_ports
from hedge_master.local_stack import kafka, postgres
from hedge_master.local_stack.environment import load_environment
from hedge_master.local_stack.folders import Folders
from hedge_master.local_stack.java import JAVA_HOME
from hedge_master.local_stack.stack import Stack
from hedge_master.settings import REPO_ROOT, load_settings

DEADLINE_SECONDS = 120
# A JVM that lives for minutes, of which several are needed, is not worth the second compiler.
QUICK_JVM = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}
HERE = Path(__file__).parent


def stack_in(home: Path, **chosen: str) -> Stack:
    """A stack of that folder whose settings are `chosen` alone."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("HM_", "DBT_", "AIRFLOW"))}
    environ = load_environment(own | {"HM_HOME": str(home)} | chosen, dotenv=home / "no.env", create_secrets=True)
    return Stack(load_settings(environ), environ, Folders(home))


class Service:
    """A server that is started, killed, and started again."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        answers: Callable[[], bool],
        stop: signal.Signals,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._command = command
        self._log = log
        self._answers = answers
        self._stop = stop
        self._environ = {**environ, **QUICK_JVM}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers. A process that ends again is started again: what a killed one left behind may
        still hold its memory or its port."""
        if self._process is None or self._process.poll() is not None:
            self.begin()
        self.wait()

    def wait(self) -> None:
        """Until it answers."""
        until = time.monotonic() + DEADLINE_SECONDS
        while not self.answers():
            assert time.monotonic() < until, f"{self._command[0]}: {self._log.read_text()[-2000:]}"
            if self._process is None or self._process.poll() is not None:
                self.begin()
            time.sleep(0.05)

    def begin(self) -> None:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, cwd=self._log.parent, env=self._environ
            )

    def answers(self) -> bool:
        try:
            return self._answers()
        except (psycopg2.OperationalError, KafkaException):
            return False

    def kill(self) -> int:
        """kill -9; returns the process id."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(DEADLINE_SECONDS)
        return self._process.pid

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self._stop)
            self._process.wait(DEADLINE_SECONDS)


def postgres_server(stack: Stack) -> Service:
    postgres.prepare(stack)
    log = stack.folders.home / "postgres.log"
    return Service(postgres.server_command(stack), log, lambda: postgres.answers(stack), signal.SIGINT)


def twin(stack: Stack, home: Path) -> Stack:
    """A stack whose stopped Postgres cluster, secrets and Kafka are those of `stack`, on a port of its own."""
    home.mkdir()
    shutil.copytree(stack.folders.data("postgres"), home / "postgres")
    shutil.copy(stack.folders.secrets_file, home)
    return stack_in(home, HM_POSTGRES_PORT=str(free_ports(1)[0]), HM_KAFKA_PORT=str(stack.settings.kafka_port))


def kafka_server(stack: Stack) -> Service:
    kafka.prepare(stack)
    log = stack.folders.home / "kafka.log"
    return Service(kafka.server_command(stack), log, lambda: kafka.answers(stack), signal.SIGTERM)


def job_environment(stack: Stack) -> dict[str, str]:
    """The environment in which the tests' programs find the job, themselves, Java and the stack."""
    paths = (REPO_ROOT / "plugins", REPO_ROOT / "spark_jobs", HERE.parent, HERE)
    return (
        stack.environ
        | QUICK_JVM
        | {
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "JAVA_HOME": str(JAVA_HOME),
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
    )


def begin_producer(stack: Stack, points: Points, log: Path, seed: int, number: int) -> subprocess.Popen[bytes]:
    """The producer of one round (see torture_producer.py)."""
    command = [sys.executable, str(HERE / "torture_producer.py"), str(seed), str(number), str(points.folder)]
    with log.open("a") as written:
        return subprocess.Popen(command, env=job_environment(stack), stdout=written, stderr=written)


class Driver:
    """A Spark driver that runs the job whenever it is told to (see torture_driver.py)."""

    def __init__(self, stack: Stack, points: Points, log: Path) -> None:
        self._replies: queue.Queue[dict[str, Any] | None] = queue.Queue()
        with log.open("a") as errors:
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / "torture_driver.py"), str(points.folder)],
                env=job_environment(stack),
                cwd=log.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        threading.Thread(target=self._listen, name="driver", daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(REPLY):
                self._replies.put(json.loads(line.removeprefix(REPLY)))
        self._replies.put(None)

    def begin(self, url: str, run_id: str) -> None:
        """Have it run the job once; `reply` tells the end."""
        stdin = self._process.stdin
        assert stdin is not None
        with suppress(BrokenPipeError):
            stdin.write(json.dumps({"url": url, "run_id": run_id}) + "\n")
            stdin.flush()

    def wait(self) -> None:
        """Until its Spark has begun."""
        begun = self.reply()
        assert begun == {"begun": True}, f"the driver did not start: {begun}"

    def run(self, url: str, run_id: str) -> dict[str, Any] | None:
        """The job once, to its end."""
        self.begin(url, run_id)
        return self.reply()

    def reply(self, seconds: float = DEADLINE_SECONDS) -> dict[str, Any] | None:
        """What the run told; None where the driver died. queue.Empty where nothing came in time."""
        return self._replies.get(timeout=seconds)

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self._process.pid)

    def java(self) -> psutil.Process:
        (found,) = (child for child in self.process.children() if "java" in child.name())
        return found

    def workers(self) -> list[psutil.Process]:
        """Python workers of Spark, else the daemon that begets them."""
        daemons = [child for child in self.java().children() if "python" in child.name()]
        return [worker for daemon in daemons for worker in daemon.children()] or daemons

    def close(self) -> None:
        """Ends what is left of it."""
        with suppress(psutil.NoSuchProcess):
            family = [self.process, *self.process.children(recursive=True)]
            for each in family:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            psutil.wait_procs(family, timeout=DEADLINE_SECONDS)
        self._process.wait(DEADLINE_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            _close(pipe)


def _close(pipe: IO[str] | None) -> None:
    if pipe is not None:
        with suppress(BrokenPipeError):
            pipe.close()
