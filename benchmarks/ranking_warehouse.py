"""The warehouse whose ranking is measured: the tables and functions of the real models, filled with drawn rows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from psycopg2.extensions import connection as Connection
from ranking_market import MARKET_DATE, Market
from ranking_rows import Stream, Table, tables
from running import say
from services import postgres_server

from hedge_master.local_stack import postgres
from hedge_master.local_stack.airflow_environment import dbt_environment
from hedge_master.local_stack.stack import Stack
from hedge_master.markets.regions import MARKETS
from hedge_master.settings import REPO_ROOT
from hedge_master.warehouse.migrate import migrate

PROJECT = REPO_ROOT / "dbt_project"
# The fill is not measured: without WAL, and with memory to sort an index in. Durability comes with os.sync() after it.
TO_FILL = ("wal_level=minimal", "max_wal_senders=0", "fsync=off", "autovacuum=off", "maintenance_work_mem=1GB")
TIERS = ("high", "medium", "low", "low", "unknown", "untradable")
CURRENCIES = ("USD", "EUR", "GBX", "JPY", "INR", "CAD", "CNY", "HKD", "BRL", "AUD")

SYMBOLS = """
insert into marts.dim_symbols (symbol_id, symbol, name, market, currency, type, status, delisted_on, first_bar,
    last_bar, days_since_last_bar, median_turnover_usd, liquidity_tier, price_band)
select symbol_id, 'BENCH' || lpad(symbol_id::text, 5, '0'), 'Company ' || symbol_id || ' (simulated)',
    (%(markets)s)[1 + symbol_id %% %(market_count)s], (%(currencies)s)[1 + symbol_id / 3 %% %(currency_count)s],
    case when symbol_id %% 7 = 0 then 'ETF' else 'Equity' end,
    case when is_delisted then 'delisted' else 'active' end, case when is_delisted then last_bar + 1 end,
    first_bar, last_bar, %(market_date)s::date - last_bar,
    case tier when 'high' then 6e7 when 'medium' then 6e6 when 'low' then 2e5 when 'untradable' then 1e4 end,
    tier, '5 to 20'
from unnest(%(first_bars)s::date[], %(last_bars)s::date[]) with ordinality as bars (first_bar, last_bar, number)
cross join lateral (select number::integer as symbol_id) as keys
cross join lateral (
    -- Of each third of those that are gone nothing is known but that they trade no more.
    select coalesce(last_bar < %(market_date)s::date - 30 and symbol_id %% 3 > 0, false) as is_delisted
) as fates
cross join lateral (select (%(tiers)s)[1 + symbol_id / 11 %% %(tier_count)s] as tier) as tiers
"""
# On a day of their own life: three symbols in ten have a grave flag and five in ten a milder one.
FLAGS = """
insert into marts.fct_price_flags (symbol_id, symbol, day, last_day, flag, severity, likely_cause, ratio, day_before,
    close_before, close, returned_on, close_after, days)
select symbol_id, symbol, day, day + lasts, flag, severity, likely_cause, 5.1, day - 1, 10, 51,
    case when comes_back then day + lasts + 1 end, case when comes_back then 10 end, nullif(lasts, 0) + 1
