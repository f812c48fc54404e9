"""The environment of the local stack: the process's own, `.env`, the generated secrets, and what follows from them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from dotenv import dotenv_values

from hedge_master.local_stack.folders import Folders, absolute_home
from hedge_master.local_stack.secret_file import ensure_secrets, read_secrets
from hedge_master.settings import REPO_ROOT, Settings, load_settings

WAREHOUSE_DATABASE = "warehouse"
WAREHOUSE_ROLES = {
    "HM_WAREHOUSE_URL": ("hm_owner", "HM_SECRET_WAREHOUSE_OWNER_PASSWORD"),
    "HM_WAREHOUSE_INGEST_URL": ("hm_ingest", "HM_SECRET_WAREHOUSE_INGEST_PASSWORD"),
    "HM_WAREHOUSE_DBT_URL": ("hm_dbt", "HM_SECRET_WAREHOUSE_DBT_PASSWORD"),
    "HM_WAREHOUSE_READER_URL": ("hm_reader", "HM_SECRET_WAREHOUSE_READER_PASSWORD"),
}


def with_login(url: str, user: str, password: str) -> str:
    """The same server, database and options for another role."""
    parts = urlsplit(url)
    server = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{server}"))


def derived(settings: Settings, secrets: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The HM_ variables that follow from the generated secrets, without those that the user gave himself."""
    if not secrets:
        return {}
    own_server = f"postgresql://127.0.0.1:{settings.postgres_port}/{WAREHOUSE_DATABASE}"
    server = given.get("HM_WAREHOUSE_URL") or own_server
    values = {name: with_login(server, role, secrets[secret]) for name, (role, secret) in WAREHOUSE_ROLES.items()}
    if settings.uses_sample_market:
        values["HM_ALPHA_VANTAGE_API_KEY"] = secrets["HM_SECRET_SAMPLE_MARKET_API_KEY"]
    return {name: value for name, value in values.items() if not given.get(name)}


def load_environment(
    environ: Mapping[str, str] | None = None, *, dotenv: Path = REPO_ROOT / ".env", create_secrets: bool = False
) -> dict[str, str]:
    """All variables: the process's own win over `.env`, both over the generated ones.

    Before the first start there are no secrets, and nothing that follows from them; `create_secrets` makes them.
    Raises SettingsError on a setting that is wrong.
    """
    own = dict(os.environ if environ is None else environ)
    written = {name: value or "" for name, value in dotenv_values(dotenv, interpolate=False).items()}
    given = written | {name: value for name, value in own.items() if value != "" or name not in written}
    settings = load_settings(given)
    folders = Folders(absolute_home(settings.home))
    if create_secrets:
        folders.create()
    file = folders.secrets_file
    secrets = (ensure_secrets(file) if create_secrets else read_secrets(file)) | {
        name: value for name, value in given.items() if name.startswith("HM_SECRET_") and value
    }
    own_places = {"HM_HOME": str(folders.home)}
    if not _is_writable(given.get("HOME")):
        own_places["HOME"] = str(folders.home)  # some services write there, as gunicorn and dbt do
    return given | secrets | derived(settings, secrets, given) | own_places


def _is_writable(folder: str | None) -> bool:
    return bool(folder) and Path(str(folder)).is_dir() and os.access(str(folder), os.W_OK | os.X_OK)


def apply_environment() -> None:
    """Puts `load_environment()` into the environment of this process."""
    os.environ.update(load_environment())


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without the generated secrets, each service's own ones being handed to it by name."""
    return {name: value for name, value in environ.items() if not name.startswith("HM_SECRET_")}
