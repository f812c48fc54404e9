"""Where everything lies, and the one kind of error that a user sees."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

LOCAL_FILES = Path(__file__).resolve().parents[1]
REPO = LOCAL_FILES.parents[1]
BUILD = REPO / ".build"
LOGS = BUILD / "logs"
VENV = REPO / ".venv"
SUPERSET_VENV = REPO / "superset_config" / ".venv"
PYTHON = VENV / "bin" / "python"
SUPERSET_PYTHON = SUPERSET_VENV / "bin" / "python"


class SetupError(RuntimeError):
    """One line that says what is missing and what to do."""


def hashed(*inputs: Path | str) -> str:
    """One hash of files' contents and words, and of the version of Python."""
    total = hashlib.sha256("{}.{}".format(*sys.version_info[:2]).encode())
    for each in inputs:
        total.update(each.read_bytes() if isinstance(each, Path) else each.encode())
    return total.hexdigest()


def is_done(stamp: Path, inputs: str) -> bool:
    return stamp.exists() and stamp.read_text() == inputs
