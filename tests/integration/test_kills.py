"""Kills of a publishing process at random points: nothing is missing, nothing that was confirmed is bought twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from time import sleep
from uuid import UUID, uuid4

import psycopg2
from confluent_kafka import Producer
from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.adoption import Adopted, adopt_orphans
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.plan import Estimate, PlannedCall, unsettled, write_plan
from hedge_master.ingestion.topics import PRICE_HISTORY
from hedge_master.settings import Settings
from kafka_reading import messages

SYMBOLS = 100
KILLS = 10
OUT_AT_ONCE = 8  # calls at 20 a second: a sample market that answers in 0.3 s, and those that are about to go out
RUN = "backfill_price_history/kills"
DAY = date(2020, 6, 12)
NO_COST = Estimate(0, None, None, 1, datetime(2020, 6, 12, tzinfo=UTC))
PROGRAM = Path(__file__).with_name("publishing_process.py")


def messages_of(kafka_servers: str, run_id: str) -> dict[UUID, tuple[str, int, int]]:
    """Request id -> topic, partition, offset of every message of the run in the history topic."""
    found = [
        (UUID(headers["request_id"].decode()), (PRICE_HISTORY.name, each.partition, each.offset))
        for each in messages(kafka_servers, PRICE_HISTORY.name)
        if (headers := dict(each.headers))["run_id"] == run_id.encode()
    ]
    assert len(found) == len(dict(found)), "one message a request"
    return dict(found)


def test_ten_kills_lose_nothing_and_buy_nothing_twice(
    open_market: Callable[..., Settings], warehouse_settings: Settings, broker: Settings, ingest: Connection
) -> None:
    """Each process is killed at a random moment of its calls; the last one ends by itself."""
    market = open_market(HM_SAMPLE_MARKET_SYMBOLS=str(SYMBOLS))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HM_")} | {
        "HM_HOME": str(market.home),
        "HM_ALPHA_VANTAGE_BASE_URL": market.sample_market_url,
        "HM_ALPHA_VANTAGE_API_KEY": "key",
        "HM_ALPHA_VANTAGE_REQUESTS_PER_MINUTE": "1200",
        "HM_KAFKA_BOOTSTRAP_SERVERS": broker.kafka_servers,
        "HM_WAREHOUSE_INGEST_URL": warehouse_settings.required("warehouse_ingest_url"),
    }
    symbols = listed(market)[:SYMBOLS]
    write_plan(ingest, RUN, "history", DAY, [PlannedCall(each, "full", "no history yet") for each in symbols], NO_COST)
    ingest.commit()
    dice = random.Random(5)
    killed = 0
    while True:
        process = subprocess.Popen([sys.executable, str(PROGRAM), RUN], env=environ, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        if killed == KILLS:
            assert process.wait(120) == 0, process.stdout.read()
            break
        sleep(dice.uniform(0.05, 0.6))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait(30)
    # what the last kill left open is settled at the next start
    with closing(psycopg2.connect(warehouse_settings.required("warehouse_ingest_url"))) as connection:
        adopt_orphans(connection, broker.kafka_servers)
    with ingest.cursor() as cursor:
        cursor.execute(
            "select symbol, outcome, request_id, topic, partition, kafka_offset from market.api_calls "
            "where run_id = %s",
            (RUN,),
        )
        calls = cursor.fetchall()
    published = {UUID(request_id): tuple(place) for _, outcome, request_id, *place in calls if outcome == "published"}
    bought = Counter(symbol for symbol, outcome, *_ in calls if outcome == "published")
    assert sorted(bought) == sorted(symbols), "no symbol is missing"
    assert set(bought.values()) == {1}, "no confirmed call was bought twice"
    assert messages_of(broker.kafka_servers, RUN) == published, "each message has its line, each line its message"
    assert {outcome for _, outcome, *_ in calls} <= {"published", "lost"}
    lost = sum(outcome == "lost" for _, outcome, *_ in calls)
    assert lost <= KILLS * OUT_AT_ONCE, "what only waited for its slot was no call yet"
    assert unsettled(ingest, RUN) == []


def listed(market: Settings) -> list[str]:
    """The symbols that the market serves, by its own search."""
    import httpx

    found: set[str] = set()
    for digits in range(SYMBOLS // 10 + 1):
        answer = httpx.get(
            f"{market.sample_market_url}/query",
            params={"function": "SYMBOL_SEARCH", "keywords": f"SIM{digits:02}", "apikey": "key"},
            trust_env=False,
        )
        found |= {match["1. symbol"] for match in answer.json()["bestMatches"]}
    return sorted(found)


def test_a_message_without_a_line_is_adopted_and_a_call_without_a_message_is_lost(
    warehouse_settings: Settings, broker: Settings, ingest: Connection
) -> None:
    """AAA was taken by the broker just before the kill, BBB never was; CCC's asker still lives."""
    url = warehouse_settings.required("warehouse_ingest_url")
    asker, living = psycopg2.connect(url), psycopg2.connect(url)
    run = f"daily/{uuid4()}"
    aaa, bbb, ccc = uuid4(), uuid4(), uuid4()
    write_plan(ingest, run, "daily", DAY, [PlannedCall("AAA", "compact", "stale", date(2020, 6, 1))], NO_COST)
    ingest.commit()
    dead = Ledger(asker, run, "daily")
    dead.asked(aaa, "TIME_SERIES_DAILY", "AAA", "compact")
    dead.asked(bbb, "TIME_SERIES_DAILY", "BBB", "compact")
    Ledger(living, run, "daily").asked(ccc, "TIME_SERIES_DAILY", "CCC", "compact")
    asker.close()
    body = b'{"Time Series (Daily)": {"2020-06-12": {"4. close": "1.5"}, "2020-06-11": {"4. close": "1.4"}}}'
    headers = {
        "request_id": str(aaa),
        "run_id": run,
        "requested_at": "2020-06-12T22:25:00+00:00",
        "market_time": "2020-06-12T22:25:01+00:00",
    }
    producer = Producer({"bootstrap.servers": broker.kafka_servers, "log_level": 0})
    for not_ours in (None, [("request_id", None)], [("request_id", b"7")], [("request_id", b"\xff")]):
        producer.produce(PRICE_HISTORY.name, key=b"AAA", value=body, headers=not_ours)
    producer.produce(PRICE_HISTORY.name, key=b"AAA", value=body, headers=[(k, v.encode()) for k, v in headers.items()])
    producer.flush(30)
    with closing(psycopg2.connect(url)) as connection:
        assert adopt_orphans(connection, broker.kafka_servers) == Adopted(1, 1)
        assert adopt_orphans(connection, broker.kafka_servers) == Adopted(0, 0)
    with ingest.cursor() as cursor:
        cursor.execute(
            "select symbol, outcome, rows, first_bar, last_bar, gap_after, topic, bytes from market.api_calls "
            "where run_id = %s order by symbol",
            (run,),
        )
        adopted, lost, open_call = cursor.fetchall()
    assert adopted[:2] == ("AAA", "published")
    assert adopted[2:6] == (2, date(2020, 6, 11), date(2020, 6, 12), date(2020, 6, 1)), "the gap since 1 June is known"
    assert adopted[6:] == (PRICE_HISTORY.name, len(body))
    assert lost[:2] == ("BBB", "lost")
    assert open_call[:2] == ("CCC", "asked")
    living.close()


def test_a_call_that_never_has_a_message_is_lost_without_a_look_at_kafka(
    warehouse_settings: Settings, ingest: Connection
) -> None:
    """No broker listens at the address."""
    url = warehouse_settings.required("warehouse_ingest_url")
    run = f"splits/{uuid4()}"
    with closing(psycopg2.connect(url)) as asker:
        Ledger(asker, run, "splits").asked(uuid4(), "SPLITS", "AAA")
    with closing(psycopg2.connect(url)) as connection:
        assert adopt_orphans(connection, "127.0.0.1:9") == Adopted(0, 1)
