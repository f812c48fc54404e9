"""A real broker and a real sample market server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from free_ports import free_ports
from hedge_master.ingestion.topics import ensure_topics
from hedge_master.local_stack import kafka
from hedge_master.local_stack.environment import load_environment
from hedge_master.local_stack.folders import Folders
from hedge_master.local_stack.stack import Stack
from hedge_master.sample_market.clock_client import ClockUnavailable, clock
from hedge_master.sample_market.sessions import load_sessions
from hedge_master.settings import REPO_ROOT, Settings, load_settings

DEADLINE_SECONDS = 90
KEPT_SESSIONS = REPO_ROOT / ".build" / "test_sessions"  # building twenty calendars takes seconds


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


@pytest.fixture(scope="module")
def open_market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Settings]]:
    """Starts sample market servers without real prices: `open_market(HM_...=...)` gives the settings of one."""
    servers: list[subprocess.Popen[bytes]] = []
    load_sessions(KEPT_SESSIONS)

    def start(**chosen: str) -> Settings:
        home = tmp_path_factory.mktemp("market")
        shutil.copytree(KEPT_SESSIONS, home / "sample_market")
        own = {name: value for name, value in os.environ.items() if not name.startswith("HM_")}
        own |= {"HM_HOME": str(home), "HM_SAMPLE_MARKET_PORT": str(free_ports(1)[0])} | chosen
        settings = load_settings(own)
        command = [sys.executable, "-m", "hedge_master.sample_market", "--without-real-prices"]
        with (home / "market.log").open("w") as log:
            servers.append(subprocess.Popen(command, env=own, stdout=log, stderr=log))
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            assert servers[-1].poll() is None, (home / "market.log").read_text()[-2000:]
            assert time.monotonic() < deadline, (home / "market.log").read_text()[-2000:]
            try:
                clock(settings.sample_market_url)
            except ClockUnavailable:
                time.sleep(0.1)
            else:
                return settings

    yield start
    for server in servers:
        server.terminate()
        server.wait(DEADLINE_SECONDS)
