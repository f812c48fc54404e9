"""The publisher against a real broker and a real ledger; only the API's far end plays a part."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from time import sleep
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.client import Answer
from hedge_master.alpha_vantage.errors import (
    DailyLimitReached,
    EmptyAnswer,
    FullHistoryIsPremium,
    KeyRefused,
    ServerFault,
    UnknownSymbol,
)
from hedge_master.ingestion import publisher
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.plan import Estimate, PlannedCall, unsettled, write_plan
from hedge_master.ingestion.publisher import PublishingFailed, publish_prices
from hedge_master.ingestion.topics import DAILY_PRICES, MAX_MESSAGE_BYTES
from hedge_master.settings import Settings

MARKET_DATE = date(2020, 6, 12)
MARKET_TIME = datetime(2020, 6, 12, 22, 25, tzinfo=UTC)
COST = Estimate(0, None, None, 1, MARKET_TIME)


class Api:
    """Answers by script: a body for a symbol, or the error that it raises. Remembers who was asked for."""

    def __init__(self, script: dict[str, bytes | Exception]) -> None:
        self.script = script
        self.asked: list[str] = []

    def until(self, _stopped: Callable[[], bool]) -> Api:
        return self

    def announcing(self, announce: Callable[[], None]) -> SimpleNamespace:
        def daily_prices(symbol: str, outputsize: str) -> Answer:
            announce()
            return self.daily_prices(symbol, outputsize)

        return SimpleNamespace(daily_prices=daily_prices)

    def daily_prices(self, symbol: str, outputsize: str) -> Answer:
        self.asked.append(symbol if outputsize == "compact" else f"{symbol} {outputsize}")
        told = self.script[self.asked[-1]]
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
    """AAA's answer is still on its way when BBB's call is refused; no further call is made."""

    class Slow(Api):
        def daily_prices(self, symbol: str, outputsize: str) -> Answer:
            if symbol == "AAA":
                sleep(0.5)
            return super().daily_prices(symbol, outputsize)

    good = b'{"Time Series (Daily)": {}}'
    api = Slow({"AAA": good, "BBB": KeyRefused("no")} | {f"Z{number:02}": good for number in range(20)})
    with pytest.raises(KeyRefused):
        publish(api, producer, ledger, "run/key")
    outcomes = {symbol: outcome for symbol, (outcome, *_) in calls(ledger, "run/key").items()}
    assert (outcomes["AAA"], outcomes["BBB"]) == ("published", "refused")
    assert "asked" not in outcomes.values(), "whatever was in flight is settled"
    assert len(api.asked) < 10


@pytest.mark.parametrize(
    ("own_settings", "size", "told"),
    [
        ({"queue.buffering.max.kbytes": 2}, 3000, "Undelivered: BIG: 3,000 bytes: Local: Queue full"),
        ({"message.max.bytes": 2000}, 3000, "MessageTooLarge: BIG: 3,000 bytes, a message holds 8,388,608"),
        (
            {"message.max.bytes": 2 * MAX_MESSAGE_BYTES},
            MAX_MESSAGE_BYTES,
            "MessageTooLarge: BIG: 8,388,608 bytes, a message holds 8,388,608",
        ),
    ],
    ids=["no room in the queue", "the producer's limit", "the broker's limit"],
)
def test_a_message_that_is_not_taken_fails_the_run_and_no_other_message(
    broker: Settings, ledger: Connection, own_settings: dict[str, int], size: int, told: str
) -> None:
    """At its limit the broker counts what surrounds the body as well."""
    own = Producer(
        {"bootstrap.servers": broker.kafka_servers, "enable.idempotence": True, "log_level": 0, **own_settings}
    )
    good = b'{"Time Series (Daily)": {}}'
    api = Api({"BIG": b"x" * size} | {f"S{number}": good for number in range(8)})
    with pytest.raises(PublishingFailed, match="the broker refused 1 messages: BIG: "):
        publish(api, own, ledger, "run/big")
    outcomes = {symbol: outcome for symbol, (outcome, *_) in calls(ledger, "run/big").items()}
    assert outcomes == dict.fromkeys(api.script, "published") | {"BIG": "failed"}
    with ledger.cursor() as cursor:
        cursor.execute("select error from market.api_calls where symbol = 'BIG'")
        assert cursor.fetchone() == (told,)


def test_a_producer_that_is_done_for_buys_no_further_answer(ledger: Connection) -> None:
    class DoneFor:
        def produce(self, *_: Any, **__: Any) -> None:
            raise KafkaException(KafkaError(KafkaError._FATAL, "fenced"))

        def poll(self, _seconds: float) -> int:
            return 0

        def flush(self, _seconds: float) -> int:
            return 0

        def __len__(self) -> int:
            return 0

    api = Api({f"S{number:02}": b'{"Time Series (Daily)": {}}' for number in range(40)})
    producer: Any = DoneFor()
    # Of the calls in flight any may be answered first.
    with pytest.raises(PublishingFailed, match=r"messages: S\d\d: 27 bytes: .*fenced"):
        publish(api, producer, ledger, "run/done")
    assert len(api.asked) < 10


def test_a_spent_day_leaves_the_rest_for_the_next_run(producer: Producer, ledger: Connection) -> None:
    script: dict[str, bytes | Exception] = {"AAA": b'{"Time Series (Daily)": {}}'}
    script |= {f"L{n:02}": DailyLimitReached("25 a day") for n in range(20)}
    report = publish(Api(script), producer, ledger, "run/day")
    assert report.published == 1
    assert (report.asked, report.left, report.failed) == (1, 20, 0)


def bars_from(*days: str) -> bytes:
    return json.dumps({"Time Series (Daily)": {day: {"4. close": "1"} for day in sorted(days, reverse=True)}}).encode()


def publish_planned(api: Api, producer: Producer, ledger: Connection, calls: list[PlannedCall]) -> Any:
    book = Ledger(ledger, "run/gap", "daily")
    return publish_prices(api, producer, book, calls, "run/gap", MARKET_DATE, 60.0)  # type: ignore[arg-type]


def test_an_answer_that_begins_behind_the_last_bar_is_followed_by_the_full_one(
    producer: Producer, ledger: Connection
) -> None:
    """GAP was last seen on 2 January and its answer begins in June; ON reaches back to its last bar."""
    api = Api(
        {
            "GAP": bars_from("2020-06-11", "2020-06-12"),
            "GAP full": bars_from("2019-12-31", "2020-01-02", "2020-01-03", "2020-06-12"),
            "ON": bars_from("2020-06-11", "2020-06-12"),
        }
    )
    planned = [
        PlannedCall("GAP", "compact", "stale", last_bar=date(2020, 1, 2)),
        PlannedCall("ON", "compact", "stale", last_bar=date(2020, 6, 11)),
    ]
    report = publish_planned(api, producer, ledger, planned)
    assert (report.asked, report.published, report.gaps) == (3, 3, 0)
    assert sorted(api.asked) == ["GAP", "GAP full", "ON"]
    with ledger.cursor() as cursor:
        cursor.execute(
            "select symbol, outputsize, rows, first_bar, last_bar, gap_after from market.api_calls order by 1, 2"
        )
        june, today, january = date(2020, 6, 11), date(2020, 6, 12), date(2020, 1, 2)
        assert cursor.fetchall() == [
            ("GAP", "compact", 2, june, today, january),
            ("GAP", "full", 4, date(2019, 12, 31), today, None),
            ("ON", "compact", 2, june, today, None),
        ]


def test_on_a_plan_without_full_histories_the_compact_answer_comes_and_the_gap_stays_known(
    producer: Producer, ledger: Connection
) -> None:
    """One refusal is enough: LATER's full answer is not asked for. A gap is left as it is, and shown."""
    # Four calls are in flight at most: LATER's turn comes after the refusal.
    others = [PlannedCall(f"O{number}", "compact", "stale") for number in range(6)]
    script: dict[str, bytes | Exception] = {"SPLIT full": FullHistoryIsPremium("no")}
    script |= dict.fromkeys(["SPLIT", "GAP", "LATER", *(each.symbol for each in others)], bars_from("2020-06-12"))
    api = Api(script)
    planned = [
        PlannedCall("SPLIT", "full", "a new split"),
        *others,
        PlannedCall("LATER", "full", "a new split"),
        PlannedCall("GAP", "compact", "stale", last_bar=date(2020, 1, 2)),
    ]
    report = publish_planned(api, producer, ledger, planned)
    assert (report.published, report.failed, report.gaps) == (9, 0, 1)
    assert [asked for asked in api.asked if asked.endswith("full")] == ["SPLIT full"]
    with ledger.cursor() as cursor:
        cursor.execute("select symbol, gap_after from market.api_calls where gap_after is not null")
        assert cursor.fetchall() == [("GAP", date(2020, 1, 2))]


