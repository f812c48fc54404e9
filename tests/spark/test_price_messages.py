"""The stream's pure functions: what becomes of each delivered row, as a trader would expect it."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

import price_messages

pytestmark = pytest.mark.spark

GOOD = {"1. open": "10.0", "2. high": "12.0", "3. low": "9.0", "4. close": "11.0", "5. volume": "100"}
KAFKA = (
    "key binary, value binary, topic string, partition int, offset long, headers array<struct<key:string,value:binary>>"
)
# What the warehouse reads in the two columns of JSON.
HEAD = (
    "bytes int, payload_hash string, known_rows int, symbol string, requested_at timestamp, market_time timestamp, "
    "market_date date"
)
REFUSED = "reason string, day string, raw string"


def payload(series: dict[str, Any], symbol: str = "AAA") -> bytes:
    return json.dumps({"Meta Data": {"2. Symbol": symbol}, "Time Series (Daily)": series}).encode()


def message(value: bytes | None, offset: int = 0, headers: dict[str, str] | None = None) -> tuple[Any, ...]:
    given = {
        "symbol": "AAA",
        "requested_at": "2026-01-02T03:04:05.000001+00:00",
        "market_time": "2020-06-12T22:25:00+00:00",
        "market_date": "2020-06-12",
    }
    packed = [(name, text.encode()) for name, text in (given if headers is None else headers).items()]
    return (b"AAA", value, "t", 0, offset, packed)


def judged(spark: SparkSession, *messages: tuple[Any, ...], known: price_messages.Known = ()) -> DataFrame:
    kafka = spark.createDataFrame(list(messages), KAFKA)
    staged = price_messages.staged(price_messages.validated(price_messages.bars(price_messages.messages(kafka, known))))
    told, why = F.from_json("head", HEAD), F.from_json("refused", REFUSED)
    return staged.withColumns({"told": told, "why": why}).select(
        *[name for name in staged.columns if name not in ("head", "refused")],
        "told.*",
        "why.reason",
        F.col("why.day").alias("day_text"),
        "why.raw",
    )


def only(frame: DataFrame) -> Row:
    (row,) = frame.collect()
    return row


def test_a_good_bar_arrives_as_numbers(spark: SparkSession) -> None:
    body = payload({"2020-06-12": GOOD})
    row = only(judged(spark, message(body)))
    assert row.asDict() == {
        "partition": 0,
        "kafka_offset": 0,
        "bytes": len(body),
        "payload_hash": hashlib.sha256(body).hexdigest().upper(),
        "known_rows": None,
        "requested_at": datetime(2026, 1, 2, 3, 4, 5, 1),  # noqa: DTZ001 - Spark gives the session's zone, UTC
        "market_time": datetime(2020, 6, 12, 22, 25),  # noqa: DTZ001
        "market_date": date(2020, 6, 12),
        "symbol": "AAA",
        "day": date(2020, 6, 12),
        "open": 10.0,
        "high": 12.0,
        "low": 9.0,
        "close": 11.0,
        "volume": 100,
        "reason": None,
        "day_text": None,
        "raw": None,
    }


@pytest.mark.parametrize(
    ("day", "changed", "reason"),
    [
        ("2020-06-12", {"4. close": "0.0", "3. low": "0.0"}, "price_not_positive"),
        ("2020-06-12", {"2. high": "8.0"}, "high_below_low"),
        ("2020-06-12", {"4. close": "12.5"}, "outside_range"),
        ("2020-06-12", {"1. open": "8.5"}, "outside_range"),
        ("2020-06-12", {"4. close": "eleven"}, "missing_or_not_a_number"),
        ("2020-06-12", {"4. close": "NaN"}, "missing_or_not_a_number"),
        ("2020-06-12", {"4. close": None}, "missing_or_not_a_number"),
        ("2020-06-12", {"2. high": "1e999"}, "missing_or_not_a_number"),
        ("2020-06-12", {"5. volume": "1.5"}, "missing_or_not_a_number"),
        ("2020-06-12", {"5. volume": "-1"}, "negative_volume"),
        ("2020-06-13", {}, "date_in_the_future"),
        ("2020-02-30", {}, "impossible_date"),
        ("12.06.2020", {}, "impossible_date"),
    ],
)
def test_an_impossible_bar_is_refused_with_its_reason(
    spark: SparkSession, day: str, changed: dict[str, Any], reason: str
) -> None:
    row = only(judged(spark, message(payload({day: GOOD | changed}))))
    assert row.reason == reason
    assert row.day_text == day
    kept = json.loads(row.raw)
    assert all(kept.get(name) == value for name, value in (GOOD | changed).items() if value is not None)


def test_what_postgres_has_no_room_for_does_not_reach_it(spark: SparkSession) -> None:
    """Spark's years have seven digits and a sign. A symbol that fills a page would not fit into an index."""
    far = only(judged(spark, message(payload({"-5000-01-01": GOOD}))))
    assert (far.day, far.day_text, far.reason) == (None, "-5000-01-01", "impossible_date")
    for name, told in (("market_date", "-5000-01-01"), ("requested_at", "-5000-01-01T00:00:00+00:00")):
        headers = {"symbol": "AAA", "requested_at": "2026-01-02T03:04:05+00:00", "market_date": "2020-06-12"}
        row = only(judged(spark, message(payload({"2020-06-12": GOOD}), headers=headers | {name: told})))
        assert (row[name], row.reason) == (None, "message_without_headers")
    long = {"symbol": "A" * 5000, "requested_at": "2026-01-02T03:04:05+00:00", "market_date": "2020-06-12"}
    assert only(judged(spark, message(payload({"2020-06-12": GOOD}), headers=long))).symbol == "A" * 64


