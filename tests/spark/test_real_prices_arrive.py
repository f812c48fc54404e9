"""Real prices, served by the sample market's URLs and read by the real client, arrive equal to their source."""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values
from pyspark.sql import SparkSession

from asgi_server import served
from hedge_master.alpha_vantage.budget import NoLimit
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.ingestion.publisher import message_headers
from hedge_master.ingestion.topics import DAILY_PRICES, PRICE_HISTORY, Topic
from hedge_master.sample_market.answers import daily_json
from hedge_master.sample_market.clock import MarketClock
from hedge_master.sample_market.ecb import EcbRates
from hedge_master.sample_market.exchanges import UNITED_STATES
from hedge_master.sample_market.limits import CallLimits
from hedge_master.sample_market.listing import History, Listing
from hedge_master.sample_market.server import create_app
from hedge_master.sample_market.sessions import load_sessions
from hedge_master.sample_market.universe import Universe
from hedge_master.sample_market.world import World
from hedge_master.settings import REPO_ROOT, Settings
from hedge_master.warehouse.merge import Counts
from merging import KafkaRow, merge_messages
from scripted_server import Serve

pytestmark = [pytest.mark.spark, pytest.mark.warehouse]

KEY = "SAMPLEMARKETKEY1"
THE_END = date(2018, 3, 31)  # the set of prices ends in that week
Bar = tuple[float, float, float, float, int]
Bars = dict[tuple[str, date], Bar]


def test_every_row_of_the_wiki_prices_arrives(
    spark: SparkSession, ingest: Connection, warehouse_settings: Settings, shared: Path, tmp_path: Path
) -> None:
    with gzip.open(shared / "market_data/prices_wiki.csv.gz", "rt") as file:
        source = bars_of(csv.DictReader(file), "date")
    histories = by_symbol(source)
    world = World(1, load_sessions(REPO_ROOT / ".build" / "test_sessions"))
    market = Universe({listing(symbol, each): each for symbol, each in histories.items()}, world, 0)
    clock = MarketClock(tmp_path / "clock.json", THE_END, market.sessions())
    with served(create_app(market, EcbRates(), clock, CallLimits(0, 0, 0))) as url:
        messages = [asked(url, symbol, "full", THE_END, at) for at, symbol in enumerate(histories)]
    counts = merged(spark, ingest, warehouse_settings, PRICE_HISTORY, messages)

    impossible = {
        place for place, bar in source.items() if not bar[2] <= min(bar[0], bar[3]) <= max(bar[0], bar[3]) <= bar[1]
    }
    assert len(source) == 97_060
    assert len(impossible) == 5
    assert (counts.delivered, counts.new, counts.rejected) == (97_060, 97_055, 5)
    assert stored(ingest) == {place: bar for place, bar in source.items() if place not in impossible}
    assert refused(ingest) == {place: source[place] for place in impossible}


def test_the_recorded_answers_arrive(
    spark: SparkSession, ingest: Connection, warehouse_settings: Settings, shared: Path, serve: Serve
) -> None:
    folder = shared / "alpha_vantage/payloads"
    bodies = {symbol: (folder / f"TIME_SERIES_DAILY_{symbol}_compact.json").read_bytes() for symbol in ("TSLA", "VZ")}
    source = {
        (symbol, date.fromisoformat(day)): (*(float(text) for text in list(bar.values())[:4]), int(bar["5. volume"]))
        for symbol, body in bodies.items()
        for day, bar in json.loads(body)["Time Series (Daily)"].items()
    }
    # IBM was recorded as CSV: the sample market's words for the same bars.
    with (folder / "TIME_SERIES_DAILY_IBM.csv").open() as file:
        ibm = bars_of(({"symbol": "IBM", **row} for row in csv.DictReader(file)), "timestamp")
    bodies["IBM"] = daily_json("IBM", by_symbol(ibm)["IBM"], full=False).encode()
    source |= ibm
    url = serve(*bodies.values()).url
    messages = [asked(url, symbol, "compact", date(2026, 5, 17), at) for at, symbol in enumerate(bodies)]
    counts = merged(spark, ingest, warehouse_settings, DAILY_PRICES, messages)
    assert (counts.delivered, counts.new) == (300, 300)
    assert stored(ingest) == source


def bars_of(rows: Iterable[dict[str, str]], day: str) -> Bars:
    """The API tells whole shares; the fractions in the source come from its own adjustments for splits."""
    return {
        (row["symbol"], date.fromisoformat(row[day])): (
            *(float(row[name]) for name in ("open", "high", "low", "close")),
            round(float(row["volume"])),
        )
        for row in rows
    }


def by_symbol(bars: Bars) -> dict[str, History]:
    found: dict[str, list[tuple[date, Bar]]] = defaultdict(list)
    for (symbol, day), bar in sorted(bars.items()):
        found[symbol].append((day, bar))
    return {
        symbol: History(
            np.array([day for day, _ in rows], "datetime64[D]"),
            np.array([bar[:4] for _, bar in rows]),
            np.array([bar[4] for _, bar in rows], np.int64),
            (),
        )
        for symbol, rows in found.items()
    }


def listing(symbol: str, history: History) -> Listing:
    first = history.days[0].item()
    return Listing(symbol, symbol, UNITED_STATES, "NYSE", ipo=first, first_bar=first, last_bar=None)


def asked(url: str, symbol: str, size: str, market_date: date, offset: int) -> KafkaRow:
    """The message that the publisher would send."""
    with AlphaVantageClient(url, KEY, NoLimit()) as client:
        answer = client.daily_prices(symbol, size)
    headers = message_headers(answer, symbol, uuid4(), "test/run", market_date)
    packed = [(name, text.encode()) for name, text in headers.items()]
    return symbol.encode(), answer.body, "topic", 0, offset, packed


def merged(
    spark: SparkSession, ingest: Connection, settings: Settings, topic: Topic, messages: list[KafkaRow]
) -> Counts:
    known = [(each[0].decode(), "Equity", "United States", "US/Eastern", "16:00", "USD", THE_END) for each in messages]
    with ingest, ingest.cursor() as cursor:
        execute_values(
            cursor,
            """insert into market.symbols (symbol, name, type, region, timezone, closes, currency, first_seen)
            values %s""",
            [(symbol, *rest) for (symbol, *rest) in ((each[0], *each) for each in known)],
        )
    return merge_messages(spark, ingest, settings.required("warehouse_ingest_url"), topic, messages)


def stored(ingest: Connection) -> Bars:
    query = (
        "select symbol, day, open, high, low, close, volume from market.prices join market.symbols using (symbol_id)"
    )
    return {(symbol, day): tuple(bar) for symbol, day, *bar in rows_of(ingest, query)}


def refused(ingest: Connection) -> Bars:
    query = "select symbol, day, raw from market.rejections where reason = 'outside_range'"
    return {
        (symbol, date.fromisoformat(day)): (*(float(text) for text in bar[:4]), int(bar[4]))
        for symbol, day, bar in (
            (symbol, day, [*json.loads(raw).values()]) for symbol, day, raw in rows_of(ingest, query)
        )
    }


def rows_of(ingest: Connection, query: str) -> list[tuple[Any, ...]]:
    with ingest, ingest.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()
