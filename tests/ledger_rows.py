"""Rows of schema market as ingestion leaves them, for tests of what reads the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

ASKED = datetime(2020, 6, 12, 21, tzinfo=UTC)


def add_symbols(warehouse: Connection, *symbols: str, **columns: Any) -> None:
    """Listed in the US in dollars, active and known for ever, unless `columns` say otherwise."""
    values = {
        "type": "Equity",
        "region": "United States",
        "timezone": "UTC-04",
        "currency": "USD",
        "first_seen": date(2020, 1, 2),
        "added_at": datetime(2000, 1, 1, tzinfo=UTC),
    } | columns
    names = ", ".join(["symbol", "name", *values])
    with warehouse.cursor() as cursor:
        rows = [(symbol, f"{symbol} Incorporated", *values.values()) for symbol in symbols]
        execute_values(cursor, f"insert into market.symbols ({names}) values %s", rows)
    warehouse.commit()


def add_bars(warehouse: Connection, symbol: str, days: Sequence[date], *, provisional: bool = False) -> None:
    """A calm bar at 10 dollars on each day."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            """insert into market.prices
                (symbol_id, day, provisional, open, high, low, close, volume, close_usd, fx_date, batch_id, known_since)
            select symbol_id, day, %s, 10, 10, 10, 10, 100, 10, day, 1, %s
            from market.symbols cross join unnest(%s::date[]) as day where symbol = %s""",
            (provisional, ASKED, list(days), symbol),
        )
    warehouse.commit()


def add_call(warehouse: Connection, symbol: str, **columns: Any) -> None:
    """A published compact answer of the daily run, unless `columns` say otherwise."""
    values: dict[str, Any] = {
        "request_id": str(uuid4()),
        "run_id": "produce_daily_prices/one",
        "purpose": "daily",
        "function": "TIME_SERIES_DAILY",
        "outputsize": "compact",
        "symbol": symbol,
        "requested_at": ASKED,
        "outcome": "published",
    } | columns
    if values["outcome"] == "published":
        values = {"topic": "market-data.daily-prices.v1", "partition": 0, "kafka_offset": 7} | values
    with warehouse.cursor() as cursor:
        cursor.execute(f"insert into market.api_calls ({', '.join(values)}) values %s", (tuple(values.values()),))
    warehouse.commit()


def add_answer(warehouse: Connection, symbol: str, *, last_day: date, outputsize: str = "compact") -> None:
    """What the stream remembers of a merged answer."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            """insert into market.answers
                (symbol_id, outputsize, first_day, last_day, requested_at, topic, partition, kafka_offset)
            select symbol_id, %s, %s, %s, %s, 'market-data.daily-prices.v1', 0, 7
            from market.symbols where symbol = %s""",
            (outputsize, date(2020, 1, 2), last_day, ASKED, symbol),
        )
    warehouse.commit()


def add_run(warehouse: Connection, run_id: str, **columns: Any) -> None:
    """The plan of a daily run over one symbol, unless `columns` say otherwise."""
    values = {
        "run_id": run_id,
        "kind": "daily",
        "market_date": date(2020, 6, 12),
        "symbols": 1,
        "calls_needed": 1,
        "planned_at": ASKED,
    } | columns
    with warehouse.cursor() as cursor:
        cursor.execute(f"insert into market.ingest_runs ({', '.join(values)}) values %s", (tuple(values.values()),))
    warehouse.commit()
