"""The services that a benchmark needs, in a temporary folder and on free ports, stopped again by their process id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from hedge_master.ingestion.topics import ensure_topics
from hedge_master.local_stack import kafka, postgres
from hedge_master.local_stack.environment import load_environment
from hedge_master.local_stack.folders import Folders
from hedge_master.local_stack.ports import listens
from hedge_master.local_stack.programs import log_tail
from hedge_master.local_stack.stack import Stack
from hedge_master.settings import load_settings
from hedge_master.warehouse.migrate import migrate

DEADLINE_SECONDS = 90
PAYLOAD_SERVER = Path(__file__).with_name("payload_server.py")


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, no two the same."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def stack_in(home: Path, **chosen: str) -> Stack:
    """A stack of that folder whose settings are `chosen` alone: HM_ variables of the caller do not count."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("HM_", "DBT_", "AIRFLOW"))}
    environ = load_environment(own | {"HM_HOME": str(home)} | chosen, dotenv=home / "no.env", create_secrets=True)
    return Stack(load_settings(environ), environ, Folders(home))


@dataclass(frozen=True)
class Warehouse:
    """A PostgreSQL server by its stack and its process id."""

    stack: Stack
    pid: int


@dataclass(frozen=True)
class Broker:
    """A Kafka by its addresses (HOST:PORT) and its process id."""

    servers: str
    pid: int


@contextmanager
def warehouse(home: Path) -> Iterator[Warehouse]:
    """A PostgreSQL server with the migrated warehouse, its roles and databases."""
    stack = stack_in(home, HM_POSTGRES_PORT=str(free_ports(1)[0]))
    with postgres_server(stack) as pid:
        postgres.ensure_roles_and_databases(stack)
        migrate(stack.settings)
        yield Warehouse(stack, pid)


@contextmanager
def postgres_server(stack: Stack, *options: str) -> Iterator[int]:
    """The stack's PostgreSQL, made where it is not there yet, with `-c` options beside its own; its process id."""
    postgres.prepare(stack)

    def answers() -> bool:
        try:
            return postgres.answers(stack)
        except psycopg2.OperationalError:
            return False

    command = (*postgres.server_command(stack), *(word for option in options for word in ("-c", option)))
    with running(command, stack.folders.home / "postgres.log", answers, signal.SIGINT) as pid:
        yield pid


@contextmanager
def broker(home: Path) -> Iterator[Broker]:
    """A Kafka with our topics."""
    ports = free_ports(2)
    stack = stack_in(home, HM_KAFKA_PORT=str(ports[0]), HM_KAFKA_CONTROLLER_PORT=str(ports[1]))
    kafka.prepare(stack)
    started = running(kafka.server_command(stack), home / "kafka.log", lambda: kafka.answers(stack), signal.SIGTERM)
    with started as pid:
        ensure_topics(stack.settings)
        yield Broker(stack.settings.kafka_servers, pid)


@contextmanager
def payload_server(folder: Path, log: Path, *options: str) -> Iterator[str]:
    """The payloads of `folder` (see payload_server.py for the options); its address."""
    (port,) = free_ports(1)
    command = (sys.executable, str(PAYLOAD_SERVER), str(folder), "--port", str(port), *options)
    with running(command, log, lambda: listens(port), signal.SIGTERM):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(command: Sequence[str], log: Path, answers: Callable[[], bool], stop: signal.Signals) -> Iterator[int]:
    """A server by its command, from the moment that it answers; its process id. RuntimeError where it never does."""
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, cwd=log.parent)  # noqa: S603 (our own command)
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not answers():
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{Path(command[0]).name} does not answer:\n{log_tail(log)}")
            time.sleep(0.1)
        yield server.pid
    finally:
        server.send_signal(stop)
        server.wait(DEADLINE_SECONDS)
