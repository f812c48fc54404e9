"""What the user sees while he waits: one line for each step that ended, and a figure that moves."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status

SECONDS_BETWEEN_LINES = 10
WIDTH_OF_A_LOG = 120
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_OF_A_LOG)


class Figure:
    """The text beside the seconds; any thread may change it."""

    def __init__(self) -> None:
        self._text = ""
        self.begun = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun

    def show(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return f"{self.seconds:4.0f} s  {self._text}"


def done(what: str, seconds: float) -> None:
    """The line of a step that has ended."""
    console.print(f"  {what:<44} {seconds:6.1f} s")


@contextmanager
def moving(text: str) -> Iterator[Figure]:
    """Shows a figure that moves: in place on a terminal, a line every ten seconds elsewhere (a log, say)."""
    figure = Figure()
    figure.show(text)
    ended = threading.Event()
    live = Status(str(figure), console=console) if console.is_terminal else None

    def keep_moving() -> None:
        last = figure.begun
        while not ended.wait(0.25):
            if live:
                live.update(str(figure))
            elif time.monotonic() - last >= SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                console.print(f"  … {figure}")

    mover = threading.Thread(target=keep_moving, daemon=True)
    if live:
        live.start()
    mover.start()
    try:
        yield figure
    finally:
        ended.set()
        mover.join()
        if live:
            live.stop()
