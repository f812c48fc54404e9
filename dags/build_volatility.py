"""Compute the two-week windows and the ranking from the stored prices, test them, and publish them in one step.

**What it does.** dbt builds all models beside the published ones and tests them; `publish_marts` then puts the new
schema in the place of the old one in one transaction.

**When it starts.** When the stream has merged prices. One run at a time.

**When it fails.** The published ranking stays as it was. The failed model or test is the red task; its log holds dbt's
message. Mend the cause and run it again: safe at any time.
"""

from __future__ import annotations

from airflow.sdk import DAG
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior
from cosmos.operators.local import DbtRunOperationLocalOperator

from hedge_master.orchestration.wiring import DEFAULTS, PRICES_MERGED, RANKING_PUBLISHED, START, Tag
from hedge_master.settings import REPO_ROOT, dbt_manifest, load_settings

PROJECT = REPO_ROOT / "dbt_project"
DBT = REPO_ROOT / ".venv" / "bin" / "dbt"
PROFILE = ProfileConfig(
    profile_name="hedge_master", target_name="warehouse", profiles_yml_filepath=PROJECT / "profiles.yml"
)

with DAG(
    dag_id="build_volatility",
    description="Windows, measures and ranking: dbt models, tested and then published",
    doc_md=__doc__,
    schedule=[PRICES_MERGED],
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=[Tag.MODELS],
):
    models = DbtTaskGroup(
        group_id="models",
        project_config=ProjectConfig(
            dbt_project_path=PROJECT, manifest_path=dbt_manifest(load_settings()), install_dbt_deps=False
        ),
        profile_config=PROFILE,
        # One `dbt build`, watched by one task per model: twice as fast as a dbt process for each.
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.WATCHER,
            invocation_mode=InvocationMode.SUBPROCESS,
            dbt_executable_path=DBT,
        ),
        # With NONE, Cosmos takes the tests out of the one `dbt build` too, and nothing would be tested.
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST, test_behavior=TestBehavior.AFTER_EACH, emit_datasets=False
        ),
        # A flag that dbt run and dbt test know too: a task that is tried again runs its own model with them.
        operator_args={"install_deps": False, "dbt_cmd_flags": ["--exclude", "test_type:unit"]},
    )
    publish = DbtRunOperationLocalOperator(
        task_id="publish_marts",
        macro_name="publish_marts",
        project_dir=str(PROJECT),
        profile_config=PROFILE,
        dbt_executable_path=str(DBT),
        invocation_mode=InvocationMode.SUBPROCESS,
        install_deps=False,
        outlets=[RANKING_PUBLISHED],
    )
    models >> publish
