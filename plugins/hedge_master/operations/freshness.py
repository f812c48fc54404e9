"""Figures that all who look at the page share, so that ten open pages cost what one does."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from hedge_master.operations.figures import Figures

# A page reloads itself, and what it shows is read anew when it is older than this: together at most 30 s.
FRESH_SECONDS = 10
RELOAD_SECONDS = 15


class FreshFigures:
    """Figures that are at most FRESH_SECONDS old. Threads may share it; `clock` is for tests, in seconds."""

    def __init__(self, read: Callable[[], Figures], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._lock = Lock()
        self._kept: tuple[float, Figures] | None = None

    def get(self) -> Figures:
        """The kept figures, or new ones; raises what reading them raises."""
        with self._lock:
            now = self._clock()
            if self._kept is None or now - self._kept[0] > FRESH_SECONDS:
                self._kept = (now, self._read())
            return self._kept[1]
