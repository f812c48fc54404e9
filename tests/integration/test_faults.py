"""A fifth of all calls goes wrong in every way that asking again mends: the run ends complete, its retries counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime

import httpx
import psycopg2
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from psycopg2.extensions import connection as Connection
from publishing_process import PRODUCER
from tenacity import RetryCallState

from hedge_master.alpha_vantage import client as asking
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.ingestion.budget import Limits, SharedBudget
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.plan import Estimate, PlannedCall, unsettled, write_plan
from hedge_master.ingestion.publisher import Published, publish_prices
from hedge_master.ingestion.topics import DAILY_PRICES, PRICE_HISTORY
from hedge_master.sample_market.faults import TRANSIENT
from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.sessions import load_sessions
from hedge_master.sample_market.universe import Universe
from hedge_master.sample_market.world import World
from hedge_master.settings import REPO_ROOT, Settings

SYMBOLS = 300
SIMULATED = 330  # of which 300 trade on that day
DAY = date(2020, 6, 12)
RUN = "produce_daily_prices/faults"
FAULTS = "rate=0.2,seed=7,kinds=transient,slow_seconds=0.2"
SHORTER = 0.01  # of the real pause, which is up to 20 s


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    pause = asking._pause

    def shorter(state: RetryCallState) -> float:
        return SHORTER * pause(state)

    monkeypatch.setattr(asking, "_pause", shorter)


@pytest.fixture
def market(open_market: Callable[..., Settings]) -> Settings:
    return open_market(HM_SAMPLE_MARKET_SYMBOLS=str(SIMULATED), HM_SAMPLE_MARKET_FAULTS=FAULTS)


@pytest.fixture
def planned(market: Settings) -> list[PlannedCall]:
    """Every symbol of the market, one in ten with its whole history."""
    sessions = load_sessions(REPO_ROOT / ".build" / "test_sessions")
    universe = Universe({}, World(market.sample_market_seed, sessions), market.sample_market_symbols, frozenset())
    symbols = [listing.symbol for listing in universe.listed(Moment(DAY))]
    return [
        PlannedCall(symbol, "compact" if number % 10 else "full", "never asked")
        for number, symbol in enumerate(symbols[:SYMBOLS])
    ]


def messages_in(kafka_servers: str) -> int:
    consumer = Consumer({"bootstrap.servers": kafka_servers, "group.id": "faults", "enable.auto.commit": False})
    with closing(consumer):
        return sum(
            consumer.get_watermark_offsets(TopicPartition(topic.name, partition), timeout=30)[1]
            for topic in (DAILY_PRICES, PRICE_HISTORY)
            for partition in consumer.list_topics(topic.name, timeout=30).topics[topic.name].partitions
        )


@pytest.fixture
def connections(warehouse_settings: Settings) -> Iterator[list[Connection]]:
    opened = [psycopg2.connect(warehouse_settings.required("warehouse_ingest_url")) for _ in range(2)]
    yield opened
    for each in opened:
        each.close()


@pytest.mark.usefixtures("impatient")
def test_three_hundred_symbols_under_a_fifth_of_faults_end_complete(
    market: Settings, planned: list[PlannedCall], broker: Settings, ingest: Connection, connections: list[Connection]
) -> None:
    assert len(planned) == SYMBOLS
    write_plan(ingest, RUN, "daily", DAY, planned, Estimate(0, None, None, 1, datetime(2020, 6, 12, tzinfo=UTC)))
    ingest.commit()
    before = messages_in(broker.kafka_servers)
    pace, calls = connections
    with AlphaVantageClient(
        market.sample_market_url, "SAMPLEMARKETKEY1", SharedBudget(pace, market.sample_market_url, Limits())
    ) as client:
        producer = Producer({"bootstrap.servers": broker.kafka_servers, **PRODUCER})
        report = publish_prices(client, producer, Ledger(calls, RUN, "daily"), planned, RUN, DAY)

    told = httpx.get(f"{market.sample_market_url}/faults", trust_env=False).json()
    assert set(told["dealt"]) == set(TRANSIENT), "each kind of fault was met"
    forced = sum(hits for kind, hits in told["dealt"].items() if kind != "slow")  # a slow answer is an answer
    assert report == Published(asked=SYMBOLS, published=SYMBOLS, retries=forced)

    with ingest.cursor() as cursor:
        cursor.execute(
            "select symbol, outcome, attempts, (topic, partition, kafka_offset)::text from market.api_calls "
            "where run_id = %s order by symbol",
            (RUN,),
        )
        lines = cursor.fetchall()
    assert [symbol for symbol, *_ in lines] == sorted(each.symbol for each in planned), "one call a symbol"
    assert {outcome for _, outcome, *_ in lines} == {"published"}
    assert len({place for *_, place in lines}) == SYMBOLS == messages_in(broker.kafka_servers) - before
    assert sum(attempts - 1 for _, _, attempts, _ in lines) == forced
    assert told["calls"] == SYMBOLS + forced, "what the server counted is what the ledger says was bought"
    assert unsettled(ingest, RUN) == []
