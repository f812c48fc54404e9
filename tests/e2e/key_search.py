"""Where a secret stands in a stack: files, every table of every database, every Kafka message and header."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg2
from demo_stack import Demo
from psycopg2 import sql

from hedge_master.ingestion.topics import TOPICS
from kafka_reading import messages

# database, user, and the name of its password: schema market is the owner's, the models are dbt's
LOG_INS = (
    ("warehouse", "hm_owner", "WAREHOUSE_OWNER_PASSWORD"),
    ("warehouse", "hm_dbt", "WAREHOUSE_DBT_PASSWORD"),
    ("airflow", "airflow", "AIRFLOW_DATABASE_PASSWORD"),
)
# The file that is made to hold it, and what is read by way of its own server.
NOT_READ = ("secrets.env", "postgres/", "kafka/")


def places_of(demo: Demo, secret: str) -> list[str]:
    """Every place that holds `secret`, but for the one file of secrets."""
    return [*files(demo, secret.encode()), *tables(demo, secret), *published(demo, secret.encode())]


def files(demo: Demo, secret: bytes) -> Iterator[str]:
    for folder, _, names in os.walk(demo.home):  # which passes over what goes away while it walks
        for path in (Path(folder, name) for name in names):
            inside = path.relative_to(demo.home).as_posix()
            if path.is_file() and not inside.startswith(NOT_READ) and secret in read(path):
                yield inside


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # a socket's file, or one that has just gone
        return b""


def tables(demo: Demo, secret: str) -> Iterator[str]:
    """Each row as text: so notes, XComs, rendered fields and the ledger's errors are all looked at."""
    for database, user, password in LOG_INS:
        connection = psycopg2.connect(
            host="127.0.0.1", port=demo.port("POSTGRES"), dbname=database, user=user, password=demo.secret(password)
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(
                """select schemaname, tablename from pg_tables
                where schemaname not in ('pg_catalog', 'information_schema')
                    and has_schema_privilege(schemaname, 'usage')
                    and has_table_privilege(format('%I.%I', schemaname, tablename), 'select')"""
            )
            found = cursor.fetchall()
            assert len(found) > 20
            for schema, table in found:
                if (schema, table[:6]) == ("market", "prices"):  # numbers and dates, millions of them
                    continue
                cursor.execute(
                    sql.SQL("select count(*) from {} as line where strpos(line::text, %s) > 0").format(
                        sql.Identifier(schema, table)
                    ),
                    (secret,),
                )
                ((count,),) = cursor.fetchall()
                if count:
                    yield f"{database}.{schema}.{table}: {count} rows"
        connection.close()


def published(demo: Demo, secret: bytes) -> Iterator[str]:
    for topic in TOPICS:
        for each in messages(f"127.0.0.1:{demo.port('KAFKA')}", topic.name):
            if any(secret in part for part in (each.value, each.key, *(value for _, value in each.headers))):
                yield f"{topic.name}[{each.partition}] {each.offset}"
