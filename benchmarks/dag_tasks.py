"""A task of a DAG file, loaded as Airflow's own task process loads it."""

from __future__ import annotations

from typing import Any

from hedge_master.settings import REPO_ROOT


def task_of(dag_id: str, task_id: str) -> Any:
    """Raises KeyError where the file does not load or has no such task."""
    from airflow.dag_processing.dagbag import BundleDagBag

    folder = REPO_ROOT / "dags"
    bag = BundleDagBag(
        dag_folder=str(folder / f"{dag_id}.py"),
        safe_mode=False,
        load_op_links=False,
        bundle_path=folder,
        bundle_name="dags-folder",
    )
    return bag.dags[dag_id].task_dict[task_id]
