"""The stream's driver as a process of its own, so that it may be killed: POINTS_FOLDER, HM_* around.

Each line of standard input, {"url": warehouse, "run_id": text}, is one run of `stream_prices.main`, whose session is
kept for the next. The reply is a line "> {...}": the error, if any, and the statements of the shortest merge. The job
has no hooks: its functions are wrapped here, to report each commit point.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from pyspark.sql import SparkSession
from torture_points import Points

import stream_prices
from hedge_master.settings import load_settings

REPLY = "> "


class PausingRows:
    """The rows that are copied: a worker stops in the midst of them, and behind its commit."""

    def __init__(self, rows: Any, points: Points) -> None:
        self._rows = rows
        self._points = points

    def mapInArrow(self, copy: Any, schema: str) -> Any:
        points = self._points

        def halved(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
            for batch in batches:
                half = batch.num_rows // 2
                yield batch.slice(0, half)
                points.at("in_copy")
                yield batch.slice(half)

        def paused(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
            for told in copy(halved(batches)):
                if told.column(0)[0].as_py():  # an empty partition has nothing to double
                    points.at("copied_by_worker")
                yield told

        return self._rows.mapInArrow(paused, schema)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)


class Wrapped:
    """The job's functions, each reporting where it is."""

    def __init__(self, points: Points) -> None:
        self._points = points
        self._copied, self._merge_batch = stream_prices.copied, stream_prices.merge_batch
        self._connect = stream_prices.connect
        self._merged_on: set[int] = set()
        self.statements: list[int] = []
        stream_prices.copied, stream_prices.merge_batch = self.copied, self.merge_batch
        stream_prices.connect = self.connect

    def copied(self, rows: Any, *arguments: Any) -> Any:
        self._points.at("before_copy")
        told = self._copied(PausingRows(rows, self._points), *arguments)
        self._points.at("after_copy")
        return told

    def merge_batch(self, warehouse: Connection, *arguments: Any, **named: Any) -> Any:
        points, number = self._points, 0

        class PausingCursor(Cursor):
            def execute(self, *arguments: Any) -> None:
                nonlocal number
                number += 1
                points.at(f"in_merge {number}")
                super().execute(*arguments)

        warehouse.cursor_factory = PausingCursor
        counts = self._merge_batch(warehouse, *arguments, **named)
        self.statements.append(number)
        self._points.at("before_commit")
        self._merged_on.add(id(warehouse))
        return counts

    @contextmanager
    def connect(self, *arguments: Any, **named: Any) -> Iterator[Connection]:
        with self._connect(*arguments, **named) as warehouse:
            yield warehouse
        if id(warehouse) in self._merged_on:
            self._merged_on.remove(id(warehouse))
            self._points.at("after_commit")


def run(session: SparkSession, run_id: str) -> str | None:
    """One run of the job; its errors in a line. What a broken run leaves is stopped, as its process would be."""
    try:
        stream_prices.main(["--run-id", run_id])
    except ExceptionGroup as group:
        return " | ".join(_line(error) for error in group.exceptions)
    except Exception as error:  # told to the killer, who knows what he did
        return _line(error)
    finally:
        # Not by getActiveSession(): what is active hangs on the JVM's thread, and that of a new connection has none.
        for query in session.streams.active:
            query.stop()
    return None


def _line(error: BaseException) -> str:
    """The last error that is named in the text: what Spark tells is a traceback around a traceback."""
    named = re.findall(r"^(?:[\w.]+\.)?(\w+(?:Error|Refused|Exception|Outdated)): (.*)", str(error), re.MULTILINE)
    kind, text = named[-1] if named else (type(error).__name__, str(error))
    return f"{kind}: {' '.join(text.split())}"


def main(points: Points) -> None:
    settings = load_settings()
    wrapped = Wrapped(points)
    session = (
        SparkSession.builder.master(settings.spark_master)
        .config("spark.jars", ",".join(map(str, sorted(settings.spark_jars.glob("*.jar")))))
        .config("spark.driver.memory", settings.spark_driver_memory)
        .config("spark.driver.extraJavaOptions", "-XX:+UseSerialGC")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    SparkSession.stop = lambda session: None  # type: ignore[method-assign]
    print(REPLY + json.dumps({"begun": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        os.environ["HM_WAREHOUSE_INGEST_URL"] = asked["url"]
        wrapped.statements.clear()
        error = run(session, asked["run_id"])
        print(REPLY + json.dumps({"error": error, "statements": min(wrapped.statements, default=None)}), flush=True)


if __name__ == "__main__":
    main(Points(Path(sys.argv[1])))
