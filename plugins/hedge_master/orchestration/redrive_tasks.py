"""What the DAG redrive_rejected does around its Spark job: is there something to drive, and what became of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from hedge_master.ingestion import redrive
from hedge_master.ingestion.rejections import Choice
from hedge_master.orchestration.connections import run_id, warehouse

log = logging.getLogger(__name__)


def has_rejections(params: Mapping[str, Any]) -> bool:
    """True where the form's choice has open rejections; says how many in the log."""
    with warehouse() as connection:
        count = redrive.count_to_drive(connection, _choice(params))
    log.info("%d open rejections to drive again", count)
    return count > 0


def report_redriven(params: Mapping[str, Any]) -> dict[str, int]:
    """The account of the run: what was resolved, refused again, gone from Kafka and left by the limit."""
    with warehouse() as connection:
        became = redrive.outcome(connection, run_id(), _choice(params))
    log.info("%s", became)
    return vars(became)


def announce_merged(became: Mapping[str, int]) -> str:
    """Succeeds, and so emits its asset, where prices were stored or changed; else skipped."""
    written = became["new"] + became["changed"]
    if not written:
        raise AirflowSkipException("no price was stored or changed")
    return f"{written:,} prices"


def _choice(params: Mapping[str, Any]) -> Choice:
    return Choice(params["reason"] or None, params["symbol"] or None, params["batch"] or None)
