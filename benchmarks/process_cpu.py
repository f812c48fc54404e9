"""CPU seconds of process trees, read from /proc (Linux only)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """`seconds`: CPU of the process, and of its children that have ended and were waited for."""

    parent: int
    seconds: float


def parsed(stat: str) -> Process:
    """The text of /proc/PID/stat. The name in parentheses may hold anything, spaces and parentheses too."""
    fields = stat.rpartition(")")[2].split()
    return Process(int(fields[1]), sum(map(int, fields[11:15])) / TICKS_A_SECOND)


def processes() -> dict[int, Process]:
    """All processes by their id."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found[int(folder.name)] = parsed((folder / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended since it was listed
    return found


def tree(running: Mapping[int, Process], root: int, without: Collection[int] = ()) -> list[int]:
    """The ids of a process and of all below it, except the trees of `without`."""
    children: dict[int, list[int]] = {}
    for number, process in running.items():
        children.setdefault(process.parent, []).append(number)
    found, waiting = [], [root]
    while waiting:
        number = waiting.pop()
        found.append(number)
        waiting += [child for child in children.get(number, ()) if child not in without]
    return found


def tree_seconds(running: Mapping[int, Process], root: int, without: Collection[int] = ()) -> float:
    """CPU of a process and all below it, except the trees of `without`. KeyError where the root does not run."""
    return sum(running[number].seconds for number in tree(running, root, without))


def forgets_children(number: int) -> bool:
    """True where the process ignores SIGCHLD: then Linux adds the CPU of a child that ended to nobody."""
    try:
        status = Path(f"/proc/{number}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    ignored = next(line for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(ignored.split()[1], 16) & 1 << signal.SIGCHLD - 1)


class Forgotten:
    """CPU of processes that ended below a parent that forgets them, as of the last look: PySpark's workers are such."""

    def __init__(self, forgets: Callable[[int], bool] = forgets_children) -> None:
        self._forgets = forgets
        self._known: dict[int, bool] = {}
        self._seen: dict[int, float] = {}

    def look(self, running: Mapping[int, Process], numbers: Iterable[int]) -> float:
        """`numbers`: of the processes that count. Returns the seconds of those that are gone."""
        for number in numbers:
            parent = running[number].parent
            # Asked again until it is true: a process begins as a copy of its parent, and ignores nothing yet.
            if not self._known.get(parent):
                self._known[parent] = self._forgets(parent)
            if self._known[parent]:
                self._seen[number] = running[number].seconds
        return sum(seconds for number, seconds in self._seen.items() if number not in running)
