"""The jars of the peers: `.build/peers`, fetched at the first run by the Ivy that pyspark bundles (10 s, 45 MB)."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

from hedge_master.settings import REPO_ROOT

IVY_FILE = Path(__file__).with_name("peers-ivy.xml")
PEER_JARS = REPO_ROOT / ".build" / "peers"


def fetched() -> Path:
    """Folder with `connect/` and `jdbc/`. Raises the set-up's own error, one line, where they cannot be fetched."""
    sys.path.append(str(REPO_ROOT / "docker" / "local"))  # as setup.py, which the folder belongs to
    jars, programs = import_module("provision.jars"), import_module("provision.programs")
    if not jars.are_there(IVY_FILE, PEER_JARS):
        jars.fetch(programs.Programs(), os.environ, IVY_FILE, PEER_JARS)
    return PEER_JARS
