"""Keeps market.splits in step with SPLITS; a split that is new or different marks all weeks of its symbol."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID, uuid4

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from hedge_master.alpha_vantage import answers
from hedge_master.alpha_vantage.answers import Split
from hedge_master.alpha_vantage.client import AlphaVantageClient, Answer
from hedge_master.alpha_vantage.errors import AlphaVantageError, DailyLimitReached, KeyRefused, UnknownSymbol
from hedge_master.ingestion.ledger import CALLS_IN_FLIGHT, MOST_FAILED_SHARE, Ledger

log = logging.getLogger(__name__)


class SplitsUnknown(RuntimeError):
    """The splits of too many symbols could not be learnt: their prices would show storms that there were not."""


@dataclass
class SplitsReport:
    """`asked` symbols, `changed` splits, `failed` calls, `left` symbols for which the day's budget did not reach."""

    asked: int = 0
    changed: int = 0
    failed: int = 0
    left: int = 0


def sync_splits(
    client: AlphaVantageClient, calls: Connection, warehouse: Connection, symbols: Iterable[str], run_id: str
) -> SplitsReport:
    """Ask for the splits of each symbol and store what changed, symbol by symbol.

    `calls` is the ledger's own connection (autocommit). Raises SplitsUnknown where more than MOST_FAILED_SHARE of the
    calls failed, KeyRefused at once.
    """
    ledger = Ledger(calls, run_id)
    waiting = list(symbols)
    report = SplitsReport()
    with ThreadPoolExecutor(CALLS_IN_FLIGHT, thread_name_prefix="alpha-vantage") as pool:
        for start in range(0, len(waiting), CALLS_IN_FLIGHT):
            flying = []
            for symbol in waiting[start : start + CALLS_IN_FLIGHT]:
                request_id = uuid4()
                ledger.asked(request_id, "SPLITS", symbol)
                flying.append((request_id, symbol, pool.submit(client.splits, symbol)))
            spent = [_settle(ledger, warehouse, report, *each) for each in flying]
            if any(spent):
                report.left = len(waiting) - report.asked
                return report
    if report.failed > MOST_FAILED_SHARE * report.asked:
        raise SplitsUnknown(f"{report.failed} of {report.asked} calls failed: see market.api_calls")
    return report


def _settle(
    ledger: Ledger, warehouse: Connection, report: SplitsReport, request_id: UUID, symbol: str, asking: Future[Answer]
) -> bool:
    """Store one answer or close its call; True when the day's budget is spent."""
    report.asked += 1
    try:
        body = asking.result().body
        found = answers.splits(body)
    except UnknownSymbol:
        ledger.nothing_there(request_id)
        return False
    except AlphaVantageError as error:
        ledger.failed(request_id, error)
        if isinstance(error, KeyRefused):
            raise
        report.failed += 1
        log.warning("%s: %s: %s", symbol, type(error).__name__, error)
        return isinstance(error, DailyLimitReached)
    with warehouse:
        report.changed += store(warehouse, symbol, found)
    ledger.stored(request_id, len(body))
    return False


def store(warehouse: Connection, symbol: str, splits: Sequence[Split]) -> int:
    """Make `splits` the symbol's whole list; returns how many are new, different or gone.

    The API gives all splits of a symbol at once: one that is no longer among them was withdrawn, or moved to another
    day. Raises LookupError for no such symbol.
    """
    with warehouse.cursor() as cursor:
        cursor.execute("select symbol_id from market.symbols where symbol = %s", (symbol,))
        row = cursor.fetchone()
        if row is None:
            raise LookupError(f"{symbol} is not in market.symbols: run sync_symbols first")
        symbol_id = row[0]
        cursor.execute(
            "delete from market.splits where symbol_id = %s and not effective_date = any(%s::date[])",
            (symbol_id, [split.effective_date for split in splits]),
        )
        changed = cursor.rowcount
        if splits:
            changed += len(
                execute_values(
                    cursor,
                    """insert into market.splits as known (symbol_id, effective_date, factor) values %s
                    on conflict (symbol_id, effective_date) do update set factor = excluded.factor, known_since = now()
                    where known.factor is distinct from excluded.factor
                    returning effective_date""",
                    [(symbol_id, split.effective_date, split.factor) for split in splits],
                    fetch=True,
                )
            )
        if changed:
            cursor.execute(
                """select market.mark_changed_weeks(%s, min(day), max(day), 'split')
                from market.prices where symbol_id = %s having count(*) > 0""",
                (symbol_id, symbol_id),
            )
    return changed
