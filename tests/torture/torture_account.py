"""What a tortured warehouse holds beside one that was left alone, beside Kafka, and beside what was said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2
from torture_messages import messages_of

from hedge_master.ingestion.topics import TOPICS
from kafka_reading import messages

# What others than the stream write, and what counts tries.
NOT_OF_THE_STREAM = (
    *("schema_version", "symbols", "symbol_names", "currencies", "fx_rates", "splits", "market_dates"),
    *("api_calls", "ingest_runs", "planned_calls", "ingest_batches"),
)
# Numbers and times of tries (one that was rolled back uses up a number), and what only the whole job knows.
OF_THE_TRY = r"(batch_id|^rejected_id|^rejection_id|^change_id|_at$|_seen$|^topic_id$)"
OF_THE_MESSAGE = ("requested_at",)
CLASSES = ("new", "changed", "unchanged", "superseded", "rejected")


@dataclass(frozen=True)
class Check:
    """One line of the verdict."""

    what: str
    found: object
    expected: object

    @property
    def passed(self) -> bool:
        return self.found == self.expected

    def __str__(self) -> str:
        if self.passed:
            return f"ok      {self.what}: {self.found}"
        return f"FAILED  {self.what}: {self.found}, expected {self.expected}"


def tables(url: str) -> dict[str, str]:
    """Table -> number of rows and checksum, of all that the stream writes."""
    with closing(psycopg2.connect(url)) as warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            """select table_name, string_agg(format('%%I', column_name), ', ' order by ordinal_position)
            from information_schema.columns join information_schema.tables using (table_schema, table_name)
            where table_schema = 'market' and table_type = 'BASE TABLE' and table_name <> all(%s)
                and table_name not like 'staging%%' and (column_name !~ %s or column_name = any(%s))
            group by table_name order by table_name""",
            (list(NOT_OF_THE_STREAM), OF_THE_TRY, list(OF_THE_MESSAGE)),
        )
        told = {}
        for name, columns in cursor.fetchall():
            cursor.execute(
                f"""select count(*), md5(string_agg(line::text, ' ' order by line::text))
                from (select {columns} from market.{name}) as line"""
            )
            rows, checksum = cursor.fetchone() or (0, None)
            if rows:
                told[name] = f"{rows} rows, {checksum}"
    return told


def sums(url: str) -> dict[str, tuple[int, ...]]:
    """Topic -> messages, delivered, and each class, over all batches."""
    columns = ("messages", "delivered", *CLASSES)
    with closing(psycopg2.connect(url)) as warehouse, warehouse.cursor() as cursor:
        summed = ", ".join(f"sum({column})::bigint" for column in columns)
        cursor.execute(f"select topic, {summed} from market.ingest_batches group by topic order by topic")
        return {topic: tuple(values) for topic, *values in cursor.fetchall()}


def in_words(values: tuple[int, ...] | None) -> str:
    if values is None:
        return "none"
    messages, delivered, *classes = values
    summed = " + ".join(f"{count} {name}" for count, name in zip(classes, CLASSES, strict=True))
    return f"{messages} messages, {delivered} rows = {summed}"


def one_of(url: str, query: str) -> Any:
    with closing(psycopg2.connect(url)) as warehouse, warehouse.cursor() as cursor:
        cursor.execute(query)
        ((value,),) = cursor.fetchall()
        return value


def against_kafka(seed: int, rounds: int, kafka_servers: str, warehouse: str) -> Iterator[Check]:
    """Each message of the rounds is in Kafka once, and in the warehouse's accounts once."""
    spoken = [(number, each) for number in range(rounds) for each in messages_of(seed, number)]
    held = Counter(
        (dict(each.headers)["run_id"].decode(), each.key.decode())
        for topic in TOPICS
        for each in messages(kafka_servers, topic.name)
    )
    wanted = Counter((f"torture/{number}", each.symbol) for number, each in spoken)
    yield Check("messages that Kafka lacks", sum((wanted - held).values()), 0)
    yield Check("messages that Kafka has twice", sum((held - wanted).values()), 0)
    published = "select count(*) from market.api_calls where outcome = 'published'"
    yield Check("published calls in the ledger", one_of(warehouse, published), len(spoken))
    booked = sums(warehouse).values()
    yield Check("messages in the accounts", sum(values[0] for values in booked), len(spoken))
    yield Check("rows delivered", sum(values[1] for values in booked), sum(each.rows for _, each in spoken))
    in_classes = sum(sum(values[2:]) for values in booked)
    yield Check("new + changed + unchanged + superseded + rejected", in_classes, sum(each.rows for _, each in spoken))
    days = {(each.symbol, day) for _, each in spoken for day in each.days}
    yield Check("days with a price", one_of(warehouse, "select count(*) from market.prices"), len(days))


def against_untouched(tortured: str, untouched: str) -> Iterator[Check]:
    """The accounts and every table are those of the warehouse that was left alone."""
    booked = sums(tortured)
    for topic, values in sums(untouched).items():
        yield Check(f"accounts of {topic}", in_words(booked.get(topic)), in_words(values))
    found = tables(tortured)
    for table, told in tables(untouched).items():
        yield Check(f"market.{table}", found.pop(table, None), told)
    yield Check("tables that the run without kills left empty", found, {})
