"""The one loop of all who ask the API for many things: so many calls in flight, answers as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event
from types import TracebackType
from typing import Generic, Self, TypeVar

from hedge_master.alpha_vantage.client import AlphaVantageClient, Answer
from hedge_master.alpha_vantage.errors import CalledOff

ROUND_SECONDS = 1.0

Asked = TypeVar("Asked")


class InFlight(Generic[Asked]):
    """Asks for each of `waiting` in a thread of its own, at most `most` at once. A context manager to iterate once.

    Iterating gives, round by round, what was asked with its ended call; a round may be empty, and one comes at least
    every ROUND_SECONDS, for what else the caller looks after. What is added to `waiting` meanwhile is asked too.

    `ask` is given the client to use. After `stop`, and where the block ends with an error, no HTTP request goes out any
    more: what had begun and only waited for the budget goes back to `waiting`, which then holds all that was not asked;
    what waited for another try ends as CalledOff.
    """

    def __init__(
        self,
        client: AlphaVantageClient,
        waiting: Iterable[Asked],
        ask: Callable[[AlphaVantageClient, Asked], Answer],
        most: int,
    ) -> None:
        self.waiting = deque(waiting)
        self._stopped = Event()
        self._client = client.until(self._stopped.is_set)
        self._ask = ask
        self._most = most
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="alpha-vantage")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._pool.shutdown(cancel_futures=True)

    def stop(self) -> None:
        self._stopped.set()

    def __iter__(self) -> Iterator[list[tuple[Asked, Future[Answer]]]]:
        flying: dict[Future[Answer], Asked] = {}
        while True:
            while self.waiting and not self._stopped.is_set() and len(flying) < self._most:
                asked = self.waiting.popleft()
                flying[self._pool.submit(self._ask, self._client, asked)] = asked
            if not flying:
                return
            ended = wait(flying, timeout=ROUND_SECONDS, return_when=FIRST_COMPLETED).done
            settled = [(flying.pop(call), call) for call in ended]
            self.waiting.extend(asked for asked, call in settled if _never_went_out(call))
            yield [(asked, call) for asked, call in settled if not _never_went_out(call)]


def _never_went_out(call: Future[Answer]) -> bool:
    error = call.exception()
    return isinstance(error, CalledOff) and not error.attempts
