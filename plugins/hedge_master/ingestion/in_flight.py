"""The one loop of all who ask the API for many things: so many calls in flight, answers as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Generic, Self, TypeVar

from hedge_master.alpha_vantage.client import Answer

ROUND_SECONDS = 1.0

Asked = TypeVar("Asked")


class InFlight(Generic[Asked]):
    """Asks for each of `waiting` in a thread of its own, at most `most` at once. A context manager to iterate once.

    Iterating gives, round by round, what was asked with its ended call; a round may be empty, and one comes at least
    every ROUND_SECONDS, for what else the caller looks after. What is added to `waiting` meanwhile is asked too. After
    `stop` nothing new begins, and `waiting` holds what was left.
    """

    def __init__(self, waiting: Iterable[Asked], ask: Callable[[Asked], Answer], most: int) -> None:
        self.waiting = deque(waiting)
        self._ask = ask
        self._most = most
        self._stopped = False
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="alpha-vantage")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def stop(self) -> None:
        self._stopped = True

    def __iter__(self) -> Iterator[list[tuple[Asked, Future[Answer]]]]:
        flying: dict[Future[Answer], Asked] = {}
        while True:
            while self.waiting and not self._stopped and len(flying) < self._most:
                asked = self.waiting.popleft()
                flying[self._pool.submit(self._ask, asked)] = asked
            if not flying:
                return
            ended = wait(flying, timeout=ROUND_SECONDS, return_when=FIRST_COMPLETED).done
            yield [(flying.pop(call), call) for call in ended]
