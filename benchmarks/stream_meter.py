"""What a piece of work costs: CPU of Spark, Postgres and the broker, wall time, WAL, and what of it is the merge."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from process_cpu import Forgotten, processes, tree, tree_seconds
from services import Broker, Warehouse
from stream_costs import Cost, Measured

from hedge_master.local_stack import postgres
from hedge_master.warehouse.merge import ONE_MERGE_AT_A_TIME

PR_SET_CHILD_SUBREAPER = 36
POLL_SECONDS = 0.02
LOOK_SECONDS = 0.25
SETTLE_SECONDS = 0.5  # a backend's CPU is its parent's a moment after it has ended
MERGING = "select exists (select from pg_locks where locktype = 'advisory' and objid = %s and granted)"


def adopt_orphans() -> None:
    """From now on a process whose parent has ended becomes our child, not init's: its CPU stays in our tree."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


class Meter:
    """Measures blocks of work of this process, of what it started, and of two servers."""

    def __init__(self, warehouse: Warehouse, broker: Broker) -> None:
        self._warehouse = warehouse
        self._broker = broker
        self._own_backends: set[int] = set()
        self._own_seconds = 0.0
        self._forgotten = Forgotten()
        self._looking = threading.Lock()

    @contextmanager
    def measured(self) -> Iterator[Measured]:
        measured, ended = Measured(), threading.Event()
        watch = threading.Thread(target=self._watch_merges, args=(measured, ended), daemon=True)
        with closing(postgres.connect(self._warehouse.stack, "warehouse")) as session, session.cursor() as cursor:
            self._own_backends.add(session.info.backend_pid)
            cursor.execute("select pg_current_wal_lsn()")
            (wal,) = cursor.fetchone() or ()
            watch.start()
            try:
                begun = self.cost()
                yield measured
                wall = self.cost().wall
                time.sleep(SETTLE_SECONDS)
                whole = self.cost() - begun  # before the watch's backend ends: its CPU would be its parent's
            finally:
                ended.set()
                watch.join()
            measured.whole = Cost(whole.client, whole.postgres, whole.broker, wall - begun.wall)
            cursor.execute("select pg_wal_lsn_diff(pg_current_wal_lsn(), %s)::bigint", (wal,))
            (measured.wal_bytes,) = cursor.fetchone() or ()

    def cost(self) -> Cost:
        """What was spent up to now; what the meter itself spends does not count."""
        with self._looking:  # the watch looks too
            running = processes()
            client = tree(running, os.getpid(), {self._warehouse.pid, self._broker.pid})
            forgotten = self._forgotten.look(running, client)
        return Cost(
            sum(running[number].seconds for number in client) + forgotten - self._own_seconds,
            tree_seconds(running, self._warehouse.pid, self._own_backends),
            tree_seconds(running, self._broker.pid),
            time.monotonic(),
        )

    def _watch_merges(self, measured: Measured, ended: threading.Event) -> None:
        """Adds up what is spent while the lock of the merge is held; looks often enough for no process to be missed."""
        begun, spent_before, looked = None, self._own_seconds, time.monotonic()
        with closing(postgres.connect(self._warehouse.stack, "warehouse")) as session, session.cursor() as cursor:
            self._own_backends.add(session.info.backend_pid)
            while not ended.wait(POLL_SECONDS):
                cursor.execute(MERGING, (ONE_MERGE_AT_A_TIME,))
                (merging,) = cursor.fetchone() or (False,)
                if merging and begun is None:
                    begun = self.cost()
                elif not merging and begun is not None:
                    measured.merge += self.cost() - begun
                    begun = None
                elif time.monotonic() > looked + LOOK_SECONDS:
                    self.cost()
                    looked = time.monotonic()
                self._own_seconds = spent_before + time.thread_time()
