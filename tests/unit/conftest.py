"""What several unit tests need: a web server with a script, and retries without their pauses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripted_server import Line, ScriptedServer, Serve


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that gives the lines (bytes: the body of a good reply) in turn; stops it after the test."""
    servers: list[ScriptedServer] = []

    def start(*script: Line | bytes) -> ScriptedServer:
        servers.append(ScriptedServer(*script))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Retries without their pauses; the list says how many seconds each would have been."""
    slept: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", slept.append)
    return slept
