"""Keeps market.splits in step with SPLITS; a split that is new or different marks all weeks of its symbol."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from uuid import UUID, uuid4

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from hedge_master.alpha_vantage import answers
from hedge_master.alpha_vantage.answers import Split
from hedge_master.alpha_vantage.client import AlphaVantageClient, Answer
from hedge_master.alpha_vantage.errors import (
    AlphaVantageError,
    CalledOff,
    DailyLimitReached,
    KeyRefused,
    PremiumOnly,
    UnknownSymbol,
)
from hedge_master.ingestion.in_flight import InFlight
from hedge_master.ingestion.ledger import MOST_FAILED_SHARE, Ledger
from hedge_master.warehouse.merge import ONE_MERGE_AT_A_TIME

log = logging.getLogger(__name__)

CALLS_IN_FLIGHT = 16
LEAST_JUDGED = 20  # one symbol whose splits never come must not keep the prices of the others


class SplitsUnknown(RuntimeError):
    """The splits of too many symbols could not be learnt: their prices would show storms that there were not."""


@dataclass
class SplitsReport:
    """`asked` symbols, `changed` splits, `failed` calls, `left` symbols for which the day's budget did not reach."""

    asked: int = 0
    changed: int = 0
    failed: int = 0
    left: int = 0
    changed_symbols: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {name: value for name, value in asdict(self).items() if isinstance(value, int)}


# A close that differs by more than this factor from the one before looks like a split. Few stocks move so in a day, and
# a needless question costs one call.
SUSPECT_FACTOR = 1.4
SUSPECT_DAYS = 150  # a compact answer reaches back 100 trading days
SHARE_FOR_SPLITS = 5  # one of so many calls that the day has left: prices go on


def due(warehouse: Connection, symbols: Sequence[str], left: int | None) -> list[str]:
    """The symbols whose splits are worth a call: all of them where no daily budget rules (`left` is None).

    Else those with a jump in their newest SUSPECT_DAYS that no known split explains and that SPLITS was not asked about
    since: the widest jumps first, and no more than a share of the calls that the day has `left`.
    """
    if left is None:
        return list(symbols)
    with warehouse.cursor() as cursor:
        cursor.execute(
            """with bars as (
                select symbols.symbol_id, symbols.symbol, prices.day, prices.close, prices.known_since,
                    lag(prices.close) over (partition by symbols.symbol_id order by prices.day) as before,
                    lag(prices.day) over (partition by symbols.symbol_id order by prices.day) as day_before
                from market.symbols as symbols
                inner join market.prices as prices using (symbol_id)
                where symbols.symbol = any(%(symbols)s) and symbols.ticker_until is null
                    and prices.day > (select max(market_date) from market.market_dates) - %(days)s
            )
            select bars.symbol from bars
            where greatest(bars.close / bars.before, bars.before / bars.close) > %(factor)s
                and not exists (
                    select from market.splits as splits
                    where splits.symbol_id = bars.symbol_id
                        and splits.effective_date > bars.day_before and splits.effective_date <= bars.day)
                and not exists (
                    select from market.api_calls as calls
                    where calls.symbol = bars.symbol and calls.function = 'SPLITS'
                        and calls.outcome in ('stored', 'nothing_there') and calls.requested_at > bars.known_since)
            group by bars.symbol
            order by max(greatest(bars.close / bars.before, bars.before / bars.close)) desc, bars.symbol
            limit %(most)s""",
            {
                "symbols": list(symbols),
                "days": SUSPECT_DAYS,
                "factor": SUSPECT_FACTOR,
                "most": left // SHARE_FOR_SPLITS,
            },
        )
        return [symbol for (symbol,) in cursor.fetchall()]


def unanswered(warehouse: Connection, run_id: str, symbols: Sequence[str]) -> list[str]:
    """Those of `symbols` whose splits this run has not learnt yet: a retry buys no answer again."""
    with warehouse.cursor() as cursor:
        cursor.execute(
            """select symbol from market.api_calls
            where run_id = %s and function = 'SPLITS' and outcome in ('stored', 'nothing_there')""",
            (run_id,),
        )
        known = {symbol for (symbol,) in cursor.fetchall()}
    return [symbol for symbol in symbols if symbol not in known]


def sync_splits(
    client: AlphaVantageClient, calls: Connection, warehouse: Connection, symbols: Iterable[str], run_id: str
) -> SplitsReport:
    """Ask for the splits of each symbol and store what changed, symbol by symbol.

    `calls` is the ledger's own connection (autocommit). Ends early where the day's budget is spent. Raises
    SplitsUnknown where more than MOST_FAILED_SHARE of the calls (of LEAST_JUDGED at least) failed, KeyRefused and
    PremiumOnly at once.
    """
    ledger = Ledger(calls, run_id, "splits")
    report = SplitsReport()
    refused: KeyRefused | PremiumOnly | None = None

    def ask(asking: AlphaVantageClient, call: tuple[UUID, str]) -> Answer:
        request_id, symbol = call
        return ledger.announced(asking, request_id, "SPLITS", symbol).splits(symbol)

    with InFlight(client, ((uuid4(), symbol) for symbol in symbols), ask, CALLS_IN_FLIGHT) as flight:
        for ended in flight:
            for (request_id, symbol), answered in ended:
                try:
                    _settle(ledger, warehouse, report, request_id, symbol, answered)
                except DailyLimitReached as error:
                    log.warning("splits: the day's calls are spent: %s", error)
                    flight.stop()
                    report.left += 1
                except CalledOff:
                    report.left += 1
                except (KeyRefused, PremiumOnly) as error:
                    refused = refused or error  # no further call, but those in flight are paid for: settled as well
                    flight.stop()
    if refused:
        raise refused
    report.left += len(flight.waiting)
    if report.failed > MOST_FAILED_SHARE * max(report.asked, LEAST_JUDGED):
        raise SplitsUnknown(f"{report.failed} of {report.asked} calls failed: see market.api_calls")
    return report


def _settle(
    ledger: Ledger, warehouse: Connection, report: SplitsReport, request_id: UUID, symbol: str, asking: Future[Answer]
) -> None:
    """Store one answer or close its call. Raises what ends all calls (DailyLimitReached, KeyRefused, PremiumOnly), and
    CalledOff."""
    try:
        answer = asking.result()
        found = answers.splits(answer.body)
    except AlphaVantageError as error:
        ledger.failed(request_id, error)
        if isinstance(error, DailyLimitReached | KeyRefused | PremiumOnly | CalledOff):
            raise
        report.asked += 1
        if not isinstance(error, UnknownSymbol):
            report.failed += 1
            log.warning("%s: %s: %s", symbol, type(error).__name__, error)
        return
    report.asked += 1
    with warehouse:
        changed = store(warehouse, symbol, found)
    report.changed += changed
    if changed:
        report.changed_symbols.append(symbol)
    ledger.stored(request_id, answer, len(found))


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
            # Marks are numbered in the order of their commits: who keeps the last number that it has seen misses none.
            cursor.execute("select pg_advisory_xact_lock(%s)", (ONE_MERGE_AT_A_TIME,))
            cursor.execute(
                """select market.mark_changed_weeks(%s, min(day), max(day), 'split')
                from market.prices where symbol_id = %s having count(*) > 0""",
                (symbol_id, symbol_id),
            )
    return changed
