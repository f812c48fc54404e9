"""HTTP answers that do not end well: late, or cut off with their connection.

ASGI has no word for a connection that ends before its answer. `CuttableProtocol` gives the application one: an
extension of the scope that closes the TCP connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from fastapi import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

# Never another: the server asks nobody who they are.
LOOPBACK = "127.0.0.1"
CUT = "hedge_master.cut_connection"
# How long a stopping server waits for answers that are under way.
GRACE_SECONDS = 5


class CuttableProtocol(H11Protocol):
    """uvicorn's protocol, whose scope lets the application close the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = _with_cut(self.app, transport.close)


def _with_cut(app: ASGIApp, cut: Callable[[], None]) -> ASGIApp:
    async def cuttable(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})[CUT] = cut
        await app(scope, receive, send)

    return cuttable


# How the sample market, and whatever stands in for it, is served: keywords of uvicorn.run and uvicorn.Config.
SERVED: Final[dict[str, Any]] = {
    "host": LOOPBACK,
    "http": CuttableProtocol,
    # No access log: it would write the caller's API key, which stands in the URL.
    "access_log": False,
    "log_level": "info",
    # No Date header of uvicorn's: the application sets it, to the market clock.
    "date_header": False,
    "timeout_graceful_shutdown": GRACE_SECONDS,
}


class LateResponse(Response):
    """The response, after some seconds."""

    def __init__(self, content: str, media_type: str, seconds: float) -> None:
        super().__init__(content, media_type=media_type)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(self._seconds)
        await super().__call__(scope, receive, send)


class CutResponse(Response):
    """Promises all of `content`, sends `sent` bytes of it (0: not even a head), and closes the connection."""

    def __init__(self, content: str, media_type: str, sent: int) -> None:
        super().__init__(content, media_type=media_type)
        self._sent = sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cut = scope.get("extensions", {}).get(CUT)
        if cut is None:
            raise RuntimeError(
                "only a server that runs with hedge_master.sample_market.connection.SERVED can cut a call"
            )
        if self._sent:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            part = bytes(self.body)[: self._sent]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        cut()
        # Until the server has noticed: it would complain of an application that returns without an answer.
        while (await receive())["type"] != "http.disconnect":
            pass
