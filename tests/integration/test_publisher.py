"""The publisher against a real broker and a real ledger; only the API's far end plays a part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg2
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.client import Answer
from hedge_master.alpha_vantage.errors import DailyLimitReached, EmptyAnswer, KeyRefused, ServerFault, UnknownSymbol
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.plan import Estimate, PlannedCall, unsettled, write_plan
from hedge_master.ingestion.publisher import PublishingFailed, publish_prices
from hedge_master.ingestion.topics import DAILY_PRICES
from hedge_master.settings import Settings

MARKET_DATE = date(2020, 6, 12)
MARKET_TIME = datetime(2020, 6, 12, 22, 25, tzinfo=UTC)
COST = Estimate(0, None, None, 1, MARKET_TIME)


class Api:
    """Answers by script: a body for a symbol, or the error that it raises. Remembers who was asked for."""

    def __init__(self, script: dict[str, bytes | Exception]) -> None:
        self.script = script
        self.asked: list[str] = []

    def daily_prices(self, symbol: str, outputsize: str) -> Answer:
        self.asked.append(symbol)
        told = self.script[symbol]
        if isinstance(told, Exception):
            raise told
        return Answer(told, datetime.now(UTC), MARKET_TIME)


@pytest.fixture
def ledger(ingest: Connection, warehouse_settings: Settings) -> Iterator[Connection]:
    connection = psycopg2.connect(warehouse_settings.required("warehouse_ingest_url"))
    yield connection
    connection.close()


@pytest.fixture
def producer(broker: Settings) -> Producer:
    return Producer(
        {"bootstrap.servers": broker.kafka_servers, "enable.idempotence": True, "acks": "all", "log_level": 0}
    )


def publish(api: Api, producer: Producer, ledger: Connection, run: str) -> Any:
    planned = [PlannedCall(symbol, "compact", "never asked") for symbol in api.script]
    write_plan(ledger, run, "daily", MARKET_DATE, planned, COST)
    ledger.commit()
    waiting = unsettled(ledger, run)
    ledger.commit()
    book = Ledger(ledger, run, "daily")
    return publish_prices(api, producer, book, waiting, run, MARKET_DATE, 60.0)  # type: ignore[arg-type]


def calls(ledger: Connection, run: str) -> dict[str, tuple[str, int | None, int | None]]:
    with ledger.cursor() as cursor:
        cursor.execute(
            "select symbol, outcome, partition, kafka_offset from market.api_calls where run_id = %s "
            "and outcome <> 'asked'",
            (run,),
        )
        return {symbol: (outcome, partition, offset) for symbol, outcome, partition, offset in cursor.fetchall()}


def test_each_confirmed_call_points_to_its_message_and_the_body_is_untouched(
    broker: Settings, producer: Producer, ledger: Connection
) -> None:
    body = json.dumps({"Time Series (Daily)": {"2020-06-12": {"4. close": "1.5"}}}, indent=4).encode()
    report = publish(Api({"AAA": body, "BBB": EmptyAnswer("{}")}), producer, ledger, "run/points")
    assert (report.published, report.nothing_there) == (1, 1)
    outcome, partition, offset = calls(ledger, "run/points")["AAA"]
    assert outcome == "published"
    assert partition is not None
    assert offset is not None
    consumer = Consumer({"bootstrap.servers": broker.kafka_servers, "group.id": "t", "enable.auto.commit": False})
    consumer.assign([TopicPartition(DAILY_PRICES.name, partition, offset)])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None
    assert message.key() == b"AAA"
    assert message.value() == body
    headers = {name: value.decode() for name, value in message.headers() or []}  # type: ignore[union-attr]
    assert headers["symbol"] == "AAA"
    assert headers["function"] == "TIME_SERIES_DAILY"
    assert headers["run_id"] == "run/points"
    assert headers["market_date"] == "2020-06-12"
    assert headers["market_time"] == "2020-06-12T22:25:00+00:00"
    assert headers.keys() == {
        *("function", "run_id", "market_date", "symbol", "request_id", "requested_at", "market_time", "schema_version")
    }


def test_a_retry_of_the_run_buys_only_what_is_missing(producer: Producer, ledger: Connection) -> None:
    first = Api({f"S{n}": b'{"Time Series (Daily)": {}}' for n in range(9)} | {"BAD": ServerFault("down")})
    with pytest.raises(PublishingFailed, match="1 of 10 calls failed"):
        publish(first, producer, ledger, "run/retry")
    again = Api(dict.fromkeys(first.script, b'{"Time Series (Daily)": {}}'))
    assert publish(again, producer, ledger, "run/retry").published == 1
    assert again.asked == ["BAD"]


def test_a_refused_key_ends_the_run_and_what_was_paid_for_is_kept(producer: Producer, ledger: Connection) -> None:
    api = Api({"AAA": b'{"Time Series (Daily)": {}}', "BBB": KeyRefused("no")})
    with pytest.raises(KeyRefused):
        publish(api, producer, ledger, "run/key")
    assert calls(ledger, "run/key")["BBB"][0] == "refused"
    kept = calls(ledger, "run/key").get("AAA")
    assert kept is None or kept[0] == "published"


def test_a_spent_day_leaves_the_rest_for_the_next_run(producer: Producer, ledger: Connection) -> None:
    script: dict[str, bytes | Exception] = {"AAA": b'{"Time Series (Daily)": {}}'}
    script |= {f"L{n:02}": DailyLimitReached("25 a day") for n in range(20)}
    report = publish(Api(script), producer, ledger, "run/day")
    assert report.published == 1
    assert (report.asked, report.left, report.failed) == (1, 20, 0)


def test_a_run_that_brings_nothing_fails(producer: Producer, ledger: Connection) -> None:
    with pytest.raises(PublishingFailed, match="2 calls brought nothing to publish"):
        publish(Api({"A": UnknownSymbol("?"), "B": EmptyAnswer("{}")}), producer, ledger, "run/nothing")
