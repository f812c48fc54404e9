"""The stage of a torture: Kafka, two warehouses, a driver, and how each of them dies."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from random import Random

import psutil
import psycopg2
from confluent_kafka import Consumer, TopicPartition
from psycopg2.extras import execute_values
from torture_messages import CURRENCIES, FIRST_DAY, SYMBOLS
from torture_points import Points
from torture_services import (
    Driver,
    begin_producer,
    kafka_server,
    postgres_server,
    stack_in,
    twin,
)

from free_ports import free_ports
from hedge_master.ingestion.topics import PARTITIONS, TOPICS, ensure_topics
from hedge_master.local_stack import postgres
from hedge_master.warehouse.migrate import migrate

KAFKA_SECONDS = 30
SECONDS_TO_END = 10
SECONDS_TO_NOTICE = 0.1  # until the postmaster has seen that one of its children is gone


class Stage:
    """`url`: the warehouse whose server dies; `untouched_url`: the one that is left alone, on a server of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._open = ExitStack()
        self._left_behind: list[psutil.Process] = []
        (home / "points").mkdir()
        self.points = Points(home / "points")
        postgres_port, kafka_port, controller_port = free_ports(3)
        self._stack = stack_in(
            home / "tortured",
            HM_POSTGRES_PORT=str(postgres_port),
            HM_KAFKA_PORT=str(kafka_port),
            HM_KAFKA_CONTROLLER_PORT=str(controller_port),
            HM_SPARK_MASTER="local[2,4]",  # a task is tried four times, as on a cluster
            HM_SPARK_DRIVER_MEMORY="768m",
        )
        self.kafka_servers = self._stack.settings.kafka_servers
        self.url = self._stack.settings.required("warehouse_ingest_url")

    def __enter__(self) -> Stage:
        with ExitStack() as opened:
            self._start(opened)
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _start(self, opened: ExitStack) -> None:
        opened.callback(self._end_left_behind)
        self.driver = Driver(self._stack, self.points, self._home / "driver.log")
        opened.callback(lambda: self.driver.close())
        self._kafka = kafka_server(self._stack)
        opened.callback(self._kafka.stop)
        self._kafka.begin()
        self._postgres = postgres_server(self._stack)
        opened.callback(self._postgres.stop)
        self._postgres.start()
        postgres.ensure_roles_and_databases(self._stack)
        migrate(self._stack.settings)
        list_symbols(self.url)
        self._postgres.stop()
        untouched = twin(self._stack, self._home / "untouched")
        self.untouched_url = untouched.settings.required("warehouse_ingest_url")
        alone = postgres_server(untouched)
        opened.callback(alone.stop)
        for server in (alone, self._postgres, self._kafka):
            server.start()
        ensure_topics(self._stack.settings)
        self.driver.wait()

    def _end_left_behind(self) -> None:
        """A driver's JVM and workers end when its Python is gone; whoever does not is ended here."""
        _, alive = psutil.wait_procs(self._left_behind, timeout=SECONDS_TO_END)
        for each in alive:
            with suppress(psutil.NoSuchProcess):
                each.kill()

    def log_tail(self, name: str) -> str:
        return (self._home / f"{name}.log").read_text()[-3000:]

    def begin_producer(self, seed: int, number: int) -> subprocess.Popen[bytes]:
        """The producer of one round; what it had published before it does not publish again."""
        return begin_producer(self._stack, self.points, self._home / "producer.log", seed, number)

    def unread(self) -> int:
        """Messages in Kafka behind the warehouse's offsets."""
        self._postgres.wait()
        with closing(psycopg2.connect(self.url)) as warehouse, warehouse.cursor() as cursor:
            cursor.execute("select coalesce(sum(next_offset), 0) from market.ingest_offsets")
            ((read,),) = cursor.fetchall()
        consumer = Consumer({"bootstrap.servers": self.kafka_servers, "group.id": "torture", "log_level": 0})
        with closing(consumer):
            places = [TopicPartition(topic.name, each) for topic in TOPICS for each in range(PARTITIONS)]
            return sum(consumer.get_watermark_offsets(place, timeout=KAFKA_SECONDS)[1] for place in places) - int(read)

    def kill(self, victim: str, dice: Random) -> str:
        """kill -9; whoever waits at a point goes on at once, and the dead one comes back. Returns who it was."""
        if victim == "driver":
            return self._kill_driver(dice)
        if victim == "worker":
            return self._kill_worker(dice)
        if victim == "backend":
            return self._kill_backend()
        server = self._kafka if victim == "broker" else self._postgres
        server.kill()
        self.points.let_go()
        server.start()
        return victim

    def _kill_driver(self, dice: Random) -> str:
        python, java = self.driver.process, self.driver.java()
        self._left_behind += [java, *java.children(recursive=True)]
        victim = dice.choice((python, java))
        victim.kill()
        self.points.let_go()
        if victim is java:
            self.driver.close()
        self.driver = Driver(self._stack, self.points, self._home / "driver.log")
        self.driver.wait()
        return "driver's JVM" if victim is java else "driver's Python"

    def _kill_worker(self, dice: Random) -> str:
        workers = self.driver.workers()
        at_work = [worker for worker in workers if worker.pid in self.points.waiting()]
        victim = at_work[0] if at_work else dice.choice(workers)
        victim.kill()
        self.points.let_go()
        return "worker at work" if at_work else "idle worker"

    def _kill_backend(self) -> str:
        """One in a transaction, else any that serves somebody, else the background writer: each costs all sessions."""
        with closing(postgres.connect(self._stack)) as session, session.cursor() as cursor:
            cursor.execute(
                """select pid, backend_type from pg_stat_activity
                where pid <> pg_backend_pid() and backend_type in ('client backend', 'background writer')
                order by backend_type = 'background writer', xact_start nulls last limit 1"""
            )
            ((pid, kind),) = cursor.fetchall()
        os.kill(pid, signal.SIGKILL)
        self.points.let_go()
        time.sleep(SECONDS_TO_NOTICE)
        self._postgres.wait()
        return str(kind)


def list_symbols(url: str) -> None:
    """The symbols, as sync_symbols would have listed them, and a rate of the pound every third day."""
    with closing(psycopg2.connect(url)) as warehouse, warehouse, warehouse.cursor() as cursor:
        execute_values(
            cursor,
            """insert into market.symbols (symbol, name, type, region, timezone, closes, currency, first_seen)
            values %s""",
            [
                (symbol, symbol, "Equity", "Testland", "UTC+00", "16:00", CURRENCIES[number % 3], FIRST_DAY)
                for number, symbol in enumerate(SYMBOLS)
            ],
        )
        cursor.execute(
            """insert into market.fx_rates select 'GBP', %s + 3 * n, 1.2 + n / 1000.0, 'test'
            from generate_series(0, 60) as n""",
            (FIRST_DAY,),
        )
