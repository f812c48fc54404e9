"""Figures of a benchmark: what was measured, what it is held to, and the table of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """One line of the table. `bound` says on which side of `limit` (inclusive) `measured` has to be; both in `unit`."""

    name: str
    measured: float
    bound: Literal["at least", "at most"]
    limit: float
    unit: str

    @property
    def passes(self) -> bool:
        if self.bound == "at least":
            return self.measured >= self.limit
        return self.measured <= self.limit  # not so for a figure that is no number


def table(figures: Sequence[Figure]) -> str:
    """A line a figure."""
    width = max(len(each.name) for each in figures)
    lines = [
        f"{each.name:<{width}}  {each.measured:>8.3f} {each.unit:<4} {each.bound} {each.limit:>8.3f}  "
        f"{'pass' if each.passes else 'FAIL'}"
        for each in figures
    ]
    head = f"{'figure':<{width}}  {'measured':>8} {'unit':<4} {'limit':>17}"
    return "\n".join([head, *lines])
