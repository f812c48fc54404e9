"""What is done once between the services' starts: roles and databases, tables, topics, Airflow's and Superset's own."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from hedge_master.local_stack import postgres
from hedge_master.local_stack.airflow_bootstrap import USERS
from hedge_master.local_stack.airflow_environment import airflow_environment, dbt_environment
from hedge_master.local_stack.environment import without_secrets
from hedge_master.local_stack.programs import run_logged
from hedge_master.local_stack.progress import console
from hedge_master.local_stack.stack import PYTHON, SUPERSET_CONFIG, SUPERSET_PYTHON, Stack
from hedge_master.local_stack.stamps import fingerprint, is_done, mark_done
from hedge_master.local_stack.steps import Step
from hedge_master.local_stack.superset_environment import superset_environment
from hedge_master.settings import REPO_ROOT, dbt_manifest

DBT_PROJECT = REPO_ROOT / "dbt_project"
WIRING = REPO_ROOT / "plugins" / "hedge_master" / "orchestration" / "wiring.py"  # its pool


def jobs(stack: Stack) -> list[Step]:
    """The jobs of the start, each with what it needs."""
    return [
        Step("databases", lambda: _databases(stack), ("postgres",)),
        Step("warehouse-schema", lambda: _warehouse_schema(stack), ("databases",)),
        Step("topics", lambda: _topics(stack), ("kafka",) if stack.has_own_kafka else ()),
        Step("dbt-manifest", lambda: _dbt_manifest(stack)),
        Step("airflow-metadata", lambda: _airflow_metadata(stack), ("databases",)),
        Step("superset-content", lambda: _superset_content(stack), ("warehouse-schema", "redis")),
    ]


def _databases(stack: Stack) -> bool:
    postgres.ensure_roles_and_databases(stack)
    return True


def _warehouse_schema(stack: Stack) -> bool:
    from hedge_master.warehouse.migrate import migrate

    migrate(stack.settings)
    return True


def _topics(stack: Stack) -> bool:
    from hedge_master.ingestion.topics import ensure_topics

    for difference in ensure_topics(stack.settings):
        console.print(f"[yellow]{difference}: left as it is[/yellow]")
    return True


# A migration holds its lock in a transaction that does nothing else, for as long as it takes.
NO_IDLE_LIMIT = {"PGOPTIONS": "-c idle_in_transaction_session_timeout=0"}


def _airflow_metadata(stack: Stack) -> bool:
    secrets = [stack.secret(f"AIRFLOW_{user.upper()}_PASSWORD") for user, _, _ in USERS]
    versions = [version("apache-airflow"), version("apache-airflow-providers-fab")]
    inputs = fingerprint([*versions, *secrets], [Path(__file__).with_name("airflow_bootstrap.py"), WIRING])
    if is_done(stack.folders, "airflow-metadata", inputs):
        return False
    passwords = {variable: password for (_, _, variable), password in zip(USERS, secrets, strict=True)}
    run_logged(
        stack,
        "airflow-metadata",
        [PYTHON, "-m", "hedge_master.local_stack.airflow_bootstrap"],
        airflow_environment(stack) | passwords | NO_IDLE_LIMIT,
    )
    mark_done(stack.folders, "airflow-metadata", inputs)
    return True


def _dbt_manifest(stack: Stack) -> bool:
    """The list of models that build_volatility is drawn from; parsed here, so that reading the DAG costs nothing."""
    sources = [DBT_PROJECT / "dbt_project.yml", DBT_PROJECT / "profiles.yml"]
    folders = [DBT_PROJECT / name for name in ("models", "macros", "tests", "seeds")]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    inputs = fingerprint([version("dbt-core"), str(DBT_PROJECT)], sources + files)
    # In HM_HOME, not in the checkout: two stacks of one checkout must not write one file.
    target = dbt_manifest(stack.settings).parent
    if is_done(stack.folders, "dbt-manifest", inputs) and dbt_manifest(stack.settings).exists():
        return False
    place = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    place += ["--target-path", str(target), "--log-path", str(target)]
    command = [str(REPO_ROOT / ".venv" / "bin" / "dbt"), "parse", *place]
    run_logged(stack, "dbt-manifest", command, without_secrets(stack.environ) | dbt_environment(stack.settings))
    mark_done(stack.folders, "dbt-manifest", inputs)
    return True


def _superset_content(stack: Stack) -> bool:
    """Superset's tables, roles, users and dashboards; bootstrap.py itself sees that nothing has changed."""
    stack.folders.data("superset").mkdir(mode=0o700, exist_ok=True)
    command = [str(SUPERSET_PYTHON), str(SUPERSET_CONFIG / "bootstrap.py")]
    run_logged(stack, "superset-content", command, superset_environment(stack))
    return True
