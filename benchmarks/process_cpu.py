"""CPU seconds of process trees, read from /proc (Linux only)."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
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


def tree_seconds(running: Mapping[int, Process], root: int, without: Collection[int] = ()) -> float:
    """CPU of a process and all below it, except the trees of `without`. KeyError where the root does not run."""
    children: dict[int, list[int]] = {}
    for number, process in running.items():
        children.setdefault(process.parent, []).append(number)
    total, waiting = 0.0, [root]
    while waiting:
        number = waiting.pop()
        total += running[number].seconds
        waiting += [child for child in children.get(number, ()) if child not in without]
    return total
