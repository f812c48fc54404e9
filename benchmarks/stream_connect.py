"""Peer (c): Kafka Connect with Debezium's JDBC sink in upsert mode, on rows that are flattened already."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psycopg2
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from services import free_ports, running
from stream_costs import Spent
from stream_meter import Meter
from stream_peers import KEY, NAMES, jdbc_address, jdbc_login, make_table

from hedge_master.local_stack.java import java
from hedge_master.local_stack.stack import JARS, LOCAL_FILES
from hedge_master.settings import Settings

TOPIC = "benchmark.flattened-prices.v1"
TABLE = "connect"
NAME = "peer"
HEAP = "1g"
BATCH_ROWS = 5_000  # the sink's default of 500 costs more
WARM_UP_SHARE = 0.2
LONGEST_SECONDS = 180
EPOCH = date(1970, 1, 1)
TYPES = {"symbol_id": "int32", "day": "int32", "volume": "int64"}
SCHEMA = {
    "type": "struct",
    "fields": [
        {"field": name, "type": TYPES.get(name, "double")}
        | ({"name": "org.apache.kafka.connect.data.Date"} if name == "day" else {})
        for name in NAMES
    ],
}


def connect_sink(settings: Settings, meter: Meter, home: Path, rows: Sequence[tuple[Any, ...]], jars: Path) -> Spent:
    """Measured from a full topic to a full table. A first share of the rows goes before, for the JVM to warm up."""
    warm_up = int(len(rows) * WARM_UP_SHARE)
    url = settings.required("warehouse_url")
    make_table(url, TABLE, KEY)
    home.mkdir()
    (port,) = free_ports(1)
    api = f"http://127.0.0.1:{port}"
    command = _command(jars, _written(home / "worker.properties", _worker(settings.kafka_servers, home, api)),
                       _written(home / "sink.properties", _sink(url)))  # fmt: skip

    def runs() -> bool:
        try:
            told = httpx.get(f"{api}/connectors/{NAME}/status", trust_env=False)
        except httpx.TransportError:
            return False
        return told.is_success and [each["state"] for each in told.json()["tasks"]] == ["RUNNING"]

    def turn(state: str) -> None:
        httpx.put(f"{api}/connectors/{NAME}/{state}", trust_env=False).raise_for_status()

    _make_topic(settings.kafka_servers)
    _publish(settings.kafka_servers, rows[:warm_up])
    with running(command, home / "connect.log", runs, signal.SIGTERM):
        _wait_for(url, warm_up)
        turn("pause")
        _publish(settings.kafka_servers, rows[warm_up:])
        with meter.measured() as measured:
            turn("resume")
            _wait_for(url, len(rows))
    return Spent.of(len(rows) - warm_up, measured)


def _command(jars: Path, *files: Path) -> tuple[str, ...]:
    log = JARS / "broker"  # the sink's own jars bring no log
    classes = [jars / "*", *log.glob("log4j-*.jar")]
    return (
        *(str(java()), f"-Xmx{HEAP}", f"-Dlog4j2.configurationFile={LOCAL_FILES / 'kafka-log4j2.properties'}"),
        *("-cp", ":".join(map(str, classes)), "org.apache.kafka.connect.cli.ConnectStandalone", *map(str, files)),
    )


def _worker(kafka_servers: str, home: Path, api: str) -> dict[str, object]:
    return {
        "bootstrap.servers": kafka_servers,
        "listeners": api,
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "true",
        "plugin.discovery": "service_load",  # quicker: no class is looked at
        "offset.storage.file.filename": home / "offsets",
        "consumer.max.poll.records": BATCH_ROWS,
        "consumer.auto.offset.reset": "earliest",
    }


def _sink(url: str) -> dict[str, object]:
    login = jdbc_login(url)
    return {
        "name": NAME,
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "tasks.max": 1,
        "topics": TOPIC,
        "connection.url": jdbc_address(url),
        "connection.username": login["user"],
        "connection.password": login["password"],
        "insert.mode": "upsert",
        "primary.key.mode": "record_value",
        "primary.key.fields": "symbol_id,day",
        "schema.evolution": "none",
        "collection.name.format": f"peer.{TABLE}",
        "batch.size": BATCH_ROWS,
    }


def _written(file: Path, properties: Mapping[str, object]) -> Path:
    file.touch(mode=0o600)  # one of them holds a password
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    return file


def _make_topic(kafka_servers: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka_servers})
    (made,) = admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)]).values()
    made.result(LONGEST_SECONDS)


def _publish(kafka_servers: str, rows: Sequence[tuple[Any, ...]]) -> None:
    producer = Producer({"bootstrap.servers": kafka_servers, "compression.type": "zstd", "linger.ms": 20})
    for symbol_id, day, *values in rows:
        payload = dict(zip(NAMES, (symbol_id, (day - EPOCH).days, *values), strict=True))
        producer.produce(TOPIC, json.dumps({"schema": SCHEMA, "payload": payload}))
        producer.poll(0)
    if producer.flush(LONGEST_SECONDS):
        raise RuntimeError(f"{TOPIC} did not take all rows")


def _wait_for(url: str, rows: int) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    with closing(psycopg2.connect(url)) as warehouse, warehouse.cursor() as cursor:
        warehouse.autocommit = True
        while True:
            cursor.execute(f"select count(*) from peer.{TABLE}")  # noqa: S608 (our own name)
            (stored,) = cursor.fetchone() or (0,)
            if stored == rows:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kafka Connect stored {stored} of {rows} rows: see its log")
            time.sleep(0.5)
