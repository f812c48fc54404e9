"""Ctrl-C: one line, no traceback, nothing left running that nobody watches."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_CODE = 130
SHOW_CURSOR = "\r\033[K\033[?25h"
STARTS_SERVICES = ("up", "demo")


def end_at_interruption() -> None:
    """From now on Ctrl-C (and a closed terminal) ends this process, wherever it is.

    Nothing needs to be tidied: every step stands a kill at any point, and the next call goes on from there.
    """
    for each in SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:  # `nohup` means it
            signal.signal(each, _end)


def _end(number: int, frame: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C has nothing to add
    programs = sys.modules.get("hedge_master.local_stack.programs")
    if programs is not None:
        programs.end_all()
    command = next(iter(sys.argv[1:]), "")
    line = "interrupted"
    if command in STARTS_SERVICES:
        line += f": services that run go on; `make {command}` goes on from here, `make down` stops them"
    elif command == "next-day":
        line += ": what was begun goes on in Airflow; `make status` shows it"
    front = SHOW_CURSOR if os.isatty(1) else ""
    os.write(1, f"{front}{line}\n".encode())  # print() may be what was interrupted
    os._exit(EXIT_CODE)
