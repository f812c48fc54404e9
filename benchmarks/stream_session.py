"""The stream's job in one long-lived Spark session, and what the warehouse's own accounts say of it."""

from __future__ import annotations

import itertools
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import psycopg2
from stream_costs import Measured
from stream_meter import Meter

from hedge_master.ingestion.topics import Topic
from hedge_master.settings import REPO_ROOT, Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# As the job's own session has it, but what a query leaves behind goes sooner: each keeps its readers with all the
# messages that they fetched, for minutes, which a job of one query a topic never notices.
SESSION: dict[str, bool | float | int | str | None] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.kafka.consumer.cache.timeout": "5s",
    "spark.kafka.consumer.cache.evictorThreadRunInterval": "5s",
    "spark.kafka.consumer.fetchedData.cache.timeout": "5s",
    "spark.kafka.consumer.fetchedData.cache.evictorThreadRunInterval": "5s",
}
ACCOUNTS = """
select count(*), sum(messages), sum(delivered), sum(new), sum(changed), sum(unchanged), sum(superseded), sum(rejected)
from market.ingest_batches where run_id = %s
"""


@dataclass(frozen=True)
class Accounts:
    """What the warehouse says of a run's batches."""

    batches: int
    messages: int
    delivered: int
    new: int
    changed: int
    unchanged: int
    superseded: int
    rejected: int


@dataclass(frozen=True)
class StreamRun:
    accounts: Accounts
    measured: Measured


def session(command: Sequence[str], environ: dict[str, str], more_jars: Sequence[str] = ()) -> SparkSession:
    """A session with the options of a `spark-submit` call. To be called once, before anything of Spark is imported."""
    options = list(command[1:-1])
    jars = options.index("--jars") + 1
    options[jars] = ",".join([options[jars], *more_jars])
    paths = [str(REPO_ROOT / "plugins"), str(REPO_ROOT / "spark_jobs")]
    sys.path[:0] = paths
    os.environ.update(environ | {"PYTHONPATH": os.pathsep.join(paths)})
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"{shlex.join(options)} pyspark-shell"
    from pyspark.sql import SparkSession

    made = SparkSession.builder.config(map=SESSION).getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    return made


class WarmStream:
    """Runs the query of one topic from the warehouse's offsets to the topic's end, as often as wanted."""

    def __init__(self, spark: SparkSession, settings: Settings, meter: Meter) -> None:
        self._spark = spark
        self._settings = settings
        self._meter = meter
        self._numbers = itertools.count(1)
        self._job = import_module("stream_prices")  # `session` put its folder on the path

    def run(self, topic: Topic) -> StreamRun:
        run_id = f"benchmark/{next(self._numbers)}"
        with (
            tempfile.TemporaryDirectory(prefix="hm-checkpoint-") as checkpoint,
            redirect_stdout(sys.stderr),  # the job prints its batches
            self._meter.measured() as measured,
        ):
            self._job.stream(self._spark, self._settings, topic, run_id, checkpoint).awaitTermination()
        return StreamRun(accounts(self._settings, run_id), measured)


def accounts(settings: Settings, run_id: str) -> Accounts:
    """Raises LookupError where the run merged no batch."""
    with closing(psycopg2.connect(settings.required("warehouse_url"))) as warehouse, warehouse.cursor() as cursor:
        cursor.execute(ACCOUNTS, (run_id,))
        row = cursor.fetchone()
    if not row or not row[0]:
        raise LookupError(f"{run_id} has no batch in market.ingest_batches")
    return Accounts(*map(int, row))
