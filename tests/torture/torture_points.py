"""Points at which a process stops for its killer: the two meet in a folder, since one of them may die at any moment.

The killer arms one point; the first process that comes to it waits there, until it is killed or let go.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

PAUSE_SECONDS = 120  # a killer that died holds nobody for ever
LOOK_SECONDS = 0.005
REACHED = "reached-"


class Points:
    """The killer's and the victims' view of the folder; travels to Spark's Python workers by pickle."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._armed = folder / "armed"
        self._counted: Counter[str] = Counter()

    def arm(self, point: str) -> None:
        """From now on the first to come to `point` waits there."""
        written = self.folder / "arming"
        written.write_text(point)
        written.rename(self._armed)

    def disarm(self) -> None:
        self._armed.unlink(missing_ok=True)
        self.let_go()

    def waiting(self) -> set[int]:
        """Process ids of those who wait at the points that were armed."""
        return {int(reached.name.removeprefix(REACHED)) for reached in self.folder.glob(f"{REACHED}*")}

    def let_go(self) -> None:
        for reached in self.folder.glob(f"{REACHED}*"):
            reached.unlink(missing_ok=True)

    def at(self, point: str) -> None:
        """A victim is at `point`: it goes on at once, unless this point is armed."""
        with suppress(FileNotFoundError):
            if self._armed.read_text() != point:
                return
            reached = self.folder / f"{REACHED}{os.getpid()}"
            self._armed.rename(reached)  # of several that come at once one gets it
            until = time.monotonic() + PAUSE_SECONDS
            while reached.exists() and time.monotonic() < until:
                time.sleep(LOOK_SECONDS)

    def count(self, point: str) -> None:
        """A victim is at `point` for the n-th time in its life: at "point n"."""
        self._counted[point] += 1
        self.at(f"{point} {self._counted[point]}")
