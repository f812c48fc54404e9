"""What all DAG files share: assets, tags, defaults, the operator's page. Imported at parse time, so it stays cheap."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any

import pendulum
from airflow.sdk import Asset, CronTriggerTimetable

from hedge_master.settings import daily_schedule, load_settings

# Whoever calls the API waits for a slot here, made at the stack's start: few at once, urgent ones first.
API_POOL = "alpha_vantage"
API_SLOTS = 2

START = pendulum.datetime(2020, 1, 1, tz="UTC")

# One asset a topic (a producer has published), one for the stream's merge, one for the published ranking.
DAILY_PRICES_PUBLISHED = Asset(name="daily_prices_published", uri="x-kafka://market-data.daily-prices.v1")
PRICE_HISTORY_PUBLISHED = Asset(name="price_history_published", uri="x-kafka://market-data.price-history.v1")
PRICES_MERGED = Asset(name="prices_merged", uri="x-warehouse://market/prices")
RANKING_PUBLISHED = Asset(name="ranking_published", uri="x-warehouse://marts/ranking")

DEFAULTS: dict[str, Any] = {
    "owner": "hedge-master",
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    # A task that hangs holds a slot for ever; a full chunk on the slowest paid plan takes some ten minutes.
    "execution_timeout": timedelta(hours=2),
}

DRIVER_OPTIONS = "spark.driver.extraJavaOptions"
# Of every Spark job: no page of its own, few and large pieces of work.
SPARK_CONF = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "100000",
    # The greatest value switches the limit off: else the size of the whole batch is added up after each row of it.
    "spark.sql.execution.arrow.maxBytesPerBatch": str(2**31 - 1),
    # Else Python tells the JVM its place in the source at each expression: three round trips in four of a batch's plan.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
}


class Tag(StrEnum):
    """All tags there are; a test holds every DAG to them."""

    INGESTION = "ingestion"
    STREAM = "stream"
    MODELS = "models"
    DAILY = "daily"
    ON_DEMAND = "on demand"


def daily_after_us_close() -> CronTriggerTimetable:
    """The schedule of the daily run: HM_DAILY_SCHEDULE_TIME, 22:25 as in 2020.

    Its DAG has no start date: so the first run is the next one that falls due, not the one before the DAG was switched
    on, which would run beside the demo's own.
    """
    expression, zone = daily_schedule(load_settings())
    return CronTriggerTimetable(expression, timezone=zone.key)
