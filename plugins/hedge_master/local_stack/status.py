"""`make status`: each service, each DAG's last run, the market date and the newest bar."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import psycopg2
from confluent_kafka import KafkaException
from psycopg2.extensions import connection as Connection
from rich.table import Table

from hedge_master.ingestion.kafka_errors import in_words
from hedge_master.local_stack import processes
from hedge_master.local_stack.airflow_api import AirflowApi
from hedge_master.local_stack.demo import airflow
from hedge_master.local_stack.progress import console
from hedge_master.local_stack.services import Service, services, started_at
from hedge_master.local_stack.stack import Stack
from hedge_master.local_stack.supervision import RUNNING, STARTING, Supervisor
from hedge_master.local_stack.warehouse_figures import newest_bar, newest_market_date, warehouse
from hedge_master.operations.stream_state import read_state


def status(stack: Stack) -> bool:
    """Shows it all; True where every service is healthy."""
    supervisor = Supervisor(stack.folders)
    if not stack.has_secrets or not supervisor.is_running():
        console.print("nothing runs; `make demo` starts everything")
        return False
    healthy = _show_services(stack, supervisor)
    try:
        with airflow(stack) as api:
            _show_dags(api)
    except httpx.HTTPError:
        console.print("Airflow does not answer")
    try:
        with warehouse(stack) as session:
            console.print(f"market date {_told(newest_market_date(session))}, newest bar {_told(newest_bar(session))}")
            _show_stream(stack, session)
    except psycopg2.Error as error:
        console.print(f"the warehouse does not answer: {str(error).strip().splitlines()[0]}", markup=False)
    return healthy


def _show_services(stack: Stack, supervisor: Supervisor) -> bool:
    table = Table(box=None, pad_edge=False)
    for column in ("service", "state", "since", "process", "ports"):
        table.add_column(column)
    told = supervisor.processes()
    all_healthy = True
    for service in services(stack):
        process = told.get(service.name, {"statename": "STOPPED", "start": 0, "pid": 0})
        runs = process["statename"] in (RUNNING, STARTING)
        state = _state(service, process["start"]) if runs else str(process["statename"]).lower()
        all_healthy = all_healthy and state == "healthy"
        table.add_row(
            service.name,
            state,
            _ago(started_at(process["start"])) if runs else "",
            str(process["pid"] or ""),
            ", ".join(str(port.number) for port in service.ports),
        )
    console.print(table)
    memory = processes.memory_bytes(processes.own_processes(stack.folders, supervisor.pid()))
    console.print(f"memory of all {memory / 1024**3:.1f} GiB; logs in {stack.folders.logs}\n", markup=False)
    return all_healthy


def _state(service: Service, start: int) -> str:
    """Whatever a check that fails raises, the answer is the same."""
    try:
        return "healthy" if service.healthy(started_at(start)) else "not healthy"
    except Exception:
        return "not healthy"


def _show_dags(api: AirflowApi) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("DAG", "last run", "began", "took"):
        table.add_column(column)
    for dag_id in sorted(api.dag_ids()):
        last = next(iter(api.runs(dag_id, limit=1)), None)
        if last is None:
            table.add_row(dag_id, "never", "", "")
        else:
            table.add_row(dag_id, last.state, _ago(last.started_at), f"{last.seconds:.0f} s")
    console.print(table)
    for name in api.import_errors():
        console.print(f"{name} cannot be read: see Airflow's page", style="red")
    console.print()


def _show_stream(stack: Stack, session: Connection) -> None:
    """How far the stream is behind Kafka, and how fresh what it has read is."""
    try:
        state = read_state(stack.settings, session)
    except KafkaException as error:
        console.print(in_words(error), markup=False)
        return
    unread = ", ".join(f"{each.unread:,} of {each.topic.name}" for each in state.positions)
    console.print(
        f"unread messages: {unread}; last batch {_ago(state.last_batch_at) or 'never'}, newest answer asked for "
        f"{_ago(state.newest_answer_at) or 'never'}; {state.open_rejections:,} rejections open",
        markup=False,
    )


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return ""
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _told(value: object) -> str:
    return "none yet" if value is None else str(value)
