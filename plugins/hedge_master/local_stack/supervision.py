"""Supervisor: its generated configuration, its own start and stop, and what it is asked and told over its socket."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, cast
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from hedge_master.local_stack.folders import Folders
from hedge_master.local_stack.processes import MARK, has_ended
from hedge_master.local_stack.programs import run
from hedge_master.local_stack.services import Service
from hedge_master.local_stack.stack import PYTHON, Stack, StackError
from hedge_master.settings import REPO_ROOT

RUNNING, STARTING, STOPPED = "RUNNING", "STARTING", "STOPPED"

HEAD = """\
; Generated at each start. Holds no secret: run_service hands each service its own.
[supervisord]
logfile={logs}/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile={run}/supervisord.pid
childlogdir={logs}
directory={run}
umask=077
nocleanup=true
{user}
[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{socket}
"""
PROGRAM = """
[program:{name}]
command={command}
autostart=false
autorestart=true
startsecs=2
startretries=3
stopsignal={stop_signal}
stopwaitsecs={stop_seconds}
stopasgroup={stops_children}
killasgroup=true
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=2
"""


def configuration(folders: Folders, chosen: Iterable[Service]) -> str:
    """The text of supervisord.conf."""

    def escaped(value: object) -> str:
        return str(value).replace("%", "%%")

    head = HEAD.format(
        logs=escaped(folders.logs),
        run=escaped(folders.run),
        socket=escaped(_socket(folders)),
        user="user=root\n" if os.geteuid() == 0 else "",
    )
    return head + "".join(
        PROGRAM.format(
            name=service.name,
            command=escaped(shlex.join([PYTHON, "-m", "hedge_master.local_stack.run_service", service.name])),
            stop_signal=service.stop_signal,
            stop_seconds=service.stop_seconds,
            stops_children=str(service.stops_children).lower(),
            log=escaped(escaped(folders.log_of(service.name))),  # Supervisor 4.3 expands this one twice
        )
        for service in chosen
    )


def _socket(folders: Folders) -> Path:
    return folders.sockets / "supervisor.sock"


class Supervisor:
    """The supervisor of one stack."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def _ask(self, method: str, *arguments: object) -> Any:
        """One call over the socket, on a connection of its own (a connection serves one thread only)."""
        transport = SupervisorTransport(None, None, f"unix://{_socket(self._folders)}")
        with ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)

    def is_running(self) -> bool:
        try:
            return bool(self._ask("getState")["statename"] == RUNNING)
        except (OSError, HTTPException):
            return False

    def start(self, stack: Stack, chosen: list[Service]) -> None:
        """Starts the supervisor, or tells the running one of services that are new to it."""
        self._folders.supervisor_config.write_text(configuration(self._folders, chosen))
        if self.is_running():
            added, changed, removed = self._ask("reloadConfig")[0]
            for name in [*changed, *removed]:
                self._ask("stopProcessGroup", name)
                self._ask("removeProcessGroup", name)
            for name in [*added, *changed]:
                self._ask("addProcessGroup", name)
            return
        environment = stack.environ | {MARK: str(self._folders.home), "PYTHONPATH": str(REPO_ROOT / "plugins")}
        command = [PYTHON, "-m", "supervisor.supervisord", "-c", str(self._folders.supervisor_config)]
        begun = run(command, environment)
        if begun.returncode:
            raise StackError(f"the supervisor did not start: {begun.stdout.strip()[-600:]}")
        deadline = time.monotonic() + 15
        while not self.is_running():
            if time.monotonic() > deadline:
                raise StackError(f"the supervisor does not answer: see {self._folders.logs / 'supervisord.log'}")
            time.sleep(0.1)

    def processes(self) -> dict[str, Mapping[str, Any]]:
        """What the supervisor says of each service (state name, pid, start, ...); nothing where it does not run."""
        try:
            told = cast("list[Mapping[str, Any]]", self._ask("getAllProcessInfo"))
        except (OSError, HTTPException):
            return {}
        return {process["name"]: process for process in told}

    def process(self, name: str) -> Mapping[str, Any]:
        return cast("Mapping[str, Any]", self._ask("getProcessInfo", name))

    def pid(self) -> int:
        return int(self._ask("getPID"))

    def start_service(self, name: str) -> None:
        self._ask("startProcess", name, False)

    def stop_service(self, name: str) -> None:
        """Stops a service and waits until it has ended; nothing where it does not run."""
        try:
            self._ask("stopProcess", name, True)
        except Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise

    def end(self) -> None:
        """Ends the supervisor itself and waits until it is gone."""
        pid = self.pid()
        self._ask("shutdown")
        if not has_ended(pid, seconds=120):
            raise StackError(f"the supervisor (process {pid}) does not end")
