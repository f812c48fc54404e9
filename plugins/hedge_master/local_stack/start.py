"""Starts the stack: every service and job in the order of their needs, and waits until each is healthy."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any

from hedge_master.local_stack import processes
from hedge_master.local_stack.jobs import jobs
from hedge_master.local_stack.ports import complaints
from hedge_master.local_stack.programs import log_tail
from hedge_master.local_stack.progress import moving
from hedge_master.local_stack.services import Service, services, started_at
from hedge_master.local_stack.stack import JARS, SUPERSET_PYTHON, Stack, StackError
from hedge_master.local_stack.steps import Step, run_steps
from hedge_master.local_stack.supervision import RUNNING, STARTING, Supervisor

DISK_BYTES = 2 * 1024**3
GIB = 1024**3
SECONDS_BETWEEN_QUESTIONS = 0.3


def start(stack: Stack) -> None:
    """Everything up and healthy, or StackError. A service that runs already is left as it is."""
    chosen = services(stack)
    supervisor = Supervisor(stack.folders)
    running = {name for name, told in supervisor.processes().items() if told["statename"] in (RUNNING, STARTING)}
    if not running:
        _end_orphans(stack, supervisor)
    _check(stack, [service for service in chosen if service.name not in running])
    if supervisor.is_running():
        _check_unchanged(stack, supervisor)
    with moving("starting") as figure:
        supervisor.start(stack, chosen)
        steps = [Step(service.name, _starter(stack, supervisor, service), service.needs) for service in chosen]
        run_steps(steps + jobs(stack), figure)


def _check(stack: Stack, to_start: list[Service]) -> None:
    """Everything that can be known to be wrong before anything starts, each in one line."""
    wrong = complaints(port for service in to_start for port in service.ports)
    free = shutil.disk_usage(stack.folders.home).free
    if free < DISK_BYTES:
        wrong.append(
            f"{free / GIB:.1f} GiB are free below {stack.folders.home}, {DISK_BYTES / GIB:.0f} are needed: "
            "free some or set HM_HOME to another disk"
        )
    if not SUPERSET_PYTHON.exists() or not JARS.exists():
        wrong.append("the environments are incomplete: run `make setup`")
    if wrong:
        raise StackError("\n".join(wrong))


def _end_orphans(stack: Stack, supervisor: Supervisor) -> None:
    """A supervisor that was killed leaves its services behind; a new one cannot watch them."""
    if supervisor.is_running():
        return
    orphans = processes.own_processes(stack.folders, None)
    if orphans:
        with moving(f"ending {len(orphans)} processes that a killed supervisor left behind"):
            processes.end(orphans)


def _check_unchanged(stack: Stack, supervisor: Supervisor) -> None:
    """The running services have the settings of their start: other ones want a stop first."""
    before = processes.environment_of(supervisor.pid())
    names = {name for name in before.keys() | stack.environ.keys() if name.startswith("HM_")}
    changed = sorted(name for name in names if before.get(name, "") != stack.environ.get(name, ""))
    if changed:
        raise StackError(f"{', '.join(changed)} changed since the stack was started: run `make down` first")


def _starter(stack: Stack, supervisor: Supervisor, service: Service) -> Callable[[], bool]:
    def run() -> bool:
        if supervisor.process(service.name)["statename"] in (RUNNING, STARTING):
            _wait_until_healthy(stack, supervisor, service)
            return False
        service.prepare()
        service.command()  # names what is missing, before the supervisor tries in vain
        supervisor.start_service(service.name)
        _wait_until_healthy(stack, supervisor, service)
        return True

    return run


def _wait_until_healthy(stack: Stack, supervisor: Supervisor, service: Service) -> None:
    first: Mapping[str, Any] | None = None
    deadline = time.monotonic() + service.start_seconds
    while True:
        told = supervisor.process(service.name)
        first = first or told
        if told["statename"] not in (RUNNING, STARTING) or told["start"] != first["start"]:
            raise _failed(stack, service, "ended right after its start")
        if _is_healthy(service, told["start"]):
            return
        if time.monotonic() > deadline:
            raise _failed(stack, service, f"is not healthy after {service.start_seconds} s")
        time.sleep(SECONDS_BETWEEN_QUESTIONS)


def _is_healthy(service: Service, start: int) -> bool:
    """A service that does not answer yet fails its check in a way of its own: any of them means not yet."""
    try:
        return service.healthy(started_at(start))
    except Exception:
        return False


def _failed(stack: Stack, service: Service, what: str) -> StackError:
    log = stack.folders.log_of(service.name)
    return StackError(f"{service.name} {what}:\n{log_tail(log)}\nthe whole log: {log}")
