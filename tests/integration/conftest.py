"""A real broker for the publisher's tests."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from free_ports import free_ports
from hedge_master.ingestion.topics import ensure_topics
from hedge_master.local_stack import kafka
from hedge_master.local_stack.environment import load_environment
from hedge_master.local_stack.folders import Folders
from hedge_master.local_stack.stack import Stack
from hedge_master.settings import Settings, load_settings

DEADLINE_SECONDS = 90


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a throw-away Kafka with our topics; stopped again by its process id."""
    home = tmp_path_factory.mktemp("kafka")
    ports = free_ports(2)
    own = {name: value for name, value in os.environ.items() if not name.startswith("HM_")}
    own |= {"HM_HOME": str(home), "HM_KAFKA_PORT": str(ports[0]), "HM_KAFKA_CONTROLLER_PORT": str(ports[1])}
    environ = load_environment(own, dotenv=Path(home / "no.env"), create_secrets=True)
    stack = Stack(load_settings(environ), environ, Folders(home))
    kafka.prepare(stack)
    with (home / "kafka.log").open("w") as log:
        server = subprocess.Popen(kafka.server_command(stack), stdout=log, stderr=log, cwd=home)
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not kafka.answers(stack):
            assert server.poll() is None, (home / "kafka.log").read_text()[-2000:]
            assert time.monotonic() < deadline, (home / "kafka.log").read_text()[-2000:]
            time.sleep(0.2)
        ensure_topics(stack.settings)
        yield stack.settings
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(DEADLINE_SECONDS)
