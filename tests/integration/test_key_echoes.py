"""A server that names the caller's key in every kind of false answer; then the key is looked for everywhere."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import date
from pathlib import Path

import psycopg2
import pytest
from confluent_kafka import Producer
from psycopg2.extensions import connection as Connection

from asgi_server import served
from hedge_master.alpha_vantage import client as client_module
from hedge_master.alpha_vantage.budget import NoLimit
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.ingestion import earnings, fx_daily, publisher, splits, symbols
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.plan import PlannedCall
from hedge_master.ingestion.topics import TOPICS
from hedge_master.sample_market.clock import MarketClock
from hedge_master.sample_market.ecb import EcbRates
from hedge_master.sample_market.faults import Fault, Faults
from hedge_master.sample_market.limits import CallLimits
from hedge_master.sample_market.server import create_app
from hedge_master.sample_market.sessions import load_sessions
from hedge_master.sample_market.universe import Universe
from hedge_master.sample_market.world import World
from hedge_master.settings import REPO_ROOT, Settings
from merging import unread

KEY = "Z9KEYMARKER42Q7"
DAY = date(2020, 6, 12)
SYMBOL = "SIM000"


@pytest.fixture(scope="module")
def universe() -> Universe:
    return Universe({}, World(2020, load_sessions(REPO_ROOT / ".build" / "test_sessions")), 3, frozenset())


@pytest.fixture
def producers(
    broker: Settings, warehouse_settings: Settings, ingest: Connection, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], list[BaseException]]]:
    """Runs everything that asks the API at an address; returns what each of them raised."""
    monkeypatch.setattr(client_module, "_pause", lambda _state: 0.0)
    url = warehouse_settings.required("warehouse_ingest_url")
    with ingest, ingest.cursor() as cursor:
        cursor.execute(
            """insert into market.symbols (symbol, name, type, region, timezone, currency, first_seen)
            values (%s, 'A', 'Equity', 'Taiwan', 'UTC+08', 'TWD', %s)""",
            (SYMBOL, DAY),
        )
        cursor.execute("insert into market.market_dates values ('run', %s, 'sample market')", (DAY,))
    with ExitStack() as opened:
        calls, warehouse = (opened.enter_context(closing(psycopg2.connect(url))) for _ in range(2))

        def run(address: str) -> list[BaseException]:
            kafka = Producer({"bootstrap.servers": broker.kafka_servers, "log_level": 0})
            planned = [PlannedCall(SYMBOL, size, "test") for size in ("compact", "full")]
            raised: list[BaseException] = []
            with AlphaVantageClient(address, KEY, NoLimit()) as client:
                for produce in (
                    lambda: publisher.publish_prices(
                        client, kafka, Ledger(calls, "run", "history"), planned, "run", DAY, needs_full=True
                    ),
                    lambda: symbols.sync_listings(client, Ledger(calls, "run", "symbols"), warehouse, DAY),
                    lambda: symbols.sync_searched(client, Ledger(calls, "run", "symbols"), warehouse, DAY, ["SIM"]),
                    lambda: splits.sync_splits(client, calls, warehouse, [SYMBOL], "run"),
                    lambda: fx_daily.sync_fx_daily(
                        client,
                        Ledger(calls, "run", "rates"),
                        warehouse,
                        DAY,
                        [fx_daily.RateCall("TWD", "full", current=True)],
                    ),
                    lambda: earnings.sync_calendar(client, Ledger(calls, "run", "earnings"), warehouse, "3month"),
                    lambda: earnings.sync_reports(client, Ledger(calls, "run", "earnings"), warehouse, DAY, 5),
                ):
                    try:
                        produce()
                    except Exception as error:
                        raised.append(error)
            return raised

        yield run


def written_to(warehouse: Connection) -> str:
    """All rows of all tables of schema market, as text."""
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("select tablename from pg_tables where schemaname = 'market'")
        text = []
        for (table,) in cursor.fetchall():
            cursor.execute(f"select string_agg(line::text, ' ') from market.{table} as line")
            text.append(str(cursor.fetchone()))
    return " ".join(text)


def test_the_key_that_an_answer_names_goes_nowhere(
    universe: Universe,
    producers: Callable[[str], list[BaseException]],
    broker: Settings,
    ingest: Connection,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each kind of fault in turn; what they left in the warehouse and in Kafka is read once, behind the last."""
    caplog.set_level(logging.DEBUG)
    before = {topic.name: len(list(unread(broker.kafka_servers, ingest, topic))) for topic in TOPICS}
    ingest.commit()
    market = MarketClock(tmp_path / "clock.json", DAY, universe.sessions())
    for fault in Fault:
        faults = Faults(rate=1.0, kinds=frozenset({fault}), slow_seconds=0.05, echo_key=True)
        with served(create_app(universe, EcbRates(), market, CallLimits(0, 0, 0), faults)) as address:
            raised = producers(address)
        told = [line for error in raised for line in traceback.format_exception(error)]
        told += [repr(error.args) for error in raised]
        assert KEY not in " ".join(told), fault
        # What this process logs is what the task's log holds; the server's own access log is not part of the product.
        logged = [record for record in caplog.records if not record.name.startswith("uvicorn")]
        assert KEY not in " ".join(f"{record.getMessage()} {record.exc_text}" for record in logged), fault
        caplog.clear()
    written = written_to(ingest)
    assert KEY not in written
    with ingest, ingest.cursor() as cursor:
        cursor.execute("select count(*) from market.api_calls where function = 'TIME_SERIES_DAILY'")
        assert cursor.fetchone() >= (len(Fault),), "the ledger tells what was asked"
    for topic in TOPICS:
        for key, value, _, _, _, headers in list(unread(broker.kafka_servers, ingest, topic))[before[topic.name] :]:
            assert KEY.encode() not in b" ".join([key, value, *(header for _, header in headers)])
