"""Ctrl-C while the stack starts: one line, at once, and no program left that nobody watches."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hedge_master.settings import REPO_ROOT

STACK_WITH_A_SLOW_JOB = """
import sys
from concurrent.futures import ThreadPoolExecutor
sys.argv = ["local_stack", "{command}"]
from hedge_master.local_stack.interruption import end_at_interruption
end_at_interruption()
from hedge_master.local_stack.programs import run
from hedge_master.local_stack.progress import Figure
from hedge_master.local_stack.steps import Step, run_steps
def job():
    run(["/bin/sh", "-c", {script!r}])
    return True
run_steps([Step("slow", job)], Figure())
"""


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("demo", "interrupted: services that run go on; `make demo` goes on from here, `make down` stops them\n"),
        ("status", "interrupted\n"),
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_is_one_line_and_ends_the_job_under_way(tmp_path: Path, command: str, line: str, times: int) -> None:
    """The second one comes while the first is at work: the job takes its time to end."""
    ready, ending = tmp_path / "ready", tmp_path / "ending"
    os.mkfifo(ready)
    os.mkfifo(ending)
    script = f"trap \"echo > '{ending}'; sleep 1; exit\" TERM; echo $$ > '{ready}'; sleep 40 & wait"
    stack = subprocess.Popen(
        [sys.executable, "-c", STACK_WITH_A_SLOW_JOB.format(command=command, script=script)],
        env=os.environ | {"PYTHONPATH": str(REPO_ROOT / "plugins")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    job = os.pidfd_open(int(ready.read_text()))
    stack.send_signal(signal.SIGINT)
    ending.read_text()
    for _ in range(times - 1):
        stack.send_signal(signal.SIGINT)
    said, _ = stack.communicate(timeout=20)
    ended, _, _ = select.select([job], [], [], 10)
    os.close(job)
    assert (said, stack.returncode) == (line, 130)
    assert ended
