"""Compute the two-week windows and the ranking from the stored prices, test them, and publish them in one step.

**What it does.** dbt builds all models beside the published ones, the windows by what has changed since their last
build; `test_models` runs every test, on what was delivered and on what was built; `publish_marts` then puts the new
schema in the place of the old one in one transaction.

**When it starts.** When the stream has merged prices. One run at a time.

**When it fails.** The published ranking stays as it was. The failed model or test is the red task; its log holds dbt's
message. Mend the cause and run it again: safe at any time.

A release that changed a formula of the windows, or a variable of theirs, makes all of them anew with the next run.
**To have it done by hand**: as the builder's role, `drop table intermediate.int_changed_weeks cascade` in the
warehouse; then run it.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, InvocationMode, LoadMode, TestBehavior
from cosmos.operators.local import DbtRunOperationLocalOperator, DbtTestLocalOperator

from hedge_master.alerts.notifier import RunFailed
from hedge_master.orchestration.wiring import DEFAULTS, PRICES_MERGED, RANKING_PUBLISHED, START, Tag
from hedge_master.settings import REPO_ROOT, dbt_manifest, load_settings

PROJECT = REPO_ROOT / "dbt_project"
DBT = REPO_ROOT / ".venv" / "bin" / "dbt"
PROFILE = ProfileConfig(
    profile_name="hedge_master", target_name="warehouse", profiles_yml_filepath=PROJECT / "profiles.yml"
)
DBT_PROCESS = {
    "project_dir": str(PROJECT),
    "profile_config": PROFILE,
    "dbt_executable_path": str(DBT),
    "invocation_mode": InvocationMode.SUBPROCESS,
    "install_deps": False,
}

with DAG(
    dag_id="build_volatility",
    description="Windows, measures and ranking: dbt models, tested and then published",
    doc_md=__doc__,
    schedule=[PRICES_MERGED],
    start_date=START,
    catchup=False,
    max_active_runs=1,
    # One more try is for a build that was interrupted; data that fail a test will fail it again.
    default_args=DEFAULTS | {"retries": 1, "retry_delay": timedelta(seconds=5)},
    on_failure_callback=RunFailed(),
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
        # The tests stand in a task of their own: a model that is tried again is built by itself, without the tests that
        # the one `dbt build` would have run before and after it.
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST, test_behavior=TestBehavior.NONE, emit_datasets=False
        ),
        operator_args={"install_deps": False, "poke_interval": 1},
    )
    test = DbtTestLocalOperator(task_id="test_models", exclude="test_type:unit", **DBT_PROCESS)
    publish = DbtRunOperationLocalOperator(
        task_id="publish_marts", macro_name="publish_marts", outlets=[RANKING_PUBLISHED], **DBT_PROCESS
    )
    models >> test >> publish
