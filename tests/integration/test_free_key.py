"""A free key (25 calls a day, 1 a second) follows 60 symbols for three simulated days; the limits are the server's.

The test owns all clocks: of the server's limits, of the shared budget, and of the market.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from confluent_kafka import Producer
from psycopg2.extensions import connection as Connection
from pyspark.sql import SparkSession

from asgi_server import served
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.ingestion import plan, publisher, splits, symbols
from hedge_master.ingestion.budget import Limits, SharedBudget
from hedge_master.ingestion.coming_run import coming_daily
from hedge_master.ingestion.conclusion import Outcome, conclude
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.topics import DAILY_PRICES, PRICE_HISTORY
from hedge_master.sample_market.clock import MarketClock
from hedge_master.sample_market.ecb import EcbRates
from hedge_master.sample_market.faults import Fault, Faults
from hedge_master.sample_market.server import create_app
from hedge_master.sample_market.sessions import load_sessions
from hedge_master.sample_market.universe import Universe
from hedge_master.sample_market.world import World
from hedge_master.settings import REPO_ROOT, Settings
from merging import merge_messages, unread
from watch import Watch

FREE = Limits(per_second=1, per_day=25)
FOLLOWED = 60
SIMULATED = 402  # of which so many are listed in the United States
DAYS = (date(2020, 6, 15), date(2020, 6, 16), date(2020, 6, 17))
KEY = "FREEKEY123"
NO_FULL_HISTORIES = Faults(rate=1.0, kinds=frozenset({Fault.PREMIUM_FULL}))  # as the real API tells a free key


@dataclass
class FreeKey:
    """What an operator with a free key has: one server with its limits, one warehouse, one broker."""

    address: str
    market: MarketClock
    watch: Watch
    kafka: str
    url: str
    spark: SparkSession
    outcomes: list[Outcome] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def live(self, day: date) -> None:
        """One day as `produce_daily_prices` and `stream_prices` do it; the server's day is the market's."""
        self.market.set_to(day)
        run = f"produce_daily_prices/{day}"
        with ExitStack() as opened:
            warehouse, calls, pace = (opened.enter_context(closing(psycopg2.connect(self.url))) for _ in range(3))
            budget = SharedBudget(pace, self.address, FREE, self.watch.now, self._sleep)
            client = opened.enter_context(AlphaVantageClient(self.address, KEY, budget))
            with warehouse, warehouse.cursor() as cursor:
                cursor.execute("insert into market.market_dates values (%s, %s, 'sample market')", (run, day))
            if symbols.listings_age(warehouse, day) is None:
                symbols.sync_listings(client, Ledger(calls, run, "symbols"), warehouse, day)
            with warehouse:
                coming = coming_daily(warehouse, self.market.moment.instant, FREE, budget.state())
                plan.write_plan(warehouse, run, "daily", day, coming.calls, coming.cost)
            suspects = [each.symbol for each in coming.calls if each.asks_splits]
            splits.sync_splits(client, calls, warehouse, suspects, run)
            with warehouse:
                waiting = plan.unsettled(warehouse, run)
            producer = Producer({"bootstrap.servers": self.kafka, "enable.idempotence": True, "log_level": 0})
            publisher.publish_prices(
                client, producer, Ledger(calls, run, "daily"), waiting, run, day, FREE.calls_per_minute
            )
            self.outcomes.append(conclude(warehouse, run, budget.state()))
            self.notes.append(self.outcomes[-1].note(budget.state()))
            self._merge(warehouse)

    def _sleep(self, seconds: float) -> None:
        self.watch.pass_by(timedelta(seconds=seconds))

    def _merge(self, warehouse: Connection) -> None:
        for topic in (DAILY_PRICES, PRICE_HISTORY):
            messages = list(unread(self.kafka, warehouse, topic))
            if messages:
                merge_messages(self.spark, warehouse, self.url, topic, messages)


@pytest.fixture
def universe() -> Universe:
    sessions = load_sessions(REPO_ROOT / ".build" / "test_sessions")
    return Universe({}, World(2020, sessions), SIMULATED, frozenset())


@pytest.fixture
def free_key(
    universe: Universe,
    broker: Settings,
    warehouse_settings: Settings,
    spark: SparkSession,
    ingest: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[FreeKey]:
    # One call at a time: a thread that waits moves the one clock for all of them.
    monkeypatch.setattr(publisher, "IN_FLIGHT", (1, 1))
    monkeypatch.setattr(splits, "CALLS_IN_FLIGHT", 1)
    forget_messages(ingest, broker.kafka_servers)
    market = MarketClock(tmp_path / "clock.json", date(2020, 6, 12), universe.sessions())
    watch = Watch("2026-06-15T22:25:00")
    limits = watch.limits(second=FREE.per_second, day=FREE.per_day)
    with served(create_app(universe, EcbRates(), market, limits, NO_FULL_HISTORIES)) as address:
        yield FreeKey(
            address, market, watch, broker.kafka_servers, warehouse_settings.required("warehouse_ingest_url"), spark
        )


def forget_messages(warehouse: Connection, kafka_servers: str) -> None:
    """Other tests use the same broker: their messages count as read."""
    with warehouse, warehouse.cursor() as cursor:
        for topic in (DAILY_PRICES, PRICE_HISTORY):
            for _, _, name, partition, offset, _ in unread(kafka_servers, warehouse, topic):
                cursor.execute(
                    """insert into market.ingest_offsets values (%s, %s, %s, 0)
                    on conflict (topic, partition) do update set next_offset = excluded.next_offset""",
                    (name, partition, offset + 1),
                )


def all_of(warehouse: Connection, query: str) -> list[tuple[Any, ...]]:
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_sixty_symbols_in_three_days_of_a_free_key(free_key: FreeKey, universe: Universe, ingest: Connection) -> None:
    for number, day in enumerate(DAYS):
        free_key.watch.go_to(f"2026-06-{15 + number}T22:25:00")
        free_key.live(day)

    bought = all_of(ingest, "select function, outcome, attempts, symbol from market.api_calls where attempts > 0")
    assert sum(attempts for _, _, attempts, _ in bought) <= 75
    assert {outcome for _, outcome, *_ in bought} <= {"published", "stored", "nothing_there"}, "no call was refused"
    days = all_of(ingest, "select calls from market.api_budget_days order by day")
    assert all(calls <= FREE.per_day for (calls,) in days)

    # The first two days do not reach all; what was left is not asked for by a retry, but by the next day's run.
    assert [outcome.left > 0 for outcome in free_key.outcomes[:2]] == [True, True]
    assert free_key.notes[0].endswith("left, budget resets at 2026-06-16 04:00 UTC")
    assert free_key.notes[1].endswith("left, budget resets at 2026-06-17 04:00 UTC")

    listed = {each.symbol: each for each in universe.us_listings(free_key.market.moment, delisted=False)}
    assert len(listed) == FOLLOWED
    stored: dict[str, set[date]] = {symbol: set() for symbol in listed}
    for symbol, bar in all_of(ingest, "select symbol, day from market.prices join market.symbols using (symbol_id)"):
        stored[symbol].add(bar)
    for symbol, listing in listed.items():
        served = [bar.item() for bar in universe.history(listing, free_key.market.moment).days]
        first, last = min(stored[symbol]), max(stored[symbol])
        assert last >= DAYS[0], f"{symbol} was never reached"
        assert stored[symbol] == {bar for bar in served if first <= bar <= last}, f"{symbol} has a gap"


def test_a_jump_is_asked_about_and_a_quiet_symbol_is_not(ingest: Connection) -> None:
    """A halves on its second day, B does not; C's jump is explained by a split that is known."""
    with ingest, ingest.cursor() as cursor:
        cursor.execute("insert into market.market_dates values ('r', '2020-06-12', 'sample market')")
        for symbol, second in (("A", 50.0), ("B", 90.0), ("C", 50.0)):
            cursor.execute(
                """insert into market.symbols (symbol, name, type, region, timezone, first_seen)
                values (%s, %s, 'Equity', 'United States', 'US/Eastern', '2020-06-12') returning symbol_id""",
                (symbol, symbol),
            )
            (symbol_id,) = cursor.fetchone() or (None,)
            for day, close in (("2020-06-11", 100.0), ("2020-06-12", second)):
                cursor.execute(
                    """insert into market.prices (symbol_id, day, open, high, low, close, volume, usd_missing, batch_id,
                    known_since) values (%s, %s, %s, %s, %s, %s, 1, 'none', 1, now())""",
                    (symbol_id, day, close, close, close, close),
                )
        cursor.execute("insert into market.splits values (%s, '2020-06-12', 2)", (symbol_id,))
        assert splits.due(ingest, ["A", "B", "C"], 25) == ["A"]
        assert splits.due(ingest, ["A", "B", "C"], 4) == [], "a fifth of four calls is none"
        assert splits.due(ingest, ["A", "B", "C"], None) == ["A", "B", "C"]
        cursor.execute(
            """insert into market.api_calls (request_id, run_id, purpose, function, symbol, requested_at, outcome)
            values (gen_random_uuid(), 'r', 'splits', 'SPLITS', 'A', now() + interval '1 minute', 'stored')"""
        )
        assert splits.due(ingest, ["A", "B", "C"], 25) == []
