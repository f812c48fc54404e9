"""Judge refused rows and messages once more, by today's rules and symbols, and merge those that pass.

    spark-submit spark_jobs/redrive_rejected.py --run-id ID [--reason R] [--symbol S] [--batch B] [--limit N]

Rows come first, from their own JSON in `market.rejections`, so they need no Kafka; what only a whole message can answer
is then read from Kafka again. Both take the way of the stream: the same rules, the same merge, under the rule of the
newest answer. A message that Kafka has deleted stays open, and says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import pyarrow
from confluent_kafka import KafkaException
from psycopg2.extensions import connection as Connection
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from hedge_master.ingestion.kept_messages import Kept, Lack, Place, read_again
from hedge_master.ingestion.positions import read_positions
from hedge_master.ingestion.redrive import REDRIVE_STAGING, Outcome, mark_gone, outcome, to_drive
from hedge_master.ingestion.rejections import Choice, Rejection
from hedge_master.ingestion.topics import TOPICS, Topic
from hedge_master.settings import Settings, load_settings
from hedge_master.warehouse.connection import connect
from hedge_master.warehouse.merge import CopiedTwice, Counts, Delivery, lock_staging, merge_redriven
from price_messages import AS_WRITTEN, BAR, FIELDS, bars, messages, staged, validated
from stream_prices import copied

APPLICATION = "hedge_master redrive_rejected"
LIMIT = 50_000
ROWS_PER_MERGE = 20_000
BYTES_PER_MERGE = 32 * 1024 * 1024
MOST_NAMED = 10

MOMENT = pyarrow.timestamp("us", tz="UTC")
STORED = pyarrow.schema(
    {
        "partition": pyarrow.int32(),
        "kafka_offset": pyarrow.int64(),
        "is_head": pyarrow.bool_(),
        "bytes": pyarrow.int32(),
        "symbol": pyarrow.string(),
        "requested_at": MOMENT,
        "market_time": MOMENT,
        "market_date": pyarrow.date32(),
        "day_text": pyarrow.string(),
        "raw": pyarrow.string(),
        "day_repeats": pyarrow.bool_(),
    }
)
HEADER = pyarrow.struct({"key": pyarrow.string(), "value": pyarrow.binary()})
KAFKA = pyarrow.schema(
    {
        "key": pyarrow.binary(),
        "value": pyarrow.binary(),
        "partition": pyarrow.int32(),
        "offset": pyarrow.int64(),
        "headers": pyarrow.list_(HEADER),
    }
)
Message = list[Rejection]


class MessagesMissing(RuntimeError):
    """Kafka has not deleted messages that were refused, and does not hold them either."""


def rows_again(spark: SparkSession, refused: Sequence[Message]) -> DataFrame:
    """Stored rows in the shape of `price_messages.bars`, and `raw`, their JSON as it was stored. The first row of each
    message is its head; its `bytes` are those of the rows that are driven again, and it has no hash."""
    rows = [
        {
            "partition": row.partition,
            "kafka_offset": row.kafka_offset,
            "is_head": number == 0,
            "bytes": size,
            "symbol": row.symbol,
            "requested_at": row.requested_at,
            "market_time": row.market_time,
            "market_date": row.market_date,
            "day_text": row.day,
            "raw": row.raw,
            "day_repeats": times[row.day] > 1,
        }
        for message in refused
        for size in (sum(len((row.raw or "").encode()) for row in message),)
        for times in (Counter(row.day for row in message),)
        for number, row in enumerate(message)
    ]
    return (
        spark.createDataFrame(pyarrow.Table.from_pylist(rows, STORED))
        .withColumn("bar", F.from_json("raw", BAR, AS_WRITTEN))
        .withColumns({f"{column}_text": F.col(f"bar.`{name}`") for column, name in FIELDS.items()})
        .withColumns(
            {
                "payload_hash": F.lit(None).cast("binary"),
                "known_rows": F.lit(None).cast("int"),
                "body": F.lit(None).cast("string"),
                "is_json": F.lit(True),
                "is_notice": F.lit(False),
                # Rows that were refused for their payload's symbol, or for its days, are driven with the whole message.
                "payload_symbol": F.col("symbol"),
            }
        )
    )


def messages_again(spark: SparkSession, kept: Sequence[Kept]) -> DataFrame:
    """Messages in the shape of Spark's Kafka source."""
    rows = [{**vars(each), "headers": [{"key": name, "value": value} for name, value in each.headers]} for each in kept]
    return spark.createDataFrame(pyarrow.Table.from_pylist(rows, KAFKA))


def merges(found: Iterable[Message]) -> Iterator[list[Message]]:
    """What goes into one merge: at most ROWS_PER_MERGE rows, or one message, and never two messages of one place, which
    a topic has that was created anew."""
    batch: list[Message] = []
    places: set[tuple[int, int]] = set()
    rows = 0
    for message in found:
        place = message[0].partition, message[0].kafka_offset
        if batch and (place in places or rows + len(message) > ROWS_PER_MERGE):
            yield batch
            batch, places, rows = [], set(), 0
        batch.append(message)
        places.add(place)
        rows += len(message)
    if batch:
        yield batch


