"""Runs the programs of the set-up, says in one line why one failed, and ends them all when the user interrupts."""

# ruff: noqa: S603 (every program here is called with a list of our own words, without a shell)
from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from provision.places import LOGS, REPO, SetupError

TAIL_LINES = 12
SECONDS_TO_END = 3.0
# What pip, uv and Ivy write when nobody answers, as opposed to when something is wrong with what was asked for.
NO_ANSWER = re.compile(
    r"error sending request|dns error|connection (refused|reset|timed out|aborted|broken)|connect(ion)? error"
    r"|name (or service not known|resolution)|network is unreachable|no route to host|timed? ?out"
    r"|NewConnectionError|ProxyError|ReadTimeout|IncompleteRead|UnknownHostException|ConnectException"
    r"|SocketException|SocketTimeoutException|Temporary failure resolving|Could not connect to|Failed to fetch",
    re.IGNORECASE,
)
NOT_TRUSTED = re.compile(r"CERTIFICATE_VERIFY_FAILED|UnknownIssuer|PKIX path|invalid peer certificate", re.IGNORECASE)
NO_SPACE = re.compile(r"No space left on device|os error 28|Disk quota exceeded", re.IGNORECASE)


class Programs:
    """The programs under way, run by threads other than the main one, which signals interrupt.

    Each heads a process group of its own, so that a terminal's Ctrl-C reaches only us, and we end whole groups.
    """

    def __init__(self, inherited: tuple[int, ...] = ()) -> None:
        self.interrupted = False
        self.inherited = inherited
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lasting: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def run(
        self,
        name: str,
        command: Sequence[str | Path],
        environ: Mapping[str, str] | None = None,
        *,
        lasting: bool = False,
    ) -> None:
        """Runs a program into .build/logs. Raises SetupError where it fails or the user has interrupted.

        `lasting`: one that must not be ended half-way; an interruption waits for it.
        """
        log = LOGS / f"{name.replace(' ', '-')}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            with self._lock:
                if self.interrupted:
                    raise SetupError(f"{name}: interrupted")
                program = subprocess.Popen(
                    [str(word) for word in command],
                    cwd=REPO, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                    start_new_session=True, pass_fds=self.inherited,
                )  # fmt: skip
                (self._lasting if lasting else self._running).add(program)
            code = program.wait()
            with self._lock:
                self._running.discard(program)
                self._lasting.discard(program)
        if code:
            raise SetupError(f"{name}: interrupted" if self.interrupted else why(name, log))

    def end(self) -> None:
        """Ends every program under way and lets no other begin; returns when they are gone."""
        self.interrupted = True
        with self._lock:
            running = list(self._running)
        for number in (signal.SIGTERM, signal.SIGKILL):  # the second for what a program left behind in its group
            for program in running:
                _signal(program, number)
            for program in running:
                try:
                    program.wait(SECONDS_TO_END)
                except subprocess.TimeoutExpired:
                    continue
        for program in set(self._lasting):
            program.wait()


def _signal(program: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(program.pid, number)
    except ProcessLookupError:
        return


def why(name: str, log: Path) -> str:
    """What a failed program's log says: one line where the cause is known, else its last lines."""
    text = log.read_text(errors="replace")
    again = "what was fetched is kept, the same call goes on from here"
    if NO_SPACE.search(text):
        return f"{name}: the disk is full: free some space; {again} (log: {log})"
    if NOT_TRUSTED.search(text):
        return (
            f"{name}: the certificate of the package registry is not trusted here: name the file that holds its issuer "
            f"in SSL_CERT_FILE and PIP_CERT; {again} (log: {log})"
        )
    if NO_ANSWER.search(text):
        return (
            f"{name} could not be downloaded: the package registry does not answer. Is the network there, or a proxy "
            f"missing (HTTPS_PROXY)? {again[0].upper()}{again[1:]} (log: {log})"
        )
    tail = "\n".join(text.splitlines()[-TAIL_LINES:])
    return f"{name} failed:\n{tail}\nthe whole log: {log}"
