"""What pieces of work cost: CPU and wall seconds, and bytes of WAL."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Cost:
    """CPU seconds of each part, and wall seconds. `client`: this process and all that it started, but the servers."""

    client: float = 0.0
    postgres: float = 0.0
    broker: float = 0.0
    wall: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def __sub__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, each.name) - getattr(other, each.name) for each in fields(self)))

    @property
    def cpu(self) -> float:
        """Client and Postgres: what the limits are about."""
        return self.client + self.postgres


@dataclass
class Measured:
    """Filled when the measured block has ended. `merge` is a part of `whole`."""

    whole: Cost = Cost()
    merge: Cost = Cost()
    wal_bytes: int = 0


@dataclass(frozen=True)
class Spent:
    """What a piece of work cost. `merge` is the part of `cost` in which the lock of the merge was held."""

    rows: int
    batches: int
    cost: Cost
    merge: Cost
    wal_bytes: int

    @classmethod
    def of(cls, rows: int, measured: Measured, batches: int = 1) -> Spent:
        return cls(rows, batches, measured.whole, measured.merge, measured.wal_bytes)

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.rows + other.rows,
            self.batches + other.batches,
            self.cost + other.cost,
            self.merge + other.merge,
            self.wal_bytes + other.wal_bytes,
        )

    @property
    def cpu_a_row(self) -> float:
        """CPU seconds of Spark (or of the peer in its place) and Postgres."""
        return self.cost.cpu / self.rows
