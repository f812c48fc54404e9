"""The DAGs that there are, parsed by Airflow as it parses them, and held to the house rules."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hedge_master.settings import REPO_ROOT

DAGS = REPO_ROOT / "dags"
EXPECTED = {
    "sync_symbols": {"sync_listings", "sync_searched", "report_left"},
    "backfill_price_history": {"plan_calls", "sync_fx_rates", "list_chunks", "publish_payloads"},
    "produce_daily_prices": {
        *("start_market_day", "sync_listings", "sync_searched"),
        *("plan_calls", "sync_fx_rates", "list_chunks", "publish_payloads"),
    },
    "sync_fx_rates": {"sync_rates", "announce_changes", "report_left"},
    "sync_splits": {"sync_stalest", "announce_changes", "report_left"},
    "sync_earnings": {"sync_calendar", "sync_reports", "report_left"},
    "stream_prices": {"has_unread_messages", "merge_prices"},
    "redrive_rejected": {
        *("has_rejections", "redrive_rows", "report_redriven", "announce_merged", "conclude_run"),
    },
    "build_volatility": {"test_models", "publish_marts"},
    "watch_data": {"check_data"},
    "tend_warehouse": {"prune_records", "refresh_statistics"},
}

# Read by a process of its own: Airflow takes its settings from the environment when it is imported.
DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Asset
from hedge_master.orchestration.wiring import Tag
bag = DagBag(dag_folder=sys.argv[1])
described = {
    dag_id: {
        "tasks": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks},
        "rules": {task.task_id: str(task.trigger_rule.value) for task in dag.tasks},
        "tags": sorted(dag.tags), "doc": dag.doc_md or "", "runs": dag.max_active_runs, "catchup": dag.catchup,
        "owner": dag.owner, "file": dag.fileloc,
        "retries": sorted({task.retries for task in dag.tasks}),
        "pools": {task.task_id: task.pool for task in dag.tasks},
        "params": {
            name: dag.params.get_param(name).schema | {"description": dag.params.get_param(name).description}
            for name in dag.params
        },
        "outlets": {task.task_id: [outlet.name for outlet in task.outlets] for task in dag.tasks if task.outlets},
        "flags": {task.task_id: getattr(task, "dbt_cmd_flags", None) or [] for task in dag.tasks},
        "selected": {
            task.task_id: [each.split() if each else [] for each in (task.select, task.exclude)]
            for task in dag.tasks if hasattr(task, "macro_name") is False and hasattr(task, "exclude")
        },
        "tells": type(dag.on_failure_callback).__name__,
        "schedule": type(dag.schedule).__name__,
        "cron": getattr(dag.schedule, "expression", None),
        "starts": str(dag.start_date),
        "assets": sorted(
            asset.name for asset in getattr(dag.schedule, "objects", dag.schedule) or () if isinstance(asset, Asset)
        ) if not hasattr(dag.schedule, "expression") else [],
    }
    for dag_id, dag in bag.dags.items()
}
print("DESCRIBED " + json.dumps({"errors": bag.import_errors, "dags": described, "tags": [str(tag) for tag in Tag]}))
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory, manifest: Path) -> dict[str, Any]:
    assert manifest.exists()
    return described(tmp_path_factory.mktemp("airflow"), DAGS, HM_HOME=str(manifest.parents[1]))


def described(home: Path, dags: Path, **chosen: str) -> dict[str, Any]:
    """What DESCRIBE tells of a folder of DAGs, or of one file, under the settings `chosen`."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("HM_", "AIRFLOW"))}
    environ |= chosen | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__COSMOS__CACHE_DIR": str(home / "cosmos"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPO_ROOT / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
    }
    told = subprocess.run(
        [sys.executable, "-c", DESCRIBE, str(dags)], env=environ, capture_output=True, text=True, timeout=300
    )
    lines = [line for line in told.stdout.splitlines() if line.startswith("DESCRIBED ")]
    assert lines, told.stderr[-3000:]
    found: dict[str, Any] = json.loads(lines[0].removeprefix("DESCRIBED "))
    return found


