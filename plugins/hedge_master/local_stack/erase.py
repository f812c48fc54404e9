"""`make clean`: says what was made and how big it is, and erases it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hedge_master.local_stack.folders import Folders
from hedge_master.local_stack.progress import console
from hedge_master.local_stack.stop import stop
from hedge_master.settings import REPO_ROOT

MIB = 1024**2


def made(folders: Folders) -> dict[Path, str]:
    """What exists of all that running makes, and what it is."""
    all_made = {
        folders.home: "all data, logs and secrets of the stack",
        folders.sockets: "sockets",
        REPO_ROOT / ".build": "downloads: jars, sample prices",
        REPO_ROOT / ".venv": "Python environment",
        REPO_ROOT / "superset_config" / ".venv": "Superset's Python environment",
        REPO_ROOT / "dbt_project" / "target": "dbt's compiled models",
        REPO_ROOT / "dbt_project" / "logs": "dbt's logs",
    }
    return {path: what for path, what in all_made.items() if path.exists() and path != folders.run}


def announce(folders: Folders) -> bool:
    """Lists what would be erased; False where there is nothing."""
    found = made(folders)
    for path, what in found.items():
        console.print(f"  {_bytes(path) / MIB:8,.0f} MiB  {path}  ({what})", markup=False)
    return bool(found)


def erase(folders: Folders) -> None:
    """Stops what runs, then erases."""
    stop(folders)
    for path in made(folders):
        shutil.rmtree(path)
        console.print(f"  erased {path}", markup=False)


def _bytes(folder: Path) -> int:
    """What its files take on the disk; a file with several names counts once."""
    seen: set[int] = set()
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            told = (Path(root) / name).lstat()
            if told.st_ino not in seen:
                seen.add(told.st_ino)
                total += told.st_blocks * 512
    return total
