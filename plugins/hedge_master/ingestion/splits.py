"""Keeps market.splits in step with SPLITS; a split that is new or different marks all weeks of its symbol."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from hedge_master.alpha_vantage import answers
from hedge_master.alpha_vantage.answers import Split
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.alpha_vantage.errors import DailyLimitReached, UnknownSymbol
from hedge_master.ingestion.ledger import Ledger

log = logging.getLogger(__name__)

CALLS_IN_FLIGHT = 4


@dataclass(frozen=True)
class SplitsReport:
    """`asked` symbols, `changed` splits, `left` symbols for which the day's budget did not reach."""

    asked: int
    changed: int
    left: int


def sync_splits(
    client: AlphaVantageClient, calls: Connection, warehouse: Connection, symbols: Iterable[str], run_id: str
) -> SplitsReport:
    """Ask for the splits of each symbol and store what is new. `calls` is the ledger's own connection (autocommit)."""
    ledger = Ledger(calls, run_id)
    waiting = list(symbols)
    asked = changed = 0
    with ThreadPoolExecutor(CALLS_IN_FLIGHT, thread_name_prefix="alpha-vantage") as pool:
        for start in range(0, len(waiting), CALLS_IN_FLIGHT):
            flying = []
            for symbol in waiting[start : start + CALLS_IN_FLIGHT]:
                request_id = uuid4()
                ledger.asked(request_id, "SPLITS", symbol)
                flying.append((request_id, symbol, pool.submit(client.splits, symbol)))
            for request_id, symbol, future in flying:
                asked += 1
                try:
                    body = future.result().body
                except UnknownSymbol:
                    ledger.nothing_there(request_id)
                    continue
                except DailyLimitReached as error:
                    ledger.failed(request_id, error)
                    return SplitsReport(asked, changed, len(waiting) - asked)
                changed += store(warehouse, symbol, answers.splits(body))
                ledger.stored(request_id, len(body))
    return SplitsReport(asked, changed, 0)


def store(warehouse: Connection, symbol: str, splits: Sequence[Split]) -> int:
    """Store the splits of one symbol; returns how many were new or different. Raises LookupError for no such symbol."""
    with warehouse.cursor() as cursor:
        cursor.execute("select symbol_id from market.symbols where symbol = %s", (symbol,))
        row = cursor.fetchone()
        if row is None:
            raise LookupError(f"{symbol} is not in market.symbols: run sync_symbols first")
        symbol_id = row[0]
        if not splits:
            return 0
        changed = execute_values(
            cursor,
            """insert into market.splits as known (symbol_id, effective_date, factor) values %s
            on conflict (symbol_id, effective_date) do update set factor = excluded.factor, known_since = now()
            where known.factor is distinct from excluded.factor
            returning effective_date""",
            [(symbol_id, split.effective_date, split.factor) for split in splits],
            fetch=True,
        )
        if changed:
            cursor.execute(
                """select market.mark_changed_weeks(%s, min(day), max(day), 'split')
                from market.prices where symbol_id = %s having count(*) > 0""",
                (symbol_id, symbol_id),
            )
    return len(changed)


def symbols_to_ask(warehouse: Connection, market_date: date) -> list[str]:
    """Active symbols with prices. A split shows as a jump at its date, so the daily run asks for all of them."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            """select symbol from market.symbols
            where status = 'active' and first_seen <= %s
            order by symbol""",
            (market_date,),
        )
        return [symbol for (symbol,) in cursor.fetchall()]
