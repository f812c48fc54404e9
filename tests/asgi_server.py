"""An application behind a real socket, for what only a real connection shows: threads, timeouts, cut answers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from hedge_master.sample_market.connection import LOOPBACK, SERVED

DEADLINE_SECONDS = 30


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The address of `app`, which a thread of this process serves as the sample market is served, until the block ends.

    So the test holds the very objects that the server uses: limits, clocks, faults. What the server logs goes where
    the test's own logs go.
    """
    with socket.create_server((LOOPBACK, 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, **{**SERVED, "log_level": "warning", "log_config": None}))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="asgi-server")
        thread.start()
        try:
            deadline = time.monotonic() + DEADLINE_SECONDS
            while not server.started:
                assert thread.is_alive() and time.monotonic() < deadline, "the server did not start"
                time.sleep(0.01)
            yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(DEADLINE_SECONDS)
