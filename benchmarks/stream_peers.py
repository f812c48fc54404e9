"""The peers of the stream that need no server of their own: each gets rows that are flattened and typed already."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
from psycopg2.extras import execute_values
from stream_costs import Spent
from stream_figures import Work
from stream_meter import Meter

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = "symbol_id integer, day date, open float8, high float8, low float8, close float8, volume bigint"
NAMES = ("symbol_id", "day", "open", "high", "low", "close", "volume")
CHOSEN = f"select {', '.join(NAMES)} from market.prices where symbol_id between %s and %s order by 1, 2"  # noqa: S608
KEY = ", primary key (symbol_id, day)"
PAGE_ROWS = 1_000  # faster than 100 and 10,000
JDBC_BATCH_ROWS = 10_000
SPARK_FILES = 2  # one a core


Rows = list[tuple[Any, ...]]


class Peers:
    """`url`: the warehouse as its owner. Tables stand in schema `peer`, anew for each peer."""

    def __init__(self, url: str, meter: Meter) -> None:
        self._url = url
        self._meter = meter

    def flattened(self, first_symbol: int, last_symbol: int) -> Rows:
        """Rows that the stream has stored."""
        with closing(psycopg2.connect(self._url)) as warehouse, warehouse.cursor() as cursor:
            cursor.execute(CHOSEN, (first_symbol, last_symbol))
            return cursor.fetchall()

    def raw_copy(self, first_symbol: int, last_symbol: int) -> Spent:
        """(a) Binary COPY of the same rows into a table without a key."""
        rows = io.BytesIO()
        make_table(self._url, "raw_copy", "")
        with closing(psycopg2.connect(self._url)) as warehouse, warehouse.cursor() as cursor:
            chosen = cursor.mogrify(CHOSEN, (first_symbol, last_symbol)).decode()
            cursor.copy_expert(f"copy ({chosen}) to stdout (format binary)", rows)
            rows.seek(0)
            with self._meter.measured() as measured, warehouse:
                cursor.copy_expert("copy peer.raw_copy from stdin (format binary)", rows)
            return Spent.of(cursor.rowcount, measured)

    def execute_values(self, rows: Rows) -> Spent:
        """(d) psycopg2's execute_values with ON CONFLICT, a transaction for as many rows as a batch of the stream."""
        make_table(self._url, "execute_values", KEY)
        with closing(psycopg2.connect(self._url)) as warehouse, warehouse.cursor() as cursor:
            values = ", ".join(f"{name} = excluded.{name}" for name in NAMES[2:])
            statement = f"""insert into peer.execute_values values %s
                on conflict (symbol_id, day) do update set {values}"""  # noqa: S608 (our own names)
            with self._meter.measured() as measured, warehouse:
                execute_values(cursor, statement, rows, page_size=PAGE_ROWS)
        return Spent.of(len(rows), measured)

    def spark_jdbc(self, spark: SparkSession, rows: Rows, folder: Path) -> dict[Work, Spent]:
        """(b) Spark's JDBC writer, which can only append: parquet to an empty table with the key, and to one without.

        The rows go there once before, unmeasured: the classes are compiled then.
        """
        import pyarrow
        from pyarrow import parquet

        folder.mkdir()
        for start in range(0, len(rows), -(-len(rows) // SPARK_FILES)):
            some = rows[start : start - (-len(rows) // SPARK_FILES)]
            columns = [pyarrow.array(column) for column in zip(*some, strict=True)]
            parquet.write_table(pyarrow.Table.from_arrays(columns, names=list(NAMES)), folder / f"{start}.parquet")
        login = jdbc_login(self._url) | {"driver": "org.postgresql.Driver"}

        def append(key: str) -> Spent:
            make_table(self._url, "spark_jdbc", key)
            with self._meter.measured() as measured:
                spark.read.parquet(str(folder)).write.option("batchsize", JDBC_BATCH_ROWS).jdbc(
                    jdbc_address(self._url), "peer.spark_jdbc", mode="append", properties=login
                )
            return Spent.of(len(rows), measured)

        append(KEY)
        return {Work.SPARK_JDBC: append(KEY), Work.SPARK_JDBC_KEYLESS: append("")}


def make_table(url: str, name: str, key: str) -> None:
    """An empty table of flattened rows in schema peer; `key` is SQL behind the last column."""
    with closing(psycopg2.connect(url)) as warehouse, warehouse, warehouse.cursor() as cursor:
        cursor.execute("create schema if not exists peer")
        cursor.execute(f"drop table if exists peer.{name}; create table peer.{name} ({COLUMNS}{key})")


def jdbc_address(url: str) -> str:
    """The address of a PostgreSQL in JDBC's words, with several rows in one INSERT."""
    place = urlsplit(url)
    return f"jdbc:postgresql://{place.hostname}:{place.port}{place.path}?reWriteBatchedInserts=true"


def jdbc_login(url: str) -> dict[str, str]:
    place = urlsplit(url)
    return {"user": place.username or "", "password": place.password or ""}
