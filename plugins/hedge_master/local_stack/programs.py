"""Runs another program to its end."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from hedge_master.local_stack.stack import Stack, StackError

TAIL_LINES = 15


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Its exit code and all that it wrote (standard error follows standard output)."""
    return subprocess.run(  # noqa: S603 (the one place: commands are lists of our own, no shell)
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


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
