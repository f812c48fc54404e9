"""What the programs of the set-up find around them: a home folder that can be written, room on the disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from provision.places import BUILD, REPO, SetupError

DISK_GIB = 6
GIB = 1024**3
# Airflow reads a % as its own, PATH a colon, Spark's --jars a comma, and the first lines of Python's scripts the rest.
UNUSABLE_IN_A_PATH = '%:,"$`\\\n'


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of every program of the set-up. Without a HOME that can be written to, caches go to .build."""
    chosen = dict(environ)
    if not _is_writable(chosen.get("HOME")):
        chosen["HOME"] = str(BUILD / "home")
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
            chosen.pop(name, None)
    if not any(_is_writable(folder) for folder in _temporary_folders(chosen)):
        chosen["TMPDIR"] = str(BUILD / "tmp")
    chosen.setdefault("UV_SYSTEM_CERTS", "true")  # what the machine trusts, not a list that uv brings along
    chosen.setdefault("UV_NO_PROGRESS", "1")
    return chosen


def _temporary_folders(environ: Mapping[str, str]) -> list[str | None]:
    return [environ.get("TMPDIR"), "/tmp", "/var/tmp"]  # noqa: S108 (asked about, not written to)


def _is_writable(folder: str | None) -> bool:
    return bool(folder) and Path(str(folder)).is_dir() and os.access(str(folder), os.W_OK | os.X_OK)


def make_folders(environ: Mapping[str, str]) -> None:
    """Those of `surroundings` that are ours; SetupError where the checkout cannot be written to."""
    try:
        BUILD.mkdir(exist_ok=True)
        for name in ("HOME", "TMPDIR"):
            if environ.get(name, "").startswith(str(BUILD)):
                Path(environ[name]).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=BUILD):
            pass
    except OSError as error:
        raise SetupError(f"{REPO} cannot be written to ({error.strerror}): use a checkout of your own") from None


def check_path(checkout: Path = REPO) -> None:
    """Spaces and apostrophes are fine."""
    found = [character for character in UNUSABLE_IN_A_PATH if character in str(checkout)]
    if found:
        raise SetupError(f"{checkout} has {' '.join(found)} in its path, which the services cannot stand: move it")


def check_disk() -> None:
    free = shutil.disk_usage(REPO).free
    if free < DISK_GIB * GIB:
        raise SetupError(f"{free / GIB:.1f} GiB are free below {REPO}, the set-up needs {DISK_GIB}: free some first")
