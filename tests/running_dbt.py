"""The project's dbt as a process, on whichever warehouse a test has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from hedge_master.settings import REPO_ROOT, Settings

PROJECT = REPO_ROOT / "dbt_project"
Dbt = Callable[..., subprocess.CompletedProcess[str]]


def dbt_on(settings: Settings, target: Path) -> Dbt:
    """Runs dbt with the given words and returns the finished process; the caller looks at its exit status."""
    address = urlsplit(settings.required("warehouse_dbt_url"))
    reader = urlsplit(settings.required("warehouse_reader_url"))
    environ = dict(os.environ) | {
        "DBT_HOST": str(address.hostname),
        "DBT_PORT": str(address.port),
        "DBT_USER": str(address.username),
        "DBT_ENV_SECRET_PASSWORD": str(address.password),
        "DBT_DBNAME": address.path.strip("/"),
        "DBT_READER": str(reader.username),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target),
        "DO_NOT_TRACK": "1",
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name("dbt")
        command = [str(program), "--no-use-colors", *words, "--profiles-dir", str(PROJECT)]
        return subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, text=True, timeout=300)

    return run
