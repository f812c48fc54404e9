"""The Java of the stack: the set-up chooses it (docker/local/provision/java.py) and leaves a program that is it."""

from __future__ import annotations

import os
from pathlib import Path

from hedge_master.local_stack.stack import StackError
from hedge_master.settings import REPO_ROOT

JAVA_HOME = REPO_ROOT / ".build" / "java"


def java() -> Path:
    """The Java program; StackError where the set-up has not provided it."""
    program = JAVA_HOME / "bin" / "java"
    if not os.access(program, os.X_OK):
        raise StackError(f"{program} is missing: run `make setup`")
    return program
