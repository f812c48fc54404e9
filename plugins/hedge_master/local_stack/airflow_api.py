"""A small client of Airflow's REST API: what the start, the demo and the status ask and order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from uuid import uuid4

import httpx

from hedge_master.local_stack.stack import StackError

TIMEOUT_SECONDS = 30
ATTEMPTS = 4
PAGE = 100


@dataclass(frozen=True)
class Run:
    dag_id: str
    run_id: str
    state: str
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def is_active(self) -> bool:
        return self.state in ("queued", "running")

    @property
    def seconds(self) -> float:
        """How long it has run, or ran."""
        if self.started_at is None:
            return 0.0
        return ((self.ended_at or datetime.now(UTC)) - self.started_at).total_seconds()


@dataclass(frozen=True)
class TaskState:
    task_id: str
    map_index: int
    state: str | None
    try_number: int


class AirflowApi:
    """One session, logged in as one user."""

    def __init__(self, address: str, user: str, password: str) -> None:
        transport = httpx.HTTPTransport(retries=ATTEMPTS)
        self._client = httpx.Client(base_url=address, timeout=TIMEOUT_SECONDS, trust_env=False, transport=transport)
        token = self._client.post("/auth/token", json={"username": user, "password": password})
        if token.status_code == httpx.codes.UNAUTHORIZED:
            raise StackError(f"Airflow refuses the log-in of {user}: run `make down`, then `make demo`")
        self._client.headers["Authorization"] = f"Bearer {token.raise_for_status().json()['access_token']}"

    def __enter__(self) -> AirflowApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def _get(self, path: str, **query: Any) -> Any:
        return self._client.get(f"/api/v2{path}", params=query).raise_for_status().json()

    def dag_ids(self) -> set[str]:
        """The DAGs that Airflow has read."""
        return {dag["dag_id"] for dag in self._get("/dags", limit=PAGE)["dags"]}

    def import_errors(self) -> dict[str, str]:
        """File name and the end of the trace of each DAG file that cannot be read."""
        errors = self._get("/importErrors", limit=PAGE)["import_errors"]
        return {error["filename"]: error["stack_trace"].strip() for error in errors}

    def unpause(self, dag_id: str) -> None:
        self._client.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}).raise_for_status()

    def trigger(self, dag_id: str, conf: Mapping[str, object] | None = None, by: str = "make_demo") -> str:
        """Orders a run; its id, which no other run has and which says who ordered it."""
        run_id = f"{by}__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}_{uuid4().hex[:8]}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf or {})}
        answer = self._client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        if answer.is_error:
            raise StackError(f"Airflow refuses to run {dag_id}: {answer.text[:500]}")
        return run_id

    def run(self, dag_id: str, run_id: str) -> Run:
        return _run(self._get(f"/dags/{dag_id}/dagRuns/{run_id}"))

    def runs(self, dag_id: str, limit: int = PAGE) -> list[Run]:
        """The newest runs, newest first."""
        answer = self._get(f"/dags/{dag_id}/dagRuns", order_by="-run_after", limit=limit)
        return [_run(run) for run in answer["dag_runs"]]

    def has_queued_events(self, dag_id: str) -> bool:
        """True where an asset has changed and the run that it causes does not exist yet."""
        answer = self._client.get(f"/api/v2/dags/{dag_id}/assets/queuedEvents")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        return bool(answer.raise_for_status().json()["total_entries"])

    def last_event_of(self, dag_id: str, run_id: str) -> datetime | None:
        """When a run last said that an asset has changed; None where it did not."""
        answer = self._get("/assets/events", source_dag_id=dag_id, source_run_id=run_id, order_by="-timestamp", limit=1)
        events = answer["asset_events"]
        return _moment(events[0]["timestamp"]) if events else None

    def task_states(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Every task of a run, mapped ones one by one."""
        found: list[TaskState] = []
        while True:
            path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
            page = self._get(path, limit=PAGE, offset=len(found))["task_instances"]
            found += [TaskState(t["task_id"], t["map_index"], t["state"], t["try_number"]) for t in page]
            if len(page) < PAGE:
                return found

    def log_tail(self, run: Run, task: TaskState, lines: int = 20) -> str:
        """The last lines of a task's log, as Airflow masks them."""
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task.task_id}/logs/{task.try_number}"
        content: Sequence[Any] = self._get(path, map_index=task.map_index, full_content=True)["content"]
        return "\n".join([line for each in content for line in _log_lines(each)][-lines:])


def _log_lines(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return entry.splitlines()
    lines = str(entry.get("event", "")).splitlines()
    for error in entry.get("error_detail") or []:
        lines.append(f"{error.get('exc_type')}: {error.get('exc_value')}")
    return lines


def _run(told: Mapping[str, Any]) -> Run:
    return Run(
        dag_id=told["dag_id"],
        run_id=told["dag_run_id"],
        state=told["state"],
        queued_at=_moment(told["queued_at"]),
        started_at=_moment(told["start_date"]),
        ended_at=_moment(told["end_date"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
