"""The generated secrets: one file in HM_HOME that only its owner can read, made at the first start."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from dotenv import dotenv_values

SECRETS = (
    "HM_SECRET_POSTGRES_PASSWORD",
    "HM_SECRET_WAREHOUSE_OWNER_PASSWORD",
    "HM_SECRET_WAREHOUSE_INGEST_PASSWORD",
    "HM_SECRET_WAREHOUSE_DBT_PASSWORD",
    "HM_SECRET_WAREHOUSE_READER_PASSWORD",
    "HM_SECRET_SAMPLE_MARKET_API_KEY",
    "HM_SECRET_REDIS_PASSWORD",
    "HM_SECRET_AIRFLOW_DATABASE_PASSWORD",
    "HM_SECRET_AIRFLOW_FERNET_KEY",
    "HM_SECRET_AIRFLOW_JWT_SECRET",
    "HM_SECRET_AIRFLOW_SESSION_KEY",
    "HM_SECRET_AIRFLOW_ADMIN_PASSWORD",
    "HM_SECRET_AIRFLOW_OPERATOR_PASSWORD",
    "HM_SECRET_AIRFLOW_VIEWER_PASSWORD",
    "HM_SECRET_SUPERSET_DATABASE_PASSWORD",
    "HM_SECRET_SUPERSET_SESSION_KEY",
    "HM_SECRET_SUPERSET_ADMIN_PASSWORD",
    "HM_SECRET_SUPERSET_ANALYST_PASSWORD",
)
HEADER = """\
# Generated at the first start; readable by its owner only. Log-ins:
#   Airflow   admin, operator, viewer   HM_SECRET_AIRFLOW_..._PASSWORD
#   Superset  admin, analyst            HM_SECRET_SUPERSET_..._PASSWORD
"""


def _generated(name: str) -> str:
    if name.endswith("_FERNET_KEY"):
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    if name.endswith(("_JWT_SECRET", "_SESSION_KEY")):
        return secrets.token_hex(48)
    return secrets.token_hex(16)


def read_secrets(path: Path) -> dict[str, str]:
    """The secrets in the file; none where there is no file."""
    if not path.exists():
        return {}
    return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value}


def ensure_secrets(path: Path) -> dict[str, str]:
    """The secrets; generates those that the file lacks. Writes beside the file and renames: never half a file."""
    known = read_secrets(path)
    missing = [name for name in SECRETS if name not in known]
    if missing:
        known |= {name: _generated(name) for name in missing}
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, HEADER + "".join(f"{name}={value}\n" for name, value in known.items()))
    path.chmod(0o600)
    return known


def write_private(path: Path, text: str) -> None:
    """Replaces the file by one that only its owner can read."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
