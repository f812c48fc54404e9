"""`hm stream` on a real broker and a real warehouse."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from confluent_kafka import Producer
from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.positions import read_positions
from hedge_master.ingestion.topics import DAILY_PRICES
from hedge_master.settings import Settings


def hm(broker: Settings, warehouse: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HM_")} | {
        "HM_HOME": str(warehouse.home),
        "HM_WAREHOUSE_INGEST_URL": warehouse.required("warehouse_ingest_url"),
        "HM_KAFKA_BOOTSTRAP_SERVERS": broker.kafka_servers,
        "COLUMNS": "160",
    }
    command = [str(Path(sys.executable).with_name("hm")), "stream", *words]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)


def test_it_shows_what_waits_in_each_partition(
    broker: Settings, warehouse_settings: Settings, ingest: Connection
) -> None:
    producer = Producer({"bootstrap.servers": broker.kafka_servers, "log_level": 0})
    producer.produce(DAILY_PRICES.name, key=b"AAA", value=b"{}", partition=1)
    assert producer.flush(30) == 0
    there = read_positions(broker, ingest, DAILY_PRICES).partitions[1]
    shown = hm(broker, warehouse_settings, "show")
    assert shown.returncode == 0, shown.stderr
    (line,) = [line for line in shown.stdout.splitlines() if DAILY_PRICES.name in line and " 1 " in line.split("v1")[1]]
    assert [int(word.replace(",", "")) for word in line.replace("│", " ").split()[1:]] == [
        1,
        there.first,
        there.first,
        there.end,
        there.end - there.first,
    ]
    assert "newest bar –" in shown.stdout
    assert "0 rejections are open" in " ".join(shown.stdout.split())


def test_where_nothing_is_lost_nothing_is_let_go_of(
    broker: Settings, warehouse_settings: Settings, ingest: Connection
) -> None:
    told = hm(broker, warehouse_settings, "accept-loss", "--yes")
    assert told.stdout.splitlines() == [
        "market-data.daily-prices.v1: nothing is lost",
        "market-data.price-history.v1: nothing is lost",
    ]


def test_what_is_lost_is_told_before_it_is_let_go_of(
    broker: Settings, warehouse_settings: Settings, ingest: Connection
) -> None:
    topic_id = read_positions(broker, ingest, DAILY_PRICES).topic_id
    with ingest, ingest.cursor() as cursor:
        cursor.execute(
            "insert into market.ingest_offsets values (%s, 0, 1000000, 1, now(), %s)", (DAILY_PRICES.name, topic_id)
        )
    (told, _) = hm(broker, warehouse_settings, "accept-loss").stdout.splitlines()
    assert told.startswith(f"{DAILY_PRICES.name} ends before what the warehouse has read of it: [0] ends at ")
    (done, _) = hm(broker, warehouse_settings, "accept-loss", "--yes").stdout.splitlines()
    assert done == f"{DAILY_PRICES.name}: 0 answers let go of"
    assert not read_positions(broker, ingest, DAILY_PRICES).has_losses


def test_a_broker_that_does_not_answer_is_one_line(
    broker: Settings, warehouse_settings: Settings, ingest: Connection
) -> None:
    nobody = broker.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:9"})
    told = hm(nobody, warehouse_settings, "show")
    assert told.returncode == 1
    (line,) = told.stderr.splitlines()
    assert line.startswith("hm: Kafka does not answer")