class Redrive:
    """One run, on one connection, which holds the lock of the staging table."""

    def __init__(self, spark: SparkSession, settings: Settings, warehouse: Connection, run_id: str) -> None:
        self._spark = spark
        self._settings = settings
        self._url = settings.required("warehouse_ingest_url")
        self._warehouse = warehouse
        self._run_id = run_id

    def run(self, choice: Choice, limit: int) -> Outcome:
        """Each merge commits by itself: what a kill leaves open is driven by the next run.

        Raises an ExceptionGroup, at the end, of what kept a topic's messages from being read.
        """
        lock_staging(self._warehouse, REDRIVE_STAGING)
        # Looked up behind the lock: another run may just have resolved some.
        found = list(to_drive(self._warehouse, choice, limit, TOPICS))
        self._warehouse.commit()
        for topic in TOPICS:
            self._drive_rows(topic, [message for message in found if message[0].topic == topic.name])
        broken: list[Exception] = []
        for topic in TOPICS:
            whole = [message for message in found if message[0].topic == topic.name and _needs_message(message)]
            try:
                self._drive_messages(topic, whole)
            except (KafkaException, TimeoutError, MessagesMissing) as error:  # of this topic: the other one is read
                broken.append(error)
        became = outcome(self._warehouse, self._run_id, choice, TOPICS)
        print(json.dumps({"run": self._run_id, **asdict(became)}), flush=True)
        if broken:
            raise ExceptionGroup(f"messages of {len(broken)} topics could not be read again", broken)
        return became

    def _drive_rows(self, topic: Topic, found: Sequence[Message]) -> None:
        rows = [[row for row in message if not row.needs_message] for message in found]
        for batch in merges(message for message in rows if message):
            ids = [row.rejection_id for message in batch for row in message]
            self._merge(topic, staged(validated(rows_again(self._spark, batch)), own_json=F.col("raw")), ids)

    def _drive_messages(self, topic: Topic, whole: Sequence[Message]) -> None:
        if not whole:
            return
        refused = {_place(message): message for message in whole}
        missing: list[str] = []
        batch: list[Kept] = []
        ids: list[int] = []
        size = 0
        positions = read_positions(self._settings, self._warehouse, topic)
        self._warehouse.commit()
        for place, kept in read_again(self._settings, positions, list(refused)):
            rows = refused[place]
            if kept is Lack.GONE:
                with self._warehouse:
                    gone = [row.rejection_id for row in rows if row.needs_message]
                    mark_gone(self._warehouse, gone, self._run_id)
                continue
            if kept is Lack.MISSING:
                missing.append(rows[0].place)
                continue
            ids += [row.rejection_id for row in rows]
            if kept not in batch[-1:]:  # rejections of one message may know it with its request time, and without
                batch.append(kept)
                size += len(kept.value or b"")
            if size > BYTES_PER_MERGE:
                self._merge_messages(topic, batch, ids)
                batch, ids, size = [], [], 0
        if batch:
            self._merge_messages(topic, batch, ids)
        if missing:
            raise MessagesMissing(
                f"Kafka does not hold, and has not deleted: {', '.join(missing[:MOST_NAMED])}"
                + (f" and {len(missing) - MOST_NAMED:,} more" if len(missing) > MOST_NAMED else "")
                + "; `hm stream accept-loss` says whether the topic has lost its end"
            )

    def _merge_messages(self, topic: Topic, kept: Sequence[Kept], ids: Sequence[int]) -> None:
        self._merge(topic, staged(validated(bars(messages(messages_again(self._spark, kept))))), ids)

    def _merge(self, topic: Topic, rows: DataFrame, ids: Sequence[int]) -> None:
        try:
            counts = self._copy_and_merge(topic, rows, ids)
        except CopiedTwice:
            counts = self._copy_and_merge(topic, rows, ids)
        print(json.dumps({"topic": topic.name, **asdict(counts)}), flush=True)

    def _copy_and_merge(self, topic: Topic, rows: DataFrame, ids: Sequence[int]) -> Counts:
        started_at, began = datetime.now(UTC), time.monotonic()
        with self._warehouse, self._warehouse.cursor() as cursor:
            cursor.execute(f"truncate {REDRIVE_STAGING}")
        count = copied(rows, self._url, REDRIVE_STAGING)
        delivery = Delivery(copy_seconds=time.monotonic() - began)
        with self._warehouse:
            return merge_redriven(
                self._warehouse, topic, REDRIVE_STAGING, self._run_id, started_at, count, ids, delivery
            )


def _needs_message(message: Message) -> bool:
    return any(row.needs_message for row in message)


def _place(message: Message) -> Place:
    first = message[0]
    seen = min(row.first_seen for row in message)
    return Place(first.partition, first.kafka_offset, first.symbol, first.requested_at, seen)


def main(argv: Sequence[str]) -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--run-id", required=True, help="the Airflow run that the batches are booked to")
    arguments.add_argument("--reason", help="only what was refused for this reason; empty: any")
    arguments.add_argument("--symbol", help="only this symbol; empty: any")
    arguments.add_argument("--batch", type=int, help="only what this batch refused first or last; 0: any")
    arguments.add_argument("--limit", type=int, default=LIMIT, help="no further message after so many rejections")
    given = arguments.parse_args(argv)
    choice = Choice(given.reason or None, given.symbol or None, given.batch or None)
    settings = load_settings()
    spark = SparkSession.builder.appName(APPLICATION).config("spark.sql.session.timeZone", "UTC").getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    with connect(settings.required("warehouse_ingest_url"), APPLICATION) as warehouse:
        Redrive(spark, settings, warehouse, given.run_id).run(choice, given.limit)
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
