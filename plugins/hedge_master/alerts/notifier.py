"""Airflow's notifier of a failed run: one message a run, however many of its tasks failed or are tried again."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from hedge_master.alerts.alert import Alert

APPLICATION = "hedge_master alerts"
WHEN_IT_FAILS = "**When it fails.**"


class RunFailed(BaseNotifier):
    """The `on_failure_callback` of each DAG. It names the run and what its page says to do: no exception's text, which
    may hold what a server said."""

    def notify(self, context: Any) -> None:
        import psycopg2

        from hedge_master.alerts.alert import send_once
        from hedge_master.alerts.channels import channels
        from hedge_master.settings import load_settings

        ways = channels(load_settings())
        if not ways:
            return
        with ExitStack() as stack:
            try:
                warehouse = stack.enter_context(_warehouse())
            except psycopg2.OperationalError:
                warehouse = None  # it may be why the run failed: better two messages than none
            send_once(warehouse, failed_run(context), ways)


def failed_run(context: Any) -> Alert:
    """The message about the run of a DAG's callback context."""
    from hedge_master.alerts.alert import Alert

    dag, run_id = context["dag"], context["run_id"]
    text = [f"The run {run_id} of {dag.dag_id} has failed."]
    last_task = context.get("ti")
    if last_task is not None:
        text.append(f"Its last task: {last_task.task_id}.")
    page = (dag.doc_md or "").partition(WHEN_IT_FAILS)[2].strip()
    if page:
        text.append(f"When it fails: {page}")
    return Alert(f"failed run: {dag.dag_id}/{run_id}", f"Hedge Master: {dag.dag_id} failed", "\n\n".join(text))


def _warehouse() -> Any:
    from airflow.sdk import BaseHook

    from hedge_master.warehouse.connection import connect

    return connect(BaseHook.get_connection("hm_warehouse").get_uri(), APPLICATION)
