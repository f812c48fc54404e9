"""The services of the stack: one declaration each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from hedge_master.local_stack import kafka, postgres, redis
from hedge_master.local_stack.airflow_environment import airflow_environment
from hedge_master.local_stack.environment import without_secrets
from hedge_master.local_stack.ports import Port, port
from hedge_master.local_stack.stack import PYTHON, SUPERSET_PYTHON, Stack
from hedge_master.local_stack.superset_environment import superset_environment
from hedge_master.settings import REPO_ROOT

AIRFLOW_SERVICES = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")


def _nothing() -> None:
    """A service that needs no preparation."""


@dataclass(frozen=True)
class Service:
    """One process under the supervisor.

    `healthy` is asked again and again until it says True; it gets the moment of the service's start, so that an old
    heartbeat does not count, and may raise while nothing answers. `needs` names services and steps of the start.
    """

    name: str
    command: Callable[[], tuple[str, ...]]
    environment: Callable[[], Mapping[str, str]]
    ports: tuple[Port, ...]
    healthy: Callable[[datetime], bool]
    needs: tuple[str, ...] = ()
    prepare: Callable[[], None] = _nothing
    stop_signal: str = "TERM"
    stops_children: bool = True
    start_seconds: int = 120
    stop_seconds: int = 20


def _answers_ok(url: str) -> bool:
    return httpx.get(url, timeout=3, trust_env=False).status_code == 200


def airflow_health(stack: Stack) -> dict[str, dict[str, str | None]]:
    """What Airflow says of its own parts: for each its status and last heartbeat."""
    url = f"http://127.0.0.1:{stack.settings.airflow_port}/api/v2/monitor/health"
    answer: dict[str, dict[str, str | None]] = httpx.get(url, timeout=5, trust_env=False).raise_for_status().json()
    return answer


def _airflow_part_is_healthy(stack: Stack, part: str, since: datetime) -> bool:
    told = airflow_health(stack)[part]
    beat = told.get(f"latest_{part}_heartbeat")
    return told["status"] == "healthy" and beat is not None and datetime.fromisoformat(beat) > since


def services(stack: Stack) -> list[Service]:
    """The services that this stack runs itself, in no order."""
    chosen = [_postgres(stack), _redis(stack), *_airflow(stack), _superset(stack)]
    if stack.has_own_kafka:
        chosen.append(_kafka(stack))
    if stack.settings.uses_sample_market:
        chosen.append(_sample_market(stack))
    return chosen


def _postgres(stack: Stack) -> Service:
    return Service(
        name="postgres",
        command=lambda: postgres.server_command(stack),
        environment=lambda: without_secrets(stack.environ),
        ports=(port(stack.settings, "postgres_port"),),
        healthy=lambda since: postgres.answers(stack),
        prepare=lambda: postgres.prepare(stack),
        stop_signal="INT",  # "fast": ends the sessions, writes everything, stops
        stops_children=False,
        start_seconds=300,  # after a crash it first replays what it has not written yet
        stop_seconds=60,
    )


def _kafka(stack: Stack) -> Service:
    return Service(
        name="kafka",
        command=lambda: kafka.server_command(stack),
        environment=lambda: without_secrets(stack.environ),
        ports=(port(stack.settings, "kafka_port"), port(stack.settings, "kafka_controller_port")),
        healthy=lambda since: kafka.answers(stack),
        prepare=lambda: kafka.prepare(stack),
        stop_seconds=45,
    )


def _redis(stack: Stack) -> Service:
    return Service(
        name="redis",
        command=lambda: redis.server_command(stack),
        environment=lambda: without_secrets(stack.environ),
        ports=(port(stack.settings, "redis_port"),),
        healthy=lambda since: redis.answers(stack),
        prepare=lambda: redis.prepare(stack),
    )


def _sample_market(stack: Stack) -> Service:
    return Service(
        name="sample-market",
        command=lambda: (PYTHON, "-m", "hedge_master.sample_market"),
        environment=lambda: without_secrets(stack.environ) | {"PYTHONPATH": str(REPO_ROOT / "plugins")},
        ports=(port(stack.settings, "sample_market_port"),),
        healthy=lambda since: _answers_ok(f"{stack.settings.sample_market_url}/health"),
    )


def _airflow(stack: Stack) -> list[Service]:
    def part(
        name: str,
        ports: tuple[Port, ...],
        healthy: Callable[[datetime], bool],
        needs: tuple[str, ...],
        stop_seconds: int = 20,
    ) -> Service:
        return Service(
            name=f"airflow-{name}",
            command=lambda: (PYTHON, "-m", "airflow", name),
            environment=lambda: airflow_environment(stack),
            ports=ports,
            healthy=healthy,
            needs=needs,
            start_seconds=240,
            stop_seconds=stop_seconds,
        )

    def beats(name: str) -> Callable[[datetime], bool]:
        return lambda since: _airflow_part_is_healthy(stack, name, since)

    settings = stack.settings
    everything = ("airflow-metadata", "warehouse-schema", "topics")
    own_market = ("sample-market",) if settings.uses_sample_market else ()
    api = f"http://127.0.0.1:{settings.airflow_port}/api/v2/version"
    worker_logs = (port(settings, "airflow_worker_log_port"),)
    triggerer_logs = (port(settings, "airflow_triggerer_log_port"),)
    return [
        part("api-server", (port(settings, "airflow_port"),), lambda since: _answers_ok(api), ("airflow-metadata",)),
        part("scheduler", worker_logs, beats("scheduler"), everything + own_market, stop_seconds=60),
        part("dag-processor", (), beats("dag_processor"), ("airflow-metadata", "dbt-manifest")),
        part("triggerer", triggerer_logs, beats("triggerer"), ("airflow-metadata",), stop_seconds=45),
    ]


def _superset(stack: Stack) -> Service:
    where = f"127.0.0.1:{stack.settings.superset_port}"
    return Service(
        name="superset",
        command=lambda: (
            *(str(SUPERSET_PYTHON), "-m", "gunicorn", "--bind", where),
            *("--workers", "1", "--worker-class", "gthread", "--threads", "8", "--timeout", "120"),
            "--no-control-socket",  # it would lie in the user's home, one for all stacks
            *("--worker-tmp-dir", str(stack.folders.run), "--access-logfile", "-", "superset.app:create_app()"),
        ),
        environment=lambda: superset_environment(stack),
        ports=(port(stack.settings, "superset_port"),),
        healthy=lambda since: _answers_ok(f"http://{where}/health"),
        needs=("superset-content", "redis"),
        start_seconds=240,
        stop_seconds=30,
    )


def started_at(seconds: int) -> datetime:
    """The supervisor's start time of a process as a moment."""
    return datetime.fromtimestamp(seconds, UTC)
