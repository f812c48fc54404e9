"""Which process dies at which point: a function of the number of kills and the dice."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from random import Random

STREAM_POINTS = ("before_copy", "after_copy", "in_merge", "before_commit", "after_commit")
STREAM_VICTIMS = ("driver", "worker", "broker", "postmaster", "backend")
WORKER_POINTS = ("in_copy", "copied_by_worker")  # where the worker itself is at work
PRODUCER_POINTS = ("asked", "confirmed", "booked")
VICTIMS = (*STREAM_VICTIMS, "producer")


@dataclass(frozen=True)
class Kill:
    """`point` None: at a random moment. `driver` is its JVM or its Python, as the dice fall."""

    victim: str
    point: str | None

    @property
    def of_producer(self) -> bool:
        return self.victim == "producer" or self.point in PRODUCER_POINTS


FIRST = (  # every victim and every commit point, for those who have time for ten
    Kill("worker", "in_copy"),
    Kill("backend", "in_merge"),
    Kill("producer", "confirmed"),
    Kill("postmaster", "before_commit"),
    Kill("broker", "before_copy"),
    Kill("worker", "copied_by_worker"),
    Kill("postmaster", "after_copy"),
    Kill("driver", "after_commit"),
    Kill("backend", None),
    Kill("postmaster", None),
)
EVERY = (
    *(Kill(*pair) for pair in product(STREAM_VICTIMS, STREAM_POINTS)),
    *(Kill("worker", point) for point in WORKER_POINTS),
    *(Kill("producer", point) for point in PRODUCER_POINTS),
    *(Kill(victim, "confirmed") for victim in ("broker", "postmaster", "backend")),
)


def plan(kills: int, dice: Random) -> list[Kill]:
    """The first ten, then every other pair, then random moments: 35 kills have been everywhere."""
    others = [kill for kill in EVERY if kill not in FIRST]
    dice.shuffle(others)
    planned = [*FIRST, *others][:kills]
    while len(planned) < kills:
        planned.append(Kill(VICTIMS[len(planned) % len(VICTIMS)], None))
    return planned
