"""What a piece of work costs: CPU of Postgres and of the programs that were called, wall time, and WAL."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from process_cpu import processes, tree_seconds
from services import Warehouse

from hedge_master.local_stack import postgres

SETTLE_SECONDS = 0.5  # a backend's CPU is its parent's a moment after it has ended


@dataclass(frozen=True)
class Spent:
    """CPU and wall seconds, and rows that were read. The client is the programs that were called."""

    rows: int = 0
    postgres: float = 0.0
    client: float = 0.0
    wall: float = 0.0
    wal_bytes: float = 0.0

    @property
    def cpu(self) -> float:
        return self.client + self.postgres

    def of_rows(self, rows: int) -> Spent:
        return replace(self, rows=rows)

    def times(self, factor: float) -> Spent:
        """As much for so many times the work on the same rows."""
        cost = (self.postgres, self.client, self.wall, self.wal_bytes)
        return Spent(self.rows, *(factor * each for each in cost))


@dataclass
class Measured:
    """Filled when the measured block has ended; `rows` is for the block to fill."""

    rows: int = 0
    spent: Spent = Spent()


class Meter:
    """Measures blocks of work of a server and of the programs that this process calls and waits for."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    @contextmanager
    def measured(self) -> Iterator[Measured]:
        """Right behind a checkpoint, so that none of what was before is written out meanwhile."""
        measured = Measured()
        with closing(postgres.connect(self._warehouse.stack, "warehouse")) as session, session.cursor() as cursor:
            cursor.execute("checkpoint")
            cursor.execute("select pg_current_wal_insert_lsn()")
            (wal,) = cursor.fetchone() or ()
            own = {session.info.backend_pid}
            time.sleep(SETTLE_SECONDS)
            server, client, begun = self._server(own), called(), time.monotonic()
            yield measured
            wall = time.monotonic() - begun
            time.sleep(SETTLE_SECONDS)
            server, client = self._server(own) - server, called() - client
            cursor.execute("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)::float8", (wal,))
            (wal_bytes,) = cursor.fetchone() or ()
        measured.spent = Spent(measured.rows, server, client, wall, wal_bytes)

    def _server(self, without: set[int]) -> float:
        return tree_seconds(processes(), self._warehouse.pid, without)


def called() -> float:
    """CPU of the programs that this process has called and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
