"""The set-up's programs: what a failure says, and what Ctrl-C leaves behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from provision import programs as programs_module
from provision.places import SetupError
from provision.programs import Programs, why


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(programs_module, "LOGS", tmp_path / "logs")
    return tmp_path / "logs"


def told(tmp_path: Path, text: str) -> str:
    log = tmp_path / "step.log"
    log.write_text(text)
    return why("Python packages", log)


# What each of them wrote on a machine without a network, and behind a proxy that refuses.
@pytest.mark.parametrize(
    "written",
    [
        "error: Request failed after 3 retries\n  Caused by: error sending request for url (https://x/simple/a/)",
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)'\n"
        "ERROR: No matching distribution found for uv==0.13.9",
        "\tServer access error at url https://x/a.jar (java.net.UnknownHostException: x)",
        "\tServer access error at url https://x/a.jar (java.net.ConnectException: Connection refused)",
    ],
    ids=["uv", "pip", "Ivy without a network", "Ivy behind a proxy"],
)
def test_no_answer_from_the_registry_is_one_line(tmp_path: Path, written: str) -> None:
    line = told(tmp_path, written)
    assert line.startswith("Python packages could not be downloaded: the package registry does not answer.")
    assert "the same call goes on from here" in line
    assert str(tmp_path / "step.log") in line
    assert "\n" not in line


def test_a_certificate_that_is_not_trusted_names_the_setting(tmp_path: Path) -> None:
    line = told(tmp_path, "error sending request\n  Caused by: invalid peer certificate: UnknownIssuer")
    assert "SSL_CERT_FILE" in line
    assert "\n" not in line


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    assert told(tmp_path, "error: failed to write\n  Caused by: No space left on device (os error 28)").startswith(
        "Python packages: the disk is full"
    )


def test_any_other_failure_shows_the_end_of_the_log(tmp_path: Path) -> None:
    line = told(tmp_path, "".join(f"line {number}\n" for number in range(1, 31)) + "no such version\n")
    assert "line 19\n" not in line  # twelve lines: 20 to 30 and the last
    assert "line 20\n" in line
    assert "no such version" in line


def test_an_interruption_ends_what_a_program_itself_started(tmp_path: Path) -> None:
    """Ctrl-C while uv builds a package: uv goes, and so does the compiler that it called."""
    grandchild = tmp_path / "grandchild"
    os.mkfifo(grandchild)
    script = f"sleep 300 & echo $! > '{grandchild}'; wait"
    programs = Programs()
    failures: list[SetupError] = []

    def run() -> None:
        try:
            programs.run("build", ["/bin/sh", "-c", script])
        except SetupError as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    below = os.pidfd_open(int(grandchild.read_text()))  # the text is there when the shell has written it
    programs.end()
    thread.join(10)
    assert [str(error) for error in failures] == ["build: interrupted"]
    ended, _, _ = select.select([below], [], [], 10)
    os.close(below)
    assert ended


def test_a_program_that_ignores_a_polite_end_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    programs = Programs()
    codes: list[str] = []

    def run() -> None:
        with pytest.raises(SetupError):
            programs.run("deaf", ["/bin/sh", "-c", f"trap '' TERM; echo > '{ready}'; sleep 20; sleep 20"])
        codes.append("ended")

    thread = threading.Thread(target=run)
    thread.start()
    ready.read_text()
    programs.end()
    thread.join(10)
    assert codes == ["ended"]


def test_after_an_interruption_nothing_begins(tmp_path: Path) -> None:
    programs = Programs()
    programs.end()
    with pytest.raises(SetupError, match="interrupted"):
        programs.run("late", ["/usr/bin/touch", tmp_path / "begun"])
    assert not (tmp_path / "begun").exists()


def test_what_must_not_be_halved_is_awaited(tmp_path: Path) -> None:
    """apt-get unpacks: Ctrl-C waits for it instead of leaving a package half there."""
    gate, done = tmp_path / "gate", tmp_path / "done"
    os.mkfifo(gate)
    programs = Programs()
    script = f"echo > '{gate}'; read line < '{gate}'; touch '{done}'"
    thread = threading.Thread(target=lambda: programs.run("apt", ["/bin/sh", "-c", script], lasting=True))
    thread.start()
    gate.read_text()
    ender = threading.Thread(target=programs.end)
    ender.start()
    ender.join(0.5)
    waits = ender.is_alive()
    gate.write_text("go\n")
    ender.join(10)
    thread.join(10)
    assert waits
    assert done.exists()


SETUP_WITH_A_SLOW_STEP = """
import sys
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, {local!r})
import setup
from provision import programs
from pathlib import Path
programs.LOGS = Path({logs!r})
def slow(environ):
    runner = programs.Programs()
    with ThreadPoolExecutor(max_workers=1) as pool:
        setup.finish(runner, pool.submit(runner.run, "slow", ["/bin/sh", "-c", {script!r}]))
setup.set_up = slow
sys.exit(setup.main([]))
"""


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_is_one_line_however_often_it_is_pressed(tmp_path: Path, times: int) -> None:
    """The second one comes while the first is at work: the program takes its time to end."""
    ready, ending = tmp_path / "ready", tmp_path / "ending"
    os.mkfifo(ready)
    os.mkfifo(ending)
    script = f"trap \"echo > '{ending}'; sleep 1; exit\" TERM; echo $$ > '{ready}'; sleep 40 & wait"
    local = str(Path(programs_module.__file__).parents[1])
    program = SETUP_WITH_A_SLOW_STEP.format(local=local, logs=str(tmp_path / "logs"), script=script)
    setup = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    below = os.pidfd_open(int(ready.read_text()))
    setup.send_signal(signal.SIGINT)
    ending.read_text()
    for _ in range(times - 1):
        setup.send_signal(signal.SIGINT)
    _, said = setup.communicate(timeout=20)
    ended, _, _ = select.select([below], [], [], 10)
    os.close(below)
    assert ended
    assert said == "interrupted: what was fetched is kept, the same call goes on from here\n"
    assert setup.returncode == 130
