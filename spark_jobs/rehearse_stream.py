"""The stream's own work on one made-up answer, without a server: the run that an archive of classes is made from.

    spark-submit --conf spark.driver.extraJavaOptions=-XX:ArchiveClassesAtExit=FILE spark_jobs/rehearse_stream.py

See docs/decisions/0015. Kafka's own classes are not in it: they come by `--jars`, from which Java archives nothing.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from price_messages import FIELDS, Known, bars, messages, staged, validated

SYMBOL = "IBM"
BAR = dict(zip(FIELDS.values(), ("129.84", "130.4", "124.81", "125.27", "3879900"), strict=True))
ANSWER = {"Meta Data": {"2. Symbol": SYMBOL}, "Time Series (Daily)": {"2020-06-12": BAR}}
HEADERS = {
    "symbol": SYMBOL,
    "requested_at": "2020-06-12T22:25:00+00:00",
    "market_time": "2020-06-12T22:25:00+00:00",
    "market_date": "2020-06-12",
}


def as_from_kafka(text: DataFrame) -> DataFrame:
    """Lines of text as the messages that Spark reads from Kafka."""
    headers = [
        F.struct(F.lit(key).alias("key"), F.lit(value).cast("binary").alias("value")) for key, value in HEADERS.items()
    ]
    return text.select(
        F.lit(SYMBOL).cast("binary").alias("key"),
        F.col("value").cast("binary").alias("value"),
        F.lit(0).alias("partition"),
        F.lit(0).cast("long").alias("offset"),
        F.array(*headers).alias("headers"),
    )


def counted(rows: DataFrame) -> int:
    def count(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        number = sum(batch.num_rows for batch in batches)
        yield pyarrow.RecordBatch.from_arrays([pyarrow.array([number], pyarrow.int64())], ["rows"])

    return sum(row["rows"] for row in rows.mapInArrow(count, "rows long").collect())


def main() -> int:
    spark = SparkSession.builder.appName("hedge_master rehearse_stream").getOrCreate()
    another: Known = [("MSFT", bytes(32), 1)]
    seen = []

    def read(batch: DataFrame, _batch_id: int) -> None:
        for known in ((), another):
            seen.append(counted(staged(validated(bars(messages(as_from_kafka(batch), known))))))

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "answers").mkdir()
        (Path(folder) / "answers" / "one.txt").write_text(json.dumps(ANSWER))
        lines = spark.readStream.format("text").load(f"{folder}/answers")
        stream = lines.writeStream.foreachBatch(read).option("checkpointLocation", f"{folder}/checkpoint")
        stream.trigger(availableNow=True).start().awaitTermination()
    spark.stop()
    if seen != [1, 1]:
        raise RuntimeError(f"one bar was rehearsed twice; the stream's functions made {seen} of it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
