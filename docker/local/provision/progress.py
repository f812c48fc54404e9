"""What the user sees while the set-up runs: one line for each step that ended, and a figure that moves."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable

from provision.places import REPO

SECONDS_BETWEEN_LINES = 10


class Progress:
    """Shows seconds, what was written to the disk, and what is under way: in place on a terminal, else as lines."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self._free = shutil.disk_usage(REPO).free
        self._under_way: list[str] = []
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._terminal = sys.stdout.isatty()

    def __enter__(self) -> Progress:
        self._mover = threading.Thread(target=self._keep_moving, daemon=True)
        self._mover.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._mover.join()
        if self._terminal:
            print("\r\033[K", end="", flush=True)

    def _keep_moving(self) -> None:
        last = self.begun
        while not self._ended.wait(0.5):
            now = time.monotonic()
            if not self._under_way or (not self._terminal and now - last < SECONDS_BETWEEN_LINES):
                continue
            last = now
            written = max(0, self._free - shutil.disk_usage(REPO).free) / 1024**2
            text = f"{now - self.begun:4.0f} s  {written:5.0f} MiB written: {', '.join(self._under_way)}"
            with self._lock:
                if self._terminal:
                    print(f"\r\033[K  {text}", end="", flush=True)
                else:
                    print(f"  … {text}", flush=True)

    def step(self, name: str, work: Callable[[], None]) -> None:
        """Runs one step and shows its line; a step that fails shows none."""
        self._under_way.append(name)
        begun = time.monotonic()
        try:
            work()
        finally:
            self._under_way.remove(name)
        with self._lock:
            front = "\r\033[K" if self._terminal else ""
            print(f"{front}  {name:<44} {time.monotonic() - begun:6.1f} s", flush=True)
