"""One stack: its settings, environment and folders, read once for each command."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from hedge_master.local_stack.environment import load_environment
from hedge_master.local_stack.folders import Folders
from hedge_master.settings import REPO_ROOT, Settings, load_settings

PYTHON = sys.executable
LOCAL_FILES = REPO_ROOT / "docker" / "local"
JARS = REPO_ROOT / ".build" / "jars"
SUPERSET_CONFIG = REPO_ROOT / "superset_config"
SUPERSET_PYTHON = SUPERSET_CONFIG / ".venv" / "bin" / "python"


class StackError(RuntimeError):
    """The stack cannot do what was asked; the text is one line that says what to do."""


def installed_package(name: str) -> Path:
    """The folder of an installed package, without importing it."""
    found = find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise StackError(f"the Python package {name} is not installed: run `make setup`")
    return Path(found.submodule_search_locations[0])


@dataclass(frozen=True)
class Stack:
    settings: Settings
    environ: dict[str, str]
    folders: Folders

    @property
    def has_own_kafka(self) -> bool:
        return self.settings.kafka_bootstrap_servers is None

    @property
    def has_secrets(self) -> bool:
        return self.folders.secrets_file.exists()

    def secret(self, name: str) -> str:
        return self.environ[f"HM_SECRET_{name}"]

    def owns_warehouse(self) -> bool:
        """True where the warehouse is the local server's database."""
        address = self.settings.required("warehouse_url")
        return address.rpartition("@")[2] == f"127.0.0.1:{self.settings.postgres_port}/warehouse"

    def postgres_url(self, role: str, secret: str, database: str, driver: str = "postgresql") -> str:
        """Address of a database of the local server."""
        return f"{driver}://{role}:{self.secret(secret)}@127.0.0.1:{self.settings.postgres_port}/{database}"


def open_stack(*, create: bool = False) -> Stack:
    """The stack that the environment describes; `create` makes folders and secrets where they are missing."""
    try:
        environ = load_environment(create_secrets=create)
    except OSError as error:
        raise StackError(
            f"{error.filename or 'HM_HOME'} cannot be written to ({error.strerror}): "
            "set HM_HOME to a folder of your own on a disk with room"
        ) from None
    return Stack(load_settings(environ), environ, Folders(Path(environ["HM_HOME"])))