from marts.dim_symbols
inner join (
    values
    (0, 'spike', 'grave', 'wrong bar', 0, true),
    (1, 'unit_error', 'grave', 'decimal point or unit', 20, true),
    (2, 'jump_without_split', 'grave', 'split missing', 0, false),
    (3, 'jump_without_split', 'doubtful', 'not known', 0, false),
    (4, 'spike', 'doubtful', 'wrong close', 0, true),
    (5, 'gap', 'doubtful', 'suspended or not delivered', 0, false),
    (6, 'gap', 'doubtful', 'suspended or not delivered', 0, false),
    (7, 'unchanged_without_volume', 'doubtful', 'not traded or filled in', 14, false)
) as kinds (lot, flag, severity, likely_cause, lasts, comes_back) on symbol_id * 7919 / 64 %% 10 = lot
cross join lateral (select first_bar + (symbol_id * 104729::bigint %% (last_bar - first_bar))::integer as day) as days
where last_bar > first_bar
"""


@dataclass(frozen=True)
class Filled:
    """How long the fill took, and how many rows each of the large tables has."""

    seconds: float
    rows: dict[str, int]


def build(stack: Stack) -> None:
    """The published tables and functions, empty, by the real models. RuntimeError where dbt fails."""
    with postgres_server(stack):
        postgres.ensure_roles_and_databases(stack)
        migrate(stack.settings)
        with closing(postgres.connect(stack, "warehouse")) as admin:
            run(admin, "insert into market.market_dates values ('benchmark', %s, 'sample market')", MARKET_DATE)
        _dbt(stack, "run", "--select", "+as_of")
        _dbt(stack, "run-operation", "publish_marts")


def _dbt(stack: Stack, *words: str) -> None:
    folder = str(stack.folders.home / "dbt")
    environ = os.environ | dbt_environment(stack.settings) | {"DBT_TARGET_PATH": folder, "DBT_LOG_PATH": folder}
    command = [str(Path(sys.executable).with_name("dbt")), *words, "--profiles-dir", str(PROJECT)]
    done = subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"dbt {words[0]} failed:\n{done.stdout[-3000:]}")


def fill(stack: Stack, market: Market) -> Filled:
    """Fills the published tables."""
    began = time.monotonic()
    with postgres_server(stack, *TO_FILL), closing(postgres.connect(stack, "warehouse")) as admin:
        fill_symbols(admin, market)
        with admin.cursor() as cursor:
            windows, cumulative = tables(cursor, "marts", ["fct_windows", "fct_cumulative"])
        with ThreadPoolExecutor(2) as both:
            works = [
                both.submit(_copy, stack, windows, market.windows),
                both.submit(_copy, stack, cumulative, market.cumulative),
            ]
            counts = [work.result() for work in works]
        run(admin, "vacuum (analyze) marts.dim_symbols, marts.fct_windows, marts.fct_cumulative, marts.fct_price_flags")
    os.sync()
    return Filled(
        time.monotonic() - began, {each.name: count for each, count in zip((windows, cumulative), counts, strict=True)}
    )


def fill_symbols(admin: Connection, market: Market) -> None:
    begins, ends = market.lives()
    traded = begins <= market.weeks
    mondays, fridays = market.ends_on(begins) - 13, market.ends_on(np.minimum(ends, market.weeks)) - 2
    values = {
        "market_date": MARKET_DATE,
        "first_bars": [day if there else None for day, there in zip(mondays.tolist(), traded, strict=True)],
        "last_bars": [day if there else None for day, there in zip(fridays.tolist(), traded, strict=True)],
        "markets": sorted({each.region for each in MARKETS}),
        "market_count": len({each.region for each in MARKETS}),
        "currencies": list(CURRENCIES),
        "currency_count": len(CURRENCIES),
        "tiers": list(TIERS),
        "tier_count": len(TIERS),
    }
    with admin.cursor() as cursor:
        cursor.execute("truncate marts.dim_symbols, marts.fct_price_flags")
        cursor.execute(SYMBOLS, values)
        cursor.execute(FLAGS, values)


def _copy(stack: Stack, table: Table, rows: Callable[[Table], Iterator[bytes]]) -> int:
    """Their count. Frozen rows, as a vacuum leaves them; the indexes are made after them, as dbt makes them."""
    began = time.monotonic()
    with closing(postgres.connect(stack, "warehouse")) as session:
        session.autocommit = False
        with session, session.cursor() as cursor:
            cursor.execute(
                """select indexrelid::regclass::text, pg_get_indexdef(indexrelid)
                from pg_index where indrelid = %s::regclass""",
                (table.name,),
            )
            indexes = cursor.fetchall()
            cursor.execute(f"truncate {table.name}")
            for name, _ in indexes:
                cursor.execute(f"drop index {name}")
            cursor.copy_expert(
                f"copy {table.name} from stdin (format binary, freeze)",
                Stream(rows(table)),
                1 << 20,
            )
            count = cursor.rowcount
            say(f"{table.name}: {count:,} rows in {time.monotonic() - began:.0f} s")
            for _, definition in indexes:
                cursor.execute(definition)
    say(f"{table.name}: with its index after {time.monotonic() - began:.0f} s")
    return count


def run(session: Connection, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of an answer, none of a command."""
    with session.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []
