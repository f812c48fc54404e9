"""Becomes one service: `python -m hedge_master.local_stack.run_service NAME`, as the supervisor calls it.

The environment is put together here, at the last moment, so that no secret stands in the supervisor's file or on a
command line; the process id stays, so that the supervisor's signals reach the service itself.
"""

from __future__ import annotations

import os
import sys

from hedge_master.local_stack.processes import MARK
from hedge_master.local_stack.services import services
from hedge_master.local_stack.stack import open_stack


def main(name: str) -> None:
    stack = open_stack()
    service = next(each for each in services(stack) if each.name == name)
    command = service.command()
    environment = dict(service.environment()) | {MARK: str(stack.folders.home)}
    os.chdir(stack.folders.run)
    os.execvpe(command[0], command, environment)  # noqa: S606 (becoming the service is the point)


if __name__ == "__main__":
    main(sys.argv[1])
