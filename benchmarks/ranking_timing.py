"""How long a client waits for an answer, and what it costs the server."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from process_cpu import parsed
from psycopg2.extensions import connection as Connection

Statement = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Timing:
    """`took`: milliseconds of each ask, sorted; `cpu`: those of the server's process, a mean."""

    took: tuple[float, ...]
    cpu: float

    @property
    def p95(self) -> float:
        """By nearest rank."""
        return self.took[math.ceil(0.95 * len(self.took)) - 1]

    def __str__(self) -> str:
        return (
            f"median {median(self.took):7,.0f}  p95 {self.p95:7,.0f}  max {self.took[-1]:7,.0f} ms  "
            f"CPU {self.cpu:7,.0f} ms  ({len(self.took)} asks)"
        )


def timed(session: Connection, statements: Iterable[Statement], rounds: int = 1) -> Timing:
    """Asks each statement `rounds` times in turn, from the call to the last row."""
    asked = list(statements)
    return together([answered(session, statement)[1] for _ in range(rounds) for statement in asked])


def answered(session: Connection, statement: Statement) -> tuple[list[tuple[Any, ...]], Timing]:
    """The rows of one ask, and its timing."""
    cpu, began = _cpu_seconds(session), time.perf_counter()
    found = rows(session, statement)
    took = time.perf_counter() - began
    return found, Timing((1000 * took,), 1000 * (_cpu_seconds(session) - cpu))


def together(timings: Sequence[Timing]) -> Timing:
    took = sorted(each for timing in timings for each in timing.took)
    return Timing(tuple(took), fmean(timing.cpu for timing in timings))


def rows(session: Connection, statement: Statement) -> list[tuple[Any, ...]]:
    text, values = statement
    with session.cursor() as cursor:
        cursor.execute(text, values or None)  # without values a % is a %
        return cursor.fetchall()


def _cpu_seconds(session: Connection) -> float:
    return parsed(Path(f"/proc/{session.info.backend_pid}/stat").read_text()).seconds