def test_a_backfill_ends_at_the_first_word_that_the_plan_has_no_full_histories(
    producer: Producer, ledger: Connection
) -> None:
    api: Any = Api({"AAA full": FullHistoryIsPremium("buy a plan")})
    book = Ledger(ledger, "run/premium", "history")
    calls = [PlannedCall("AAA", "full", "no history yet")] * 50
    with pytest.raises(FullHistoryIsPremium):
        publish_prices(api, producer, book, calls, "run/premium", MARKET_DATE, 60.0, needs_full=True)
    assert len(api.asked) < 10


def test_the_log_has_the_line_of_the_whole_run(
    producer: Producer, ledger: Connection, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "PROGRESS_SECONDS", 0)
    caplog.set_level("INFO")
    api: Any = Api({f"S{number}": bars_from("2020-06-12") for number in range(6)})
    calls = [PlannedCall(symbol, "compact", "stale") for symbol in api.script]
    book = Ledger(ledger, "run/told", "daily")
    publish_prices(api, producer, book, calls, "run/told", MARKET_DATE, 60.0, progress=lambda: "12 of 20 answered")
    told = [record.getMessage() for record in caplog.records if "12 of 20" in record.getMessage()]
    assert told[0] == "12 of 20 answered; 2 to go in this chunk"
    assert told[-1] == "12 of 20 answered; 0 to go in this chunk"


def test_a_run_that_brings_nothing_fails(producer: Producer, ledger: Connection) -> None:
    with pytest.raises(PublishingFailed, match="2 calls brought nothing to publish"):
        publish(Api({"A": UnknownSymbol("?"), "B": EmptyAnswer("{}")}), producer, ledger, "run/nothing")
