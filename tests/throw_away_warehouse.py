"""A PostgreSQL server of a test's own, with the migrated warehouse and its roles, in a temporary folder."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2

from free_ports import free_ports
from hedge_master.settings import Settings, load_settings

if TYPE_CHECKING:
    from hedge_master.local_stack.stack import Stack

DEADLINE_SECONDS = 60


@contextmanager
def throw_away_warehouse(home: Path) -> Iterator[Settings]:
    """Its settings; the server listens on a free port and is stopped again by its process id."""
    from hedge_master.local_stack import postgres
    from hedge_master.local_stack.environment import load_environment
    from hedge_master.local_stack.folders import Folders
    from hedge_master.local_stack.stack import Stack
    from hedge_master.warehouse.migrate import migrate

    own = {name: value for name, value in os.environ.items() if not name.startswith(("HM_", "DBT_"))}
    own |= {"HM_HOME": str(home), "HM_POSTGRES_PORT": str(free_ports(1)[0])}
    environ = load_environment(own, dotenv=home / "no.env", create_secrets=True)
    stack = Stack(load_settings(environ), environ, Folders(home))
    postgres.prepare(stack)
    with (home / "postgres.log").open("w") as log:
        server = subprocess.Popen(postgres.server_command(stack), stdout=log, stderr=log)
    try:
        _wait_for(stack, server, home / "postgres.log")
        postgres.ensure_roles_and_databases(stack)
        migrate(stack.settings)
        yield stack.settings
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(DEADLINE_SECONDS)


def _wait_for(stack: Stack, server: subprocess.Popen[bytes], log: Path) -> None:
    from hedge_master.local_stack import postgres

    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            if postgres.answers(stack):
                return
        except psycopg2.OperationalError:
            time.sleep(0.1)
    raise AssertionError(f"PostgreSQL did not answer: {log.read_text()[-2000:]}")
