"""Runs the pieces of work of the stream's benchmark one after the other, on servers of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg2
from make_payloads import make
from peer_jars import fetched
from services import broker, stack_in, warehouse
from stream_connect import connect_sink
from stream_costs import Spent
from stream_figures import Work
from stream_messages import CLOSE, Answers, Body, Feed, copy_prices, fill_reference, id_of, stored_rows
from stream_meter import Meter, adopt_orphans
from stream_peers import Peers
from stream_session import Accounts, WarmStream, accounts, session
from submit_command import submit_command

from hedge_master.ingestion.topics import DAILY_PRICES, PRICE_HISTORY, Topic
from hedge_master.local_stack import postgres
from hedge_master.local_stack.airflow_environment import airflow_environment
from hedge_master.local_stack.programs import log_tail
from hedge_master.local_stack.stack import Stack
from hedge_master.orchestration.spark_driver import LONG_RUN_MESSAGES
from hedge_master.sample_market.answers import COMPACT_ROWS

TEMPLATES = 8
# Warm is the JVM: the code of a row by the number of rows, the code that plans a batch by the number of batches.
WARM_UPS, SHORT_WARM_UPS = 3, 12
SHORT_MESSAGES = 4
RAW_COPIES = 5  # one takes a few tenths of a second
LONGEST_SECONDS = 600
# Numbers of symbols; those below are dealt to the loads as they come.
COLD_SYMBOL = range(9_999, 10_000)
DAILY_SYMBOLS = range(10_000, 18_000)


@dataclass(frozen=True)
class Size:
    """How much is measured: messages of 1 MB in a load, loads, rows to grow to, rows for the slow peers."""

    messages: int
    loads: int
    stored: int
    peer_rows: int


FEW = Size(messages=250, loads=1, stored=2_000_000, peer_rows=100_000)
MANY = Size(messages=500, loads=2, stored=10_000_000, peer_rows=500_000)


@dataclass
class StreamBench:
    """`works` fills up as `run_all` goes on."""

    home: Path
    size: Size
    say: Callable[[str], None]
    stack: Stack
    meter: Meter
    feed: Feed
    answers: Answers
    environ: dict[str, str]
    peers: Peers
    works: dict[Work, Spent] = field(default_factory=dict)
    _symbols_used: int = field(default=0, init=False)

    @classmethod
    @contextmanager
    def started(cls, home: Path, day: date, size: Size, say: Callable[[str], None]) -> Iterator[StreamBench]:
        """Servers that answer, symbols and rates in the warehouse, answers made, the peers' jars there."""
        with ExitStack() as opened:
            server = opened.enter_context(warehouse(home / "postgres"))
            kafka = opened.enter_context(broker(home / "kafka"))
            stack = stack_in(
                server.stack.folders.home,
                HM_POSTGRES_PORT=str(server.stack.settings.postgres_port),
                HM_KAFKA_BOOTSTRAP_SERVERS=kafka.servers,
                HM_ALPHA_VANTAGE_API_KEY="benchmark",
            )
            make(home / "payloads", 1, TEMPLATES, day)
            answers = Answers.of(home / "payloads")
            url = stack.settings.required("warehouse_url")
            with closing(psycopg2.connect(url)) as connection:
                fill_reference(connection, DAILY_SYMBOLS.stop, day)
            environ = airflow_environment(stack)
            meter = Meter(server, kafka)
            adopt_orphans()
            feed = Feed(kafka.servers, day)
            yield cls(home, size, say, stack, meter, feed, answers, environ, Peers(url, meter))

    def run_all(self) -> None:
        jars = fetched()
        spark = session(
            submit_command(self.environ, LONG_RUN_MESSAGES),
            self.environ,
            [str(each) for each in (jars / "jdbc").glob("*.jar")],
        )
        stream = WarmStream(spark, self.stack.settings, self.meter)
        rows = self._warm_loads(stream)
        slow = rows[: self.size.peer_rows]
        for work, spent in self.peers.spark_jdbc(spark, rows, self.home / "flattened").items():
            self._done(work, spent)
        self._done(Work.EXECUTE_VALUES, self.peers.execute_values(slow))
        self._loads_onto_stored_rows(stream)
        # Yesterday's answers, so that today's bring one new bar each.
        self._load(stream, DAILY_PRICES, DAILY_SYMBOLS, self.answers.compact_a_day_before)
        spark.stop()
        connect = connect_sink(self.stack.settings, self.meter, self.home / "connect", slow, jars / "connect")
        self._done(Work.CONNECT, connect)
        self.feed.publish(DAILY_PRICES, COLD_SYMBOL, self.answers.compact)
        self._done(Work.COLD, self._submitted(COMPACT_ROWS, new=COMPACT_ROWS))
        self.feed.publish(DAILY_PRICES, DAILY_SYMBOLS, self.answers.compact)
        self._done(Work.DAILY, self._submitted(COMPACT_ROWS * len(DAILY_SYMBOLS), new=len(DAILY_SYMBOLS)))

    def _warm_loads(self, stream: WarmStream) -> list[tuple[Any, ...]]:
        """First loads, and the last of them twice again; its rows, flattened."""
        for count in [self.size.messages] * WARM_UPS + [SHORT_MESSAGES] * SHORT_WARM_UPS:
            symbols = self._next_symbols(count)
            self._load(stream, PRICE_HISTORY, symbols, self.answers.full)
            self._load(stream, PRICE_HISTORY, symbols, self.answers.full, is_new=False)
        loaded = self._first_loads(stream)
        self._done(Work.AGAIN, self._load(stream, PRICE_HISTORY, loaded, self.answers.full, is_new=False))
        other = self.answers.full_without_spaces
        self._done(Work.OTHER, self._load(stream, PRICE_HISTORY, loaded, other, is_new=False))
        first, last = id_of(loaded[0]), id_of(loaded[-1])
        for _ in range(RAW_COPIES):
            self._as_superuser("checkpoint")
            self._done(Work.RAW_COPY, self.peers.raw_copy(first, last))
        return self.peers.flattened(first, last)

    def _first_loads(self, stream: WarmStream) -> range:
        """Each into an empty table; the symbols of the last one."""
        loaded = range(0)
        for _ in range(self.size.loads):
            self._as_superuser("truncate market.prices")
            loaded = self._next_symbols(self.size.messages)
            self._done(Work.FIRST, self._load(stream, PRICE_HISTORY, loaded, self.answers.full))
        return loaded

    def _loads_onto_stored_rows(self, stream: WarmStream) -> None:
        """First loads onto a table that was filled with copies of what is there.

        Others into the empty table go just before: Spark goes on getting warmer, which is not to look like no growth.
        """
        source = self._first_loads(stream)
        with closing(psycopg2.connect(self.stack.settings.required("warehouse_url"))) as connection:
            while stored_rows(connection) < self.size.stored:
                copy_prices(connection, source, self._next_symbols(len(source)))
        for _ in range(self.size.loads):
            symbols = self._next_symbols(self.size.messages)
            self._done(Work.GROWN, self._load(stream, PRICE_HISTORY, symbols, self.answers.full))

    def _load(self, stream: WarmStream, topic: Topic, symbols: range, body: Body, *, is_new: bool = True) -> Spent:
        """Publishes one answer for each symbol and lets the stream read them. RuntimeError where a row is missing."""
        self.feed.publish(topic, symbols, body)
        self._as_superuser("vacuum (analyze)", "checkpoint")
        run = stream.run(topic)
        rows = sum(body(number).count(CLOSE) for number in symbols)
        _check(run.accounts, rows, rows if is_new else 0)
        return Spent.of(rows, run.measured, run.accounts.batches)

    def _submitted(self, rows: int, new: int) -> Spent:
        """The job from spark-submit to exit, on what was published before."""
        self._as_superuser("vacuum (analyze)", "checkpoint")
        run_id = f"benchmark/cold-{rows}-{new}"
        log = self.home / "submit.log"
        command = [*submit_command(self.environ, 0), "--run-id", run_id]
        with log.open("w") as file, self.meter.measured() as measured:
            ended = subprocess.run(  # noqa: S603 (our own command)
                command, env=self.environ, stdout=file, stderr=file, timeout=LONGEST_SECONDS
            )
        if ended.returncode:
            raise RuntimeError(f"spark-submit failed:\n{log_tail(log)}")
        _check(accounts(self.stack.settings, run_id), rows, new)
        return Spent.of(rows, measured)

    def _next_symbols(self, count: int) -> range:
        """Numbers of symbols that nothing was loaded for yet."""
        self._symbols_used += count
        return range(self._symbols_used - count, self._symbols_used)

    def _as_superuser(self, *statements: str) -> None:
        """Outside a transaction. A load meets tables that were vacuumed and analysed, as autovacuum leaves them."""
        with closing(postgres.connect(self.stack, "warehouse")) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def _done(self, work: Work, spent: Spent) -> None:
        self.works[work] = self.works[work] + spent if work in self.works else spent
        cpu = f"{spent.cost.client:.1f} + {spent.cost.postgres:.1f} CPU-s"
        self.say(f"{work}: {spent.rows:,} rows, {cpu}, {spent.cost.wall:.1f} s")


def _check(told: Accounts, rows: int, new: int) -> None:
    """Speed counts only where each row is accounted for."""
    if (told.delivered, told.new, told.unchanged) != (rows, new, rows - new):
        raise RuntimeError(f"{rows} rows were published, {new} of them new; the warehouse says {told}")
