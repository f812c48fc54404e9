"""Fuzzed answers in a real PostgreSQL: whatever is sent, the batch is merged, and each row is where it belongs."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest
from odd_answers import HEADERS, SYMBOL, Answers, Sent
from price_rules import verdicts
from psycopg2.extensions import connection as Connection
from pyspark.sql import SparkSession

from hedge_master.ingestion.topics import DAILY_PRICES
from hedge_master.settings import Settings
from merging import KafkaRow, merge_messages

pytestmark = [pytest.mark.spark, pytest.mark.warehouse]

SEED, MESSAGES = 66, 300


def test_every_row_is_where_it_belongs(spark: SparkSession, ingest: Connection, warehouse_settings: Settings) -> None:
    with ingest, ingest.cursor() as cursor:
        cursor.execute(
            """insert into market.symbols (symbol, name, type, region, timezone, closes, currency, first_seen)
            values (%s, 'A', 'Equity', 'United States', 'US/Eastern', '16:00', 'GBP', '2020-06-12');
            insert into market.fx_rates values ('GBP', '2020-06-12', 1.25, 'test')""",
            (SYMBOL,),
        )
    sent = [*Answers(SEED).sent(MESSAGES), *TROUBLE_FOR_POSTGRES]
    expected = [verdicts(*each) for each in sent]
    rows: list[KafkaRow] = [(each.key, each.value, "t", 0, at, each.headers) for at, each in enumerate(sent)]
    counts = merge_messages(spark, ingest, warehouse_settings.required("warehouse_ingest_url"), DAILY_PRICES, rows)

    # All were asked for at the same time: the message with the highest offset wins, on all days that it spans and has
    # not had refused.
    prices: dict[date, Any] = {}
    superseded = 0
    spans: list[tuple[date, date, set[str]]] = []
    for message in reversed(expected):
        possible = {date.fromisoformat(str(row.day)): row.bar for row in message if row.reason is None}
        refused = {str(row.day) for row in message if row.reason is not None}
        outdone = {
            day
            for day in possible
            if any(first <= day <= last and str(day) not in silent for first, last, silent in spans)
        }
        superseded += len(outdone)
        prices |= {day: bar for day, bar in possible.items() if day not in outdone}
        if possible:
            spans.append((min(possible), max(possible), refused))
    reasons = Counter(row.reason for message in expected for row in message if row.reason is not None)
    assert (counts.messages, counts.delivered) == (len(sent), sum(map(len, expected)))
    assert (counts.new, counts.superseded, counts.rejected) == (len(prices), superseded, reasons.total())
    assert rows_of(ingest, "select rejected_by_reason from market.ingest_batches") == [(dict(reasons),)]
    assert rows_of(ingest, "select reason, sum(seen)::int from market.rejections group by 1") == sorted(reasons.items())
    stored = rows_of(ingest, "select day, open, high, low, close, volume from market.prices")
    assert {day: tuple(bar) for day, *bar in stored} == prices


def named(symbol: bytes) -> Sent:
    headers = [(name, symbol if name == "symbol" else text.encode()) for name, text in HEADERS.items()]
    return Sent(b"{}", headers, SYMBOL.encode())


TROUBLE_FOR_POSTGRES = [
    *(named(b"A\0A"), named(b"\xff\xfe"), named(b"\xed\xa0\x80"), named(b"")),
    Sent(b"\0", [(name, text.encode()) for name, text in HEADERS.items()], SYMBOL.encode()),
    Sent(b"\xff" * 9000, [(name, text.encode()) for name, text in HEADERS.items()], SYMBOL.encode()),
    Sent("\U0001f600".encode() * 9000, [(name, text.encode()) for name, text in HEADERS.items()], SYMBOL.encode()),
]


def rows_of(ingest: Connection, query: str) -> list[tuple[Any, ...]]:
    with ingest, ingest.cursor() as cursor:
        cursor.execute(query)
        return sorted(cursor.fetchall(), key=str)
