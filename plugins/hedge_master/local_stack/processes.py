"""The processes of this machine that belong to one stack: found, awaited, ended."""

from __future__ import annotations

from pathlib import Path

import psutil  # type: ignore[import-untyped]

from hedge_master.local_stack.folders import Folders

MARK = "HEDGE_MASTER_STACK"
SECONDS_TO_END = 15


def environment_of(pid: int) -> dict[str, str]:
    return dict(psutil.Process(pid).environ())


def own_processes(folders: Folders, supervisor: int | None) -> list[psutil.Process]:
    """Every process of this stack: below its supervisor, or orphaned and still bearing a mark.

    The marks are a variable in the environment, which some programs overwrite with their title, and the working
    folder, which counts only without a terminal: a user may stand in it. Whoever asks, and whoever called them, may
    stand there too and are never part of the stack.
    """
    asking = {psutil.Process(), *psutil.Process().parents()}
    found = {process for process in psutil.process_iter() if process not in asking and _is_marked(process, folders)}
    if supervisor is not None and psutil.pid_exists(supervisor):
        root = psutil.Process(supervisor)
        found |= {root, *root.children(recursive=True)}
    return sorted(found, key=lambda process: int(process.pid))


def _is_marked(process: psutil.Process, folders: Folders) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if process.environ().get(MARK) == str(folders.home):
            return True
        return Path(process.cwd()).is_relative_to(folders.home) and process.terminal() is None
    except (psutil.Error, OSError):
        return False


def memory_bytes(processes: list[psutil.Process]) -> int:
    """What they take together; memory that several share is counted once."""
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except (psutil.Error, OSError, AttributeError):
            continue
    return total


def has_ended(pid: int, seconds: int) -> bool:
    """Waits for the end of a process; False where it still runs then."""
    try:
        psutil.Process(pid).wait(timeout=seconds)
    except psutil.TimeoutExpired:
        return False
    except psutil.NoSuchProcess:
        return True
    return True


def end(processes: list[psutil.Process]) -> tuple[int, list[int]]:
    """Ends those that still run, gently first: how many there were, and the ids of those that would not go."""
    _, alive = psutil.wait_procs(processes, timeout=1)
    found = len(alive)
    for signal in ("terminate", "kill"):
        for process in alive:
            try:
                getattr(process, signal)()
            except psutil.NoSuchProcess:
                continue
        _, alive = psutil.wait_procs(alive, timeout=SECONDS_TO_END)
    return found, [int(process.pid) for process in alive]
