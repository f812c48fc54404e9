"""What the environment of Airflow's processes holds: its configuration, connections and secrets."""

from __future__ import annotations

import json
import os
from urllib.parse import parse_qsl, unquote, urlsplit

from hedge_master.ingestion.topics import MAX_MESSAGE_BYTES
from hedge_master.local_stack.environment import without_secrets
from hedge_master.local_stack.java import JAVA_HOME
from hedge_master.local_stack.stack import PYTHON, Stack, installed_package
from hedge_master.settings import REPO_ROOT, Settings

FAB_AUTH_MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
FAB_TABLES = "airflow.providers.fab.auth_manager.models.db.FABDBManager"
OWNER_ONLY = "HM_WAREHOUSE_URL"
SMTP_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


def airflow_environment(stack: Stack) -> dict[str, str]:
    """The whole environment of an Airflow process. The warehouse's owner is not in it: no DAG may change tables."""
    plain = without_secrets(stack.environ)
    plain.pop(OWNER_ONLY, None)
    return (
        plain
        | {f"AIRFLOW__{name}": value for name, value in _configuration(stack).items()}
        | {f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in connections(stack.settings).items()}
        | dbt_environment(stack.settings)
        | {
            "AIRFLOW_HOME": str(stack.folders.data("airflow")),
            "PATH": os.pathsep.join([str(REPO_ROOT / ".venv" / "bin"), plain.get("PATH", os.defpath)]),
            "PYTHONPATH": str(REPO_ROOT / "plugins"),
            "JAVA_HOME": str(JAVA_HOME),
            "SPARK_HOME": str(installed_package("pyspark")),
            "PYSPARK_PYTHON": PYTHON,
            "PYSPARK_DRIVER_PYTHON": PYTHON,
            "SPARK_LOCAL_IP": "127.0.0.1",
            # A publishing task has 32 threads that each take a megabyte in turn: glibc would keep it in 16 arenas.
            "MALLOC_ARENA_MAX": "2",
            "DO_NOT_TRACK": "1",
            "SCARF_ANALYTICS": "false",
            "PYTHONDONTWRITEBYTECODE": "",
        }
    )


def _configuration(stack: Stack) -> dict[str, str]:
    settings = stack.settings
    address = f"http://127.0.0.1:{settings.airflow_port}"
    return {
        "CORE__DAGS_FOLDER": str(REPO_ROOT / "dags"),
        "CORE__PLUGINS_FOLDER": str(REPO_ROOT / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__MAX_ACTIVE_TASKS_PER_DAG": "4",
        "CORE__AUTH_MANAGER": FAB_AUTH_MANAGER,
        "CORE__FERNET_KEY": stack.secret("AIRFLOW_FERNET_KEY"),
        "CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "5",
        "CORE__DAGBAG_IMPORT_TIMEOUT": "90",
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(settings.airflow_port),
        "API__BASE_URL": address,
        "API__WORKERS": "1",
        "API__SECRET_KEY": stack.secret("AIRFLOW_SESSION_KEY"),
        "API_AUTH__JWT_SECRET": stack.secret("AIRFLOW_JWT_SECRET"),
        "DATABASE__SQL_ALCHEMY_CONN": stack.postgres_url(
            "airflow", "AIRFLOW_DATABASE_PASSWORD", "airflow", "postgresql+psycopg2"
        ),
        "DATABASE__EXTERNAL_DB_MANAGERS": FAB_TABLES,
        # by default a folder of the temporary one that all users and stacks share
        "COSMOS__CACHE_DIR": str(stack.folders.data("airflow") / "cosmos"),
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",  # each step of a DAG waits for one of these; the default is 1 s
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        # After a kill the tasks of a dead scheduler, or of a dead worker, are begun anew within a minute, not in five.
        "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "DAG_PROCESSOR__STALE_DAG_THRESHOLD": "150",
        "DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "120",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "LOGGING__WORKER_LOG_SERVER_PORT": str(settings.airflow_worker_log_port),
        "LOGGING__TRIGGER_LOG_SERVER_PORT": str(settings.airflow_triggerer_log_port),
        "LOGGING__COLORED_CONSOLE_LOG": "False",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def connections(settings: Settings) -> dict[str, dict[str, object]]:
    """Airflow's connections, without the AIRFLOW_CONN_ in front."""
    warehouse = urlsplit(settings.required("warehouse_ingest_url"))
    spark_master = settings.spark_master
    mail = {} if settings.smtp_url is None else {"HM_SMTP": mail_connection(settings.smtp_url.get_secret_value())}
    return mail | {
        "HM_WAREHOUSE": {
            "conn_type": "postgres",
            "host": warehouse.hostname,
            "port": warehouse.port or 5432,
            "schema": unquote(warehouse.path.lstrip("/")),
            "login": unquote(warehouse.username or ""),
            "password": unquote(warehouse.password or ""),
            "extra": dict(parse_qsl(warehouse.query)),  # such as sslmode
        },
        "HM_KAFKA": {
            "conn_type": "kafka",
            "extra": {
                "bootstrap.servers": settings.kafka_servers,
                "security.protocol": "PLAINTEXT",
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "zstd",
                "message.max.bytes": MAX_MESSAGE_BYTES,
                "linger.ms": 20,
            },
        },
        "HM_SPARK": {
            "conn_type": "spark",
            "host": spark_master,
            "extra": {"deploy-mode": "client", "spark-binary": "spark-submit"},
        },
        "HM_ALPHA_VANTAGE": {
            "conn_type": "http",
            "host": settings.alpha_vantage_url,
            "password": settings.required("alpha_vantage_api_key"),
        },
    }


def mail_connection(url: str) -> dict[str, object]:
    """The connection of the mail server that alerts go to: smtp://, smtp+starttls:// or smtps://."""
    server = urlsplit(url)
    return {
        "conn_type": "smtp",
        "host": server.hostname,
        "port": server.port or SMTP_PORTS[server.scheme],
        "login": unquote(server.username or ""),
        "password": unquote(server.password or ""),
        "extra": {
            "disable_ssl": server.scheme != "smtps",
            "disable_tls": server.scheme != "smtp+starttls",
            "timeout": 15,
            "retry_limit": 1,
        },
    }


def dbt_environment(settings: Settings) -> dict[str, str]:
    """What dbt_project/profiles.yml reads."""
    address = urlsplit(settings.required("warehouse_dbt_url"))
    reader = urlsplit(settings.required("warehouse_reader_url"))
    return {
        "DBT_HOST": address.hostname or "",
        "DBT_PORT": str(address.port or 5432),
        "DBT_USER": unquote(address.username or ""),
        "DBT_DBNAME": unquote(address.path.lstrip("/")),
        "DBT_ENV_SECRET_PASSWORD": unquote(address.password or ""),
        "DBT_READER": unquote(reader.username or ""),
        "DBT_SSLMODE": dict(parse_qsl(address.query)).get("sslmode", "prefer"),
        "DO_NOT_TRACK": "1",
    }
