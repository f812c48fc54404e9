"""Ten kills -9 at random points of a backfill: the task's process, the scheduler, the triggerer."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import psutil
import psycopg2
from demo_stack import Demo

from hedge_master.ingestion.topics import PRICE_HISTORY
from hedge_master.local_stack.airflow_api import AirflowApi, Run
from hedge_master.local_stack.folders import Folders
from hedge_master.local_stack.supervision import RUNNING, Supervisor
from kafka_reading import messages

SYNC, HISTORY = "sync_symbols", "backfill_price_history"
# The schedulers last: a task outlives the one that began it, and the backfill may end before the next one is up.
VICTIMS = ("task", "triggerer", "task", "task", "triggerer", "task", "task", "task", "scheduler", "scheduler")
SECONDS = 900


class Operator(AirflowApi):
    """An operator, who also clears tasks so that they need not wait for their next try."""

    def clear(self, run: Run) -> None:
        answer = self._client.post(
            f"/api/v2/dags/{run.dag_id}/clearTaskInstances",
            json={"dry_run": False, "dag_run_id": run.run_id, "only_failed": False, "task_ids": waiting(self, run)},
        )
        answer.raise_for_status()


def waiting(api: AirflowApi, run: Run) -> list[str]:
    """The tasks that wait for another try."""
    states = api.task_states(run.dag_id, run.run_id)
    return sorted({task.task_id for task in states if task.state in ("up_for_retry", "failed")})


def backfill_through_kills(demo: Demo) -> None:
    """The histories of all symbols, with a kill whenever some more of them have come; returns when all are there."""
    dice = random.Random(7)
    with Operator(
        f"http://127.0.0.1:{demo.port('AIRFLOW')}", "operator", demo.secret("AIRFLOW_OPERATOR_PASSWORD")
    ) as api:
        ended = _until(demo, api, SYNC, lambda run: None)
        assert ended.state == "success"
        victims = list(VICTIMS)

        def kill_when_due(run: Run) -> None:
            nonlocal due
            if waiting(api, run):
                api.clear(run)
            if victims and published(demo) >= due and kill(demo, victims[0]):
                victims.pop(0)
                due = published(demo) + dice.randint(0, 3)

        due = 0
        with slowed(demo):
            ended = _until(demo, api, HISTORY, kill_when_due)
        assert ended.state == "success"
        assert victims == [], f"the backfill ended before {victims} were killed"


def _until(demo: Demo, api: Operator, dag_id: str, watch: Callable[[Run], None]) -> Run:
    """Runs a DAG, again where a run failed, and watches it until one has ended well."""
    api.unpause(dag_id)
    deadline = time.monotonic() + SECONDS
    run_id = api.trigger(dag_id)
    while (run := api.run(dag_id, run_id)).state != "success":
        assert time.monotonic() < deadline, f"{dag_id} is {run.state} after {SECONDS} s"
        watch(run)
        time.sleep(0.3)
    return run


def published(demo: Demo) -> int:
    ((count,),) = demo.ask("select count(*)::int from market.api_calls where outcome = 'published'")
    return int(str(count))


def kill(demo: Demo, victim: str) -> bool:
    """True where there was one to kill."""
    found = task_processes(demo) if victim == "task" else service_processes(demo, victim)
    for number in found:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    return bool(found)


def task_processes(demo: Demo) -> set[int]:
    """The process of publish_payloads, known by its connections to the warehouse."""
    sessions = demo.ask(
        """select client_port from pg_stat_activity
        where application_name = 'hedge_master backfill_price_history.publish_payloads'""",
        role="INGEST",  # a session is hidden from other roles
    )
    ports = {port for (port,) in sessions}
    return {
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.pid and connection.raddr and connection.raddr.port == demo.port("POSTGRES")
        if connection.laddr.port in ports
    }


def service_processes(demo: Demo, name: str) -> set[int]:
    """The process of an Airflow service, as its supervisor knows it."""
    told = Supervisor(Folders(demo.home)).process(f"airflow-{name}")
    return {int(told["pid"])} if told["statename"] == RUNNING else set()


@contextmanager
def slowed(demo: Demo) -> Iterator[None]:
    """Calls trickle, one at a time: whoever wants one queues for the budget's row, and its holder queues again at once
    behind them."""
    over = threading.Event()

    def hold() -> None:
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=demo.port("POSTGRES"),
            dbname="warehouse",
            user="hm_owner",
            password=demo.secret("WAREHOUSE_OWNER_PASSWORD"),
        )
        while not over.is_set():
            with connection, connection.cursor() as cursor:
                cursor.execute("select from market.api_budgets for update")
                over.wait(0.4)
        connection.close()

    holder = threading.Thread(target=hold, name="slow-budget")
    holder.start()
    try:
        yield
    finally:
        over.set()
        holder.join()


def history_messages(demo: Demo) -> set[tuple[UUID, int, int]]:
    """Request id, partition and offset of every message in the topic of the histories."""
    return {
        (UUID(dict(each.headers)["request_id"].decode()), each.partition, each.offset)
        for each in messages(f"127.0.0.1:{demo.port('KAFKA')}", PRICE_HISTORY.name)
    }
