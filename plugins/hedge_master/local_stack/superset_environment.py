"""What the environment of Superset's processes holds."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from hedge_master.local_stack.stack import SUPERSET_CONFIG, Stack

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "HM_HOME")


def superset_environment(stack: Stack) -> dict[str, str]:
    """The whole environment of a Superset process: of the warehouse it knows the reader only."""
    settings = stack.settings
    reader = urlsplit(settings.required("warehouse_reader_url"))
    inherited = {name: stack.environ[name] for name in INHERITED if name in stack.environ}
    return inherited | {
        "SUPERSET_SECRET_KEY": stack.secret("SUPERSET_SESSION_KEY"),
        "SUPERSET_DATABASE_URI": stack.postgres_url(
            "superset", "SUPERSET_DATABASE_PASSWORD", "superset", "postgresql+psycopg2"
        ),
        "SUPERSET_REDIS_URL": f"redis://:{stack.secret('REDIS_PASSWORD')}@127.0.0.1:{settings.redis_port}/0",
        "SUPERSET_WAREHOUSE_HOST": reader.hostname or "",
        "SUPERSET_WAREHOUSE_PORT": str(reader.port or 5432),
        "SUPERSET_WAREHOUSE_DATABASE": unquote(reader.path.lstrip("/")),
        "SUPERSET_WAREHOUSE_USER": unquote(reader.username or ""),
        "SUPERSET_WAREHOUSE_PASSWORD": unquote(reader.password or ""),
        "SUPERSET_ADMIN_PASSWORD": stack.secret("SUPERSET_ADMIN_PASSWORD"),
        "SUPERSET_ANALYST_PASSWORD": stack.secret("SUPERSET_ANALYST_PASSWORD"),
        "SUPERSET_DATA_SOURCE": "sample" if settings.uses_sample_market else _host(settings.alpha_vantage_url),
        "SUPERSET_CONFIG_PATH": str(SUPERSET_CONFIG / "superset_config.py"),
        "SUPERSET_HOME": str(stack.folders.data("superset")),
        "SUPERSET_PORT": str(settings.superset_port),
        "SUPERSET_ENV": "production",
        "FLASK_APP": "superset.app:create_app()",
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
    }


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
