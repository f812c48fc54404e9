"""A web server that plays its part line by line, for tests of whatever asks over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Line:
    """One reply. `headers` come on top of Date and Content-Length. `cut_after`: bytes of the body before the server
    hangs up. `silent`: it never answers at all, until the server stops.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    silent: bool = False


class ScriptedServer:
    """Gives the lines in turn, the last one for ever. `asked`: the parameters of each request, in order."""

    def __init__(self, *script: Line | bytes) -> None:
        lines = [line if isinstance(line, Line) else Line(line) for line in script]
        self.asked: list[dict[str, str]] = []
        asked, turn, stopped = self.asked, threading.Lock(), threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with turn:
                    asked.append(dict(parse_qsl(urlsplit(self.path).query)))
                    line = lines.pop(0) if len(lines) > 1 else lines[0]
                if line.silent:
                    stopped.wait()
                    return
                self.send_response_only(line.status)
                self.send_header("Date", line.headers.get("Date") or self.date_time_string())
                self.send_header("Content-Length", str(len(line.body)))
                for name, value in line.headers.items():
                    if name != "Date":
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(line.body[: line.cut_after])

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._stopped = stopped
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()


Serve = Callable[..., ScriptedServer]  # what the fixture `serve` is
