"""A benchmark's own process: what it says while it runs, and how it ends."""

from __future__ import annotations

import signal
import sys
import time


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def end_as_ctrl_c() -> None:
    """From now on SIGTERM ends the benchmark as Ctrl-C does: what was started is stopped."""
    signal.signal(signal.SIGTERM, _end)


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