def test_exactly_these_dags_import_without_an_error(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert bag["dags"].keys() == EXPECTED.keys()


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_a_dag_is_what_an_operator_expects(bag: dict[str, Any], dag_id: str) -> None:
    dag = bag["dags"][dag_id]
    assert Path(dag["file"]).stem == dag_id
    assert EXPECTED[dag_id] <= dag["tasks"].keys()
    assert dag["tags"]
    assert set(dag["tags"]) <= set(bag["tags"])
    assert dag["owner"] == "hedge-master"
    assert dag["runs"] == 1
    assert dag["catchup"] is False
    assert dag["tells"] == "RunFailed"
    assert all(retries >= 1 for retries in dag["retries"])
    for heading in ("**What it does.**", "**When it fails.**"):
        assert heading in dag["doc"]


def test_data_flows_one_way_through_the_assets(bag: dict[str, Any]) -> None:
    dags = bag["dags"]
    assert dags["backfill_price_history"]["outlets"] == {"publish_payloads": ["price_history_published"]}
    assert dags["produce_daily_prices"]["outlets"] == {"publish_payloads": ["daily_prices_published"]}
    assert dags["stream_prices"]["assets"] == ["daily_prices_published", "price_history_published"]
    assert dags["stream_prices"]["outlets"] == {"merge_prices": ["prices_merged"]}
    assert dags["redrive_rejected"]["outlets"] == {"announce_merged": ["prices_merged"]}
    assert dags["build_volatility"]["assets"] == ["prices_merged"]
    assert dags["build_volatility"]["outlets"] == {"publish_marts": ["ranking_published"]}


def test_the_stream_starts_after_either_producer(bag: dict[str, Any]) -> None:
    daily = bag["dags"]["produce_daily_prices"]
    # No start date: else Airflow would make up for the last 22:25 as soon as the DAG is switched on.
    assert (daily["schedule"], daily["cron"], daily["starts"]) == ("CronTriggerTimetable", "25 22 * * *", "None")
    assert bag["dags"]["stream_prices"]["schedule"] == "AssetAny"


def test_rates_are_there_before_prices_are_published(bag: dict[str, Any]) -> None:
    for dag_id in ("backfill_price_history", "produce_daily_prices"):
        assert "sync_fx_rates" in bag["dags"][dag_id]["tasks"]["publish_payloads"]


def test_a_run_has_one_end_that_knows_of_all_its_parts(bag: dict[str, Any]) -> None:
    """Else a leaf that is skipped or green could hide what went wrong before it."""
    for dag_id in ("backfill_price_history", "produce_daily_prices"):
        tasks = bag["dags"][dag_id]["tasks"]
        upstream = {name for names in tasks.values() for name in names}
        assert tasks.keys() - upstream == {"conclude_run"}
        assert {"publish_payloads", "sync_fx_rates"} <= set(tasks["conclude_run"])


def test_a_redrive_that_fails_announces_what_it_has_stored_and_is_red(bag: dict[str, Any]) -> None:
    dag = bag["dags"]["redrive_rejected"]
    assert (dag["tasks"]["report_redriven"], dag["rules"]["report_redriven"]) == (["redrive_rows"], "all_done")
    assert dag["tasks"]["announce_merged"] == ["report_redriven"]
    upstream = {name for names in dag["tasks"].values() for name in names}
    assert dag["tasks"].keys() - upstream == {"conclude_run"}
    assert (dag["tasks"]["conclude_run"], dag["rules"]["conclude_run"]) == (
        ["announce_merged", "redrive_rows"],
        "none_failed",
    )


def test_whoever_calls_the_api_for_rates_splits_and_earnings_waits_in_its_pool(bag: dict[str, Any]) -> None:
    for dag_id, callers in (
        ("sync_fx_rates", {"sync_rates"}),
        ("sync_splits", {"sync_stalest"}),
        ("sync_earnings", {"sync_calendar", "sync_reports"}),
    ):
        dag = bag["dags"][dag_id]
        assert {task for task, pool in dag["pools"].items() if pool == "alpha_vantage"} == callers
        assert dag["cron"] is None


def test_rates_and_splits_that_change_have_the_models_built(bag: dict[str, Any]) -> None:
    for dag_id in ("sync_fx_rates", "sync_splits"):
        assert bag["dags"][dag_id]["outlets"] == {"announce_changes": ["prices_merged"]}


def test_earnings_come_on_sundays_from_a_real_api(tmp_path: Path) -> None:
    """A scheduled run moves the sample market's clock by a day: there this DAG has no schedule."""
    real = {"HM_ALPHA_VANTAGE_BASE_URL": "https://www.example.org", "HM_ALPHA_VANTAGE_API_KEY": "k"}
    dag = described(tmp_path, DAGS / "sync_earnings.py", **real)["dags"]["sync_earnings"]
    assert (dag["schedule"], dag["cron"], dag["starts"]) == ("CronTriggerTimetable", "0 12 * * 0", "None")


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_a_forms_fields_are_typed_bounded_and_explained(bag: dict[str, Any], dag_id: str) -> None:
    for name, field in bag["dags"][dag_id]["params"].items():
        assert all(field.get(word) for word in ("type", "title", "description")), name
        if field["type"] == "integer":
            assert field["minimum"] <= field["maximum"], name


def test_nothing_is_published_before_every_model_is_built_and_every_test_has_run(
    bag: dict[str, Any], manifest: Path
) -> None:
    models = [
        node["name"] for node in json.loads(manifest.read_text())["nodes"].values() if node["resource_type"] == "model"
    ]
    dag = bag["dags"]["build_volatility"]
    assert {f"models.{name}_run" for name in models} <= dag["tasks"].keys()
    # The row in as_of says that the build is finished: no other model may still be on its way.
    assert {task for task in dag["tasks"]["test_models"] if task.endswith("_run")} == {"models.as_of_run"}
    assert dag["tasks"]["publish_marts"] == ["test_models"]


def test_a_model_that_is_tried_again_is_built_by_itself(bag: dict[str, Any]) -> None:
    """The first try of a model is watched in one `dbt build`, a second one is `dbt run`: no flag that only one knows.

    That second one runs no test, so the tests have a task of their own, which runs all of them at every try.
    """
    dag = bag["dags"]["build_volatility"]
    assert {name: flags for name, flags in dag["flags"].items() if name.endswith("_run") and flags} == {}
    assert dag["flags"]["test_models"] == []
    assert dag["selected"]["test_models"] == [[], ["test_type:unit"]]


@pytest.mark.parametrize("path", sorted(DAGS.glob("*.py")), ids=lambda path: path.stem)
def test_a_dag_file_is_wiring_only(path: Path) -> None:
    """No data library and no reading of the environment at import time: a DAG file is parsed again and again."""
    forbidden = {"pandas", "pyspark", "psycopg2", "httpx", "os", "requests", "numpy", "sqlalchemy"}
    imported: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])
    assert not imported & forbidden
