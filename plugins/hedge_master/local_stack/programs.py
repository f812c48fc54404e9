"""Runs other programs to their end, or ends them when the user interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hedge_master.local_stack.stack import Stack, StackError

TAIL_LINES = 15
SECONDS_TO_END = 3.0


_running: set[subprocess.Popen[str]] = set()
_ended = threading.Event()
_changes = threading.RLock()  # re-entrant: the handler of Ctrl-C may meet its own thread inside


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Its exit code and all that it wrote (standard error follows standard output).

    The program heads a process group of its own: a terminal's Ctrl-C reaches us alone, and `end_all` ends the group.
    """
    with _changes:
        if _ended.is_set():
            raise StackError(f"{Path(command[0]).name}: interrupted")
        program = subprocess.Popen(  # noqa: S603 (the one place: commands are lists of our own, no shell)
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        _running.add(program)
    try:
        told, _ = program.communicate()
    finally:
        with _changes:
            _running.discard(program)
    return subprocess.CompletedProcess(command, program.returncode, told)


def end_all() -> None:
    """Ends the programs under way and lets no other begin; the supervisor and its services are none of them."""
    _ended.set()
    with _changes:
        running = list(_running)
    for number in (signal.SIGTERM, signal.SIGKILL):  # the second for what a program left behind in its group
        for program in running:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, number)
        for program in running:
            with suppress(subprocess.TimeoutExpired):
                program.wait(SECONDS_TO_END)


def run_logged(stack: Stack, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Runs a program and adds what it writes to its log file; StackError with the log's end where it fails."""
    log = stack.folders.log_of(name)
    try:
        ended = run(command, environment)
    except FileNotFoundError:
        raise StackError(f"{command[0]} is missing: run `make setup`") from None
    with log.open("a") as file:
        file.write(ended.stdout)
    if ended.returncode:
        raise StackError(f"{name} failed:\n{log_tail(log)}\nthe whole log: {log}")


def log_tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log file."""
    if not log.exists():
        return "(no log)"
    with log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 16_384))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
