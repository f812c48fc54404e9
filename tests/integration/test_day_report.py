"""What `make next-day` tells of a day, on a real warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values
from staging_rows import StagedBar, stage

from hedge_master.ingestion.topics import DAILY_PRICES
from hedge_master.local_stack.day_report import MarketDay, day_of, mark_of
from hedge_master.warehouse.merge import merge_batch, next_offsets

THURSDAY, FRIDAY, MONDAY = date(2020, 6, 11), date(2020, 6, 12), date(2020, 6, 15)
Bar = tuple[str, date, float, str | None]


@pytest.fixture
def warehouse(ingest: Connection) -> Connection:
    add_symbols(ingest, "AAA", "BBB")
    return ingest


def add_symbols(warehouse: Connection, *names: str) -> None:
    rows = [(name, f"{name} Inc", "Equity", "United States", "US/Eastern", "USD", FRIDAY) for name in names]
    with warehouse, warehouse.cursor() as cursor:
        execute_values(
            cursor,
            "insert into market.symbols (symbol, name, type, region, timezone, currency, first_seen) values %s",
            rows,
        )


def deliver(warehouse: Connection, hour: int, *bars: Bar) -> None:
    """One message a symbol, asked for at `hour`."""
    asked = datetime(2020, 6, 16, hour, tzinfo=UTC)
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(f"truncate {DAILY_PRICES.staging}")
        offset = next_offsets(warehouse, DAILY_PRICES).get(0, 0)
        rows = stage(cursor, DAILY_PRICES, [StagedBar(*bar) for bar in bars], offset, asked)
        assert merge_batch(warehouse, DAILY_PRICES, "test/run", asked, rows) is not None


def test_a_day_is_told_by_what_is_new_late_corrected_and_rejected(warehouse: Connection) -> None:
    """Friday: AAA has its bar, BBB's is missing, and Thursday's row of zeros is refused. Monday: both have theirs,
    BBB's Friday comes late, AAA's Friday is put right, the zeros are delivered again, CCC is new, AAA has a split."""
    zeros = ("AAA", THURSDAY, 0.0, "price_not_positive")
    deliver(warehouse, 0, zeros, ("AAA", FRIDAY, 10.0, None))
    before = mark_of(warehouse)
    warehouse.commit()
    add_symbols(warehouse, "CCC")
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            """insert into market.splits (symbol_id, effective_date, factor)
            select symbol_id, %s, 0.001 from market.symbols where symbol = 'AAA'""",
            (MONDAY,),
        )
    deliver(warehouse, 1, zeros, ("AAA", FRIDAY, 11.0, None), ("AAA", MONDAY, 11.5, None))
    deliver(warehouse, 2, ("BBB", FRIDAY, 5.0, None), ("BBB", MONDAY, 5.5, None))
    with warehouse, warehouse.cursor() as cursor:  # a message that is refused as a whole names no day
        cursor.execute(
            """insert into market.rejections
                (first_batch_id, last_batch_id, topic, partition, kafka_offset, symbol, reason)
            values (99, 99, 't', 0, 9, 'CCC', 'notice')"""
        )
    deliver(warehouse, 3, ("BBB", FRIDAY, 5.0, None), ("BBB", MONDAY, -1.0, "price_not_positive"))
    assert day_of(warehouse, MONDAY, before) == MarketDay(
        market_date=MONDAY,
        bars=2,
        late=1,
        changed=1,
        unchanged=1,
        rejected=2,  # the zeros were refused on Friday already
        news={
            "new symbols": ["CCC CCC Inc"],
            "splits": ["AAA 1 for 1000"],
            "late": ["BBB 2020-06-12"],
            "corrected": ["AAA 2020-06-12 10 -> 11"],
            "rejected": ["BBB 2020-06-15 price_not_positive", "CCC notice"],
        },
    )
