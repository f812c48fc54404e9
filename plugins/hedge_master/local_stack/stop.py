"""Stops the stack, gently and in the reverse order of needs, and makes sure that nothing of it is left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hedge_master.local_stack import processes
from hedge_master.local_stack.folders import Folders
from hedge_master.local_stack.progress import done, moving
from hedge_master.local_stack.stack import StackError
from hedge_master.local_stack.supervision import RUNNING, STARTING, Supervisor

# those that write stop before those that they write to
ORDER = (
    ("superset", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"),
    ("sample-market", "kafka", "redis"),
    ("postgres",),
)


def stop(folders: Folders) -> bool:
    """True where something ran. Raises StackError if a process would not go."""
    supervisor = Supervisor(folders)
    ran = supervisor.is_running()
    own = processes.own_processes(folders, supervisor.pid() if ran else None)
    if not own:
        return False
    with moving("stopping") as figure:
        if ran:
            running = {n for n, told in supervisor.processes().items() if told["statename"] in (RUNNING, STARTING)}
            for group in ORDER:
                names = [name for name in group if name in running]
                if names:
                    figure.show("stopping " + ", ".join(names))
                    with ThreadPoolExecutor(max_workers=len(names)) as pool:
                        list(pool.map(supervisor.stop_service, names))
            supervisor.end()
        figure.show("looking for what is left")
        left_over, stubborn = processes.end(list({*own, *processes.own_processes(folders, None)}))
        done("stopped" + (f" ({left_over} left-over processes ended)" if left_over else ""), figure.seconds)
    if stubborn:
        raise StackError(f"these processes would not end: {', '.join(map(str, stubborn))}")
    return True
