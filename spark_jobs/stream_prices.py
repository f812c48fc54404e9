"""Kafka -> warehouse: one query for each price topic, each from the offsets that the warehouse holds, then exit.

    spark-submit spark_jobs/stream_prices.py --run-id ID

The job reads what was published when it started (Trigger.AvailableNow). A batch is parsed and checked by Spark's own
expressions, copied into an unlogged staging table (Arrow, binary COPY), and merged by
`hedge_master.warehouse.merge`, which moves the offsets in the same transaction. Spark's checkpoint is a throw-away
folder: the warehouse alone says what was read, so a lost checkpoint or a repeated batch loses and doubles nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import pyarrow
from confluent_kafka import KafkaException
from psycopg2.extensions import connection as Connection
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from hedge_master.ingestion.positions import MessagesLost, check, read_positions
from hedge_master.ingestion.topics import TOPICS, Topic
from hedge_master.settings import Settings, load_settings
from hedge_master.warehouse.connection import connect
from hedge_master.warehouse.merge import (
    CopiedTwice,
    Counts,
    Delivery,
    KnowledgeOutdated,
    known_payloads,
    lock_staging,
    merge_batch,
)
from price_messages import Known, bars, messages, staged, validated

APPLICATION = "hedge_master stream_prices"
FETCH_BYTES = 1024 * 1024


def copied(rows: DataFrame, url: str, table: str) -> int:
    """COPY the rows into a staging table, each partition on a connection of its own; returns how many."""

    def copy(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        import itertools

        from adbc_driver_postgresql import dbapi

        first = next(batches, None)
        count = 0
        if first is not None:
            reader = pyarrow.RecordBatchReader.from_batches(first.schema, itertools.chain([first], batches))
            schema, name = table.split(".")
            with dbapi.connect(url) as connection, connection.cursor() as cursor:
                count = cursor.adbc_ingest(name, reader, mode="append", db_schema_name=schema)
                connection.commit()
        yield pyarrow.RecordBatch.from_arrays([pyarrow.array([count], pyarrow.int64())], ["rows"])

    return sum(row["rows"] for row in rows.mapInArrow(copy, "rows long").collect())


def stream(
    spark: SparkSession, settings: Settings, topic: Topic, run_id: str, checkpoint: str
) -> StreamingQuery | None:
    """Start the query of one topic; it ends when it has read what was published at its start. None: that is nothing.

    Raises MessagesLost where Kafka has deleted what the warehouse would read next.
    """
    url = settings.required("warehouse_ingest_url")
    with connect(url, APPLICATION) as warehouse:
        positions = read_positions(settings, warehouse, topic)
        check(positions)
    if not positions.unread:
        return None
    starts = {number: each.start for number, each in positions.partitions.items()}
    ends = {number: each.end for number, each in positions.partitions.items()}
    kafka = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_servers)
        .option("subscribe", topic.name)
        .option("startingOffsets", json.dumps({topic.name: starts}))
        .option("includeHeaders", "true")
        .option("maxOffsetsPerTrigger", topic.messages_per_batch)
        # Compressed: full answers unpack eight times, and consumers that wait for their next batch keep what they have
        # fetched. A message that is larger than a fetch comes whole all the same.
        .option("kafka.max.partition.fetch.bytes", FETCH_BYTES)
        .load()
    )

    def merge(batch: DataFrame, _batch_id: int) -> None:
        started_at = datetime.now(UTC)
        # Held from the first row in staging to the commit: another job on this topic waits, and then finds it merged.
        with connect(url, APPLICATION) as warehouse:
            lock_staging(warehouse, topic.staging)
            try:
                counts = read_and_merge(batch, warehouse, known_payloads(warehouse, topic), started_at)
            except (KnowledgeOutdated, CopiedTwice) as trouble:
                print(json.dumps({"topic": topic.name, "read once more": str(trouble)}), flush=True)
                warehouse.rollback()
                counts = read_and_merge(batch, warehouse, (), started_at)
        if counts is not None:
            print(json.dumps({"topic": topic.name, **asdict(counts)}), flush=True)

    def read_and_merge(batch: DataFrame, warehouse: Connection, known: Known, started_at: datetime) -> Counts | None:
        with warehouse.cursor() as cursor:
            cursor.execute(f"truncate {topic.staging}")
        warehouse.commit()
        began = time.monotonic()
        rows = copied(staged(validated(bars(messages(batch, known)))), url, topic.staging)
        delivery = Delivery(positions.topic_id, starts, ends, time.monotonic() - began)
        return merge_batch(warehouse, topic, run_id, started_at, rows, delivery)

    return (
        kafka.writeStream.foreachBatch(merge)
        .queryName(topic.name)
        .option("checkpointLocation", f"{checkpoint}/{topic.name}")
        .trigger(availableNow=True)
        .start()
    )


def ended(query: StreamingQuery) -> Exception | None:
    """Wait for a query's end; its error is handed back, so that one topic's trouble does not stop the other."""
    try:
        query.awaitTermination()
    except StreamingQueryException as error:
        return error
    return None


def main(argv: Sequence[str]) -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--run-id", required=True, help="the Airflow run that the batches are booked to")
    run_id: str = arguments.parse_args(argv).run_id
    settings = load_settings()
    spark = SparkSession.builder.appName(APPLICATION).config("spark.sql.session.timeZone", "UTC").getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    with tempfile.TemporaryDirectory(prefix="hm-checkpoint-") as checkpoint:
        queries: list[StreamingQuery] = []
        broken: list[Exception] = []
        for topic in TOPICS:
            try:
                query = stream(spark, settings, topic, run_id, checkpoint)
            except (MessagesLost, KafkaException) as error:  # of this topic: the other one is read all the same
                broken.append(error)
            else:
                if query is not None:
                    queries.append(query)
        broken += [error for error in map(ended, queries) if error is not None]
    spark.stop()
    if broken:
        raise ExceptionGroup(f"{len(broken)} of {len(TOPICS)} topics failed", broken)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
