"""Beyond one machine by settings alone: three brokers, one of which dies; a Spark cluster of two workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from kafka_cluster import Cluster, three_brokers
from psycopg2.extensions import connection as Connection
from pyspark.sql import SparkSession
from spark_cluster import WORKERS, executors, standalone, submit
from torture_account import against_kafka, sums, tables
from torture_points import Points
from torture_services import DEADLINE_SECONDS, Driver, begin_producer, stack_in
from torture_stage import list_symbols

from hedge_master.ingestion.topics import DAILY_PRICES, TOPICS, ensure_topics
from hedge_master.local_stack.stack import Stack
from hedge_master.settings import Settings
from merging import merge_messages, unread

pytestmark = [pytest.mark.spark, pytest.mark.warehouse]

SEED, OTHER_SEED = 3, 4


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with three_brokers(tmp_path_factory.mktemp("brokers")) as brokers:
        yield brokers


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster, warehouse_settings: Settings) -> Stack:
    """The settings of production, with the warehouse of the tests."""
    return stack_in(
        tmp_path_factory.mktemp("stack"),
        HM_KAFKA_BOOTSTRAP_SERVERS=cluster.servers,
        HM_KAFKA_REPLICATION_FACTOR="3",
        HM_KAFKA_MIN_INSYNC_REPLICAS="2",
        HM_WAREHOUSE_INGEST_URL=warehouse_settings.required("warehouse_ingest_url"),
        HM_SPARK_MASTER="local[2]",
        HM_SPARK_DRIVER_MEMORY="768m",
    )


@pytest.fixture
def url(ingest: Connection, stack: Stack) -> str:
    """The address of an empty warehouse that knows the symbols."""
    address = stack.settings.required("warehouse_ingest_url")
    list_symbols(address)
    return address


@pytest.fixture
def points(tmp_path: Path) -> Points:
    (tmp_path / "points").mkdir()
    return Points(tmp_path / "points")


def test_one_of_three_brokers_dies_while_one_round_is_read_and_the_next_is_published(
    tmp_path: Path, cluster: Cluster, stack: Stack, url: str, points: Points
) -> None:
    """The stream stands before its COPY, the producer has had five answers confirmed: the broker that leads the first
    partition dies. Three copies, two of which must confirm, lose nothing."""
    log = tmp_path / "producer.log"
    with closing(Driver(stack, points, tmp_path / "driver.log")) as driver:
        cluster.wait()
        with ThreadPoolExecutor(2) as two_at_once:
            list(two_at_once.map(ensure_topics, [stack.settings] * 2))
        assert ensure_topics(stack.settings) == [], "three copies, two in sync, as declared"
        assert begin_producer(stack, points, log, SEED, 0).wait(DEADLINE_SECONDS) == 0, log.read_text()
        driver.wait()
        points.arm("before_copy")
        driver.begin(url, "three/0")
        until_waiting(points, 1)
        points.arm("confirmed 5")
        producer = begin_producer(stack, points, log, SEED, 1)
        until_waiting(points, 2)
        cluster.kill(cluster.leader(DAILY_PRICES.name, 0))
        points.let_go()
        assert producer.wait(DEADLINE_SECONDS) == 0, log.read_text()
        first = driver.reply()
        assert first is not None and first["error"] is None, first
        second = driver.run(url, "three/1")
        assert second is not None and second["error"] is None, second
    assert cluster.alive() == 2
    assert [str(check) for check in against_kafka(SEED, 2, cluster.servers, url) if not check.passed] == []


def until_waiting(points: Points, count: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(points.waiting()) < count:
        assert time.monotonic() < deadline, "nobody came to the point"
        time.sleep(0.01)


def test_two_workers_leave_what_one_machine_leaves(
    tmp_path: Path,
    cluster: Cluster,
    stack: Stack,
    url: str,
    points: Points,
    spark: SparkSession,
    ingest: Connection,
    empty_warehouse: Callable[[], None],
) -> None:
    """The same messages, first by the job on the cluster, then by its functions in one process."""
    cluster.wait()
    ensure_topics(stack.settings)
    log = tmp_path / "producer.log"
    with standalone(tmp_path, stack) as master:
        assert begin_producer(stack, points, log, OTHER_SEED, 0).wait(DEADLINE_SECONDS) == 0, log.read_text()
        submit(stack, master, "two workers")
    assert executors(tmp_path) == WORKERS
    on_cluster, accounts = tables(url), sums(url)
    empty_warehouse()
    list_symbols(url)
    for topic in TOPICS:
        merge_messages(spark, ingest, url, topic, list(unread(cluster.servers, ingest, topic)))
    assert (sums(url), tables(url)) == (accounts, on_cluster)
    assert on_cluster.keys() >= {"prices", "rejections", "answers", "ingest_offsets"}
