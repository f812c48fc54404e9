"""Many calls at once, and what becomes of them when the first word is that no further one makes sense."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock, get_ident

import pytest

from hedge_master.alpha_vantage.budget import NoLimit
from hedge_master.alpha_vantage.client import AlphaVantageClient, Answer
from hedge_master.alpha_vantage.errors import AlphaVantageError
from hedge_master.ingestion.in_flight import InFlight
from scripted_server import Line, Serve

KEY_REFUSED = b'{"Error Message": "the parameter apikey is invalid or missing."}'


class Queue(NoLimit):
    """Two calls go out at once; whatever else is to go out waits until `opened`."""

    def __init__(self) -> None:
        self.opened = Event()
        self._first: set[int] = set()
        self._lock = Lock()

    def reserve(self, announce: Callable[[], None] | None = None) -> None:
        with self._lock:
            goes = get_ident() not in self._first and len(self._first) < 2
            self._first |= {get_ident()} if goes else set()
        assert goes or self.opened.wait(10)
        super().reserve(announce)


@pytest.mark.usefixtures("pauses")
def test_after_a_stop_nothing_goes_out_that_was_waiting_for_its_turn(serve: Serve) -> None:
    """Of five calls in flight one is refused for good and one is to be tried again; three wait for their first try."""
    server, queue = serve(Line(b"down", status=500), KEY_REFUSED), Queue()
    announced: list[str] = []
    ended: dict[str, AlphaVantageError | None] = {}

    def ask(client: AlphaVantageClient, symbol: str) -> Answer:
        return client.announcing(lambda: announced.append(symbol)).splits(symbol)

    with AlphaVantageClient(server.url, "ABC", queue) as client, InFlight(client, "ABCDE", ask, 5) as flight:
        for settled in flight:
            for symbol, call in settled:
                ended[symbol] = call.exception()  # type: ignore[assignment]
                flight.stop()
                queue.opened.set()

    assert len(server.asked) == 2
    assert sorted(announced) == sorted(ended)
    assert sorted((type(error).__name__, error.attempts) for error in ended.values() if error) == [
        ("CalledOff", 1),
        ("KeyRefused", 1),
    ]
    assert sorted(flight.waiting) == sorted(set("ABCDE") - set(ended))