def test_one_bad_row_does_not_cost_its_payload(spark: SparkSession) -> None:
    rows = judged(spark, message(payload({"2020-06-11": GOOD | {"4. close": "-1"}, "2020-06-12": GOOD}))).collect()
    assert {(str(row.day), row.day_text, row.reason) for row in rows} == {
        ("None", "2020-06-11", "price_not_positive"),
        ("2020-06-12", None, None),
    }


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"Meta Data": {"2. Sym', "unparsable_json"),
        (b"<html>", "unparsable_json"),
        (b'{"Information": "Thank you"}', "notice"),
        (b'{"Error Message": "Invalid API call."}', "notice"),
        (b"{}", "no_series"),
        (payload({}), "no_series"),
        (payload({"2020-06-12": GOOD}, symbol="BBB"), "another_symbol"),
    ],
)
def test_a_message_without_a_usable_series_is_one_refused_row(spark: SparkSession, body: bytes, reason: str) -> None:
    row = only(judged(spark, message(body)))
    assert row.reason == reason
    assert row.raw


def test_a_message_without_headers_is_refused(spark: SparkSession) -> None:
    row = only(judged(spark, message(payload({"2020-06-12": GOOD}), headers={})))
    assert row.reason == "message_without_headers"
    assert row.symbol == "AAA"  # the key still says whose it is


def test_a_day_named_twice_in_one_payload_is_refused_both_times_and_the_others_stand(spark: SparkSession) -> None:
    bar = json.dumps(GOOD)
    body = (
        '{"Meta Data": {"2. Symbol": "AAA"}, "Time Series (Daily)": '
        f'{{"2020-06-11": {bar}, "2020-06-12": {bar}, "2020-06-12": {bar}}}}}'
    ).encode()
    rows = judged(spark, message(body)).collect()
    assert sorted((row.day_text, row.reason) for row in rows if row.reason) == [("2020-06-12", "duplicate_date")] * 2
    assert [str(row.day) for row in rows if row.reason is None] == ["2020-06-11"]


def test_a_message_is_described_by_its_first_row_alone(spark: SparkSession) -> None:
    rows = judged(spark, message(payload({"2020-06-11": GOOD, "2020-06-12": GOOD}))).collect()
    assert [(row.symbol, row.bytes is None, row.requested_at is None) for row in rows] == [
        ("AAA", False, False),
        (None, True, True),
    ]
    assert all(row.reason is None for row in rows)


def test_a_payload_that_is_known_is_not_read(spark: SparkSession) -> None:
    """The same bytes for another symbol, or other bytes for the same one, are."""
    body = payload({"2020-06-11": GOOD, "2020-06-12": GOOD})
    digest = hashlib.sha256(body).digest()
    row = only(judged(spark, message(body), known=[("AAA", digest, 2), ("BBB", digest, 7)]))
    assert (row.symbol, row.known_rows, row.day, row.reason, row.raw) == ("AAA", 2, None, None, None)
    assert row.bytes == len(body)
    for known in ([("BBB", digest, 2)], [("AAA", hashlib.sha256(b"other").digest(), 2)]):
        read = judged(spark, message(body), known=known).collect()
        assert [(each.known_rows, str(each.day)) for each in read] == [(None, "2020-06-12"), (None, "2020-06-11")]


def test_the_recorded_answers_arrive_whole(spark: SparkSession, shared: Path) -> None:
    body = (shared / "alpha_vantage/payloads/TIME_SERIES_DAILY_VZ_compact.json").read_bytes()
    source = json.loads(body)["Time Series (Daily)"]
    headers = {"symbol": "VZ", "requested_at": "2023-07-03T22:25:00+00:00", "market_date": "2023-07-03"}
    rows = judged(spark, message(body, headers=headers)).collect()
    assert all(row.reason is None for row in rows)
    assert {str(row.day): (row.open, row.high, row.low, row.close, row.volume) for row in rows} == {
        day: (
            *(float(bar[name]) for name in ("1. open", "2. high", "3. low", "4. close")),
            int(bar["5. volume"]),
        )
        for day, bar in source.items()
    }
