"""What the DAG watch_data does: look at the figures, and tell what is worth a message."""

from __future__ import annotations

import logging

from airflow.sdk.exceptions import AirflowSkipException

from hedge_master.alerts.alert import send_once
from hedge_master.alerts.causes import causes
from hedge_master.alerts.channels import channels
from hedge_master.ingestion.market_date import API_ZONE
from hedge_master.operations.figures import read_figures
from hedge_master.orchestration.connections import limits, moment_of_run, warehouse
from hedge_master.settings import load_settings

log = logging.getLogger(__name__)


def watch_data() -> int:
    """Late data, a low budget, rejected rows: each cause is told once. Returns how many there are; skipped where no way
    to tell is set up."""
    settings = load_settings()
    ways = channels(settings)
    if not ways:
        raise AirflowSkipException("no alerts are set up: HM_ALERT_EMAIL_TO and HM_ALERT_WEBHOOK_URL are empty")
    market_day = moment_of_run().astimezone(API_ZONE).date()
    with warehouse() as reading, warehouse() as connection:
        found = causes(connection, settings, read_figures(reading, settings.alpha_vantage_url, limits()), market_day)
        connection.rollback()
        for alert in found:
            sent = send_once(connection, alert, ways)
            log.info("%s: %s", alert.subject, f"told by {' and '.join(sent)}" if sent else "was told before")
    return len(found)
