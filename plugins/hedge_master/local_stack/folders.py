"""Where the local stack keeps what it makes: one folder, `HM_HOME`, and what lies in it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hedge_master.settings import REPO_ROOT

LONGEST_SOCKET_PATH = 100
LONGEST_SOCKET_NAME = "/.s.PGSQL.65535.lock"


def absolute_home(home: Path) -> Path:
    """`home` as an absolute path; a relative one counts from the checkout, wherever the call came from."""
    return Path(os.path.abspath(REPO_ROOT / home.expanduser()))  # noqa: PTH100 (resolve() would follow a link to a disk)


@dataclass(frozen=True)
class Folders:
    """Paths below HM_HOME; nothing exists before `create()`."""

    home: Path

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def stamps(self) -> Path:
        return self.home / "stamps"

    @property
    def secrets_file(self) -> Path:
        return self.home / "secrets.env"

    @property
    def supervisor_config(self) -> Path:
        return self.run / "supervisord.conf"

    @property
    def sockets(self) -> Path:
        """`run`, or a folder of our own below the temporary one where that path is too long for a socket's name."""
        if len(str(self.run)) + len(LONGEST_SOCKET_NAME) <= LONGEST_SOCKET_PATH:
            return self.run
        name = hashlib.sha256(str(self.home).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"hedge-master-{os.getuid()}-{name}"

    def data(self, service: str) -> Path:
        return self.home / service

    def log_of(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Makes the folders, closed to other users."""
        for folder in (self.home, self.logs, self.run, self.stamps, self.sockets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.sockets.stat().st_uid != os.getuid():
            raise PermissionError(f"{self.sockets} belongs to another user: set HM_HOME to a shorter path")
        self.sockets.chmod(0o700)
