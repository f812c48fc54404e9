"""What the publishing tasks do: each opens its connections and calls one step of the ingestion. All are safe to repeat.

A plan stands in the warehouse; between tasks travel the market date and the positions of its chunks.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from hedge_master.ingestion import daily_plan, history_plan, plan, publisher, splits
from hedge_master.ingestion.adoption import adopt_orphans
from hedge_master.ingestion.coming_run import ComingRun, TooFewCalls, coming_daily, coming_history
from hedge_master.ingestion.conclusion import NotDelivered, NothingNew, TooManyFailed, conclude
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.market_date import SampleMarketEnded
from hedge_master.ingestion.positions import read_all_positions
from hedge_master.operations.progress import line_of
from hedge_master.orchestration.connections import (
    alpha_vantage,
    budget,
    kafka_producer,
    limits,
    moment_of_run,
    run_id,
    start_run,
    warehouse,
)
from hedge_master.settings import load_settings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from hedge_master.alpha_vantage.client import AlphaVantageClient

log = logging.getLogger(__name__)


class Plan(TypedDict):
    """A plan that was written down: the market date of its run and (first, behind the last) position of each chunk."""

    market_date: str
    chunks: list[tuple[int, int]]


def start_market_day(params: dict[str, Any]) -> str:
    """The market date of the run, after the sample market's clock was moved where the run is to do that."""
    try:
        return start_run(next_day=params["next_market_day"]).isoformat()
    except SampleMarketEnded as ended:
        raise AirflowSkipException(str(ended)) from None


def plan_history(params: dict[str, Any]) -> Plan:
    """The full histories that are missing, by the form's fields; skips what follows where there are none."""
    choice = history_plan.Choice(
        symbols=params["symbols"] or [],
        regions=params["regions"] or [],
        currencies=params["currencies"] or [],
        types=params["types"] or [],
        refresh=params["refresh"],
    )
    market_date = start_run()
    with warehouse() as connection, budget() as shared:
        adopt_orphans(connection, load_settings().kafka_servers)
        try:
            coming = coming_history(connection, limits(), shared.state(), choice, params["limit"])
        except (history_plan.UnknownSymbols, TooFewCalls) as error:  # the form asks for it again in every try
            raise AirflowFailException(str(error)) from None
    return _written("history", market_date, coming, dry_run=params["dry_run"])


def plan_daily() -> Plan:
    """The symbols whose market has closed a session since their last bar, the stalest first."""
    market_date = start_run()
    with warehouse() as connection, budget() as shared:
        adopt_orphans(connection, load_settings().kafka_servers)
        if not daily_plan.regions(connection):
            raise LookupError("market.symbols holds no symbol: run sync_symbols first")
        coming = coming_daily(connection, moment_of_run(), limits(), shared.state())
    for region, session in coming.unsure:
        log.warning("%s: all its symbols are asked, since %s", region, session.unsure)
    return _written("daily", market_date, coming, dry_run=False)


def _written(kind: plan.Kind, market_date: date, coming: ComingRun, dry_run: bool) -> Plan:
    """Say what the plan costs, and write it down. Skips what follows for a dry run and where nothing is to be done."""
    symbols = len(coming.calls)
    log.info("%d symbols and %d calls for splits: %s", symbols, coming.split_calls, coming.cost)
    for each in coming.calls[:20]:
        log.info("%s %s: %s", each.outputsize, each.symbol, each.reason)
    if dry_run:
        raise AirflowSkipException(f"dry run: {symbols:,} symbols; {coming.cost}")
    if not coming.calls:
        raise AirflowSkipException("nothing is missing")
    with warehouse() as connection:
        plan.write_plan(connection, run_id(), kind, market_date, coming.calls, coming.cost)
    return {"market_date": market_date.isoformat(), "chunks": plan.chunks(symbols, limits())}


def publish(market_date: str, first: int, until: int) -> dict[str, int]:
    """Carry out one chunk of the plan, splits before prices; waits for the broker.

    Skipped where the day's budget let nothing through.
    """
    run, kind_is_history = run_id(), run_id().startswith("backfill_price_history/")
    with alpha_vantage() as client, warehouse() as calls, warehouse() as connection, budget() as shared:
        adopt_orphans(connection, load_settings().kafka_servers)
        _sync_splits(client, calls, connection, (first, until))
        waiting = plan.unsettled(connection, run, first, until)
        connection.commit()
        settled = until - first - len(waiting)
        report = publisher.publish_prices(
            client,
            kafka_producer(),
            Ledger(calls, run, "history" if kind_is_history else "daily"),
            waiting,
            run,
            date.fromisoformat(market_date),
            limits().calls_per_minute,
            needs_full=kind_is_history,
            # Not on the ledger's connection: calls would wait to be written down while the line is read.
            progress=lambda: line_of(connection, run, shared.state(), limits().per_day),
            settled_before=settled,
        )
    if report.spent and not report.published and not settled:
        raise AirflowSkipException(f"the day's budget is spent: {report.left:,} symbols wait")
    return {name: int(value) for name, value in dataclasses.asdict(report).items() if isinstance(value, int)}


def _sync_splits(client: AlphaVantageClient, calls: Connection, connection: Connection, chunk: tuple[int, int]) -> None:
    """The splits that the plan of a chunk asks for, before its prices are read. A symbol with a new one gets its full
    history in this run, where it had one. Too many failed calls fail the task; a spent budget leaves them for another
    day."""
    planned = [each.symbol for each in plan.unsettled(connection, run_id(), *chunk) if each.asks_splits]
    wanted = splits.unanswered(connection, run_id(), planned)
    connection.commit()
    report = splits.sync_splits(client, calls, connection, wanted, run_id())
    log.info("splits: %s", report.counts())
    if daily_plan.full_is_allowed(connection, limits().per_day > 0):
        plan.pull_whole(connection, run_id(), report.changed_symbols, "a new split")
    connection.commit()


def conclude_run(complaints: Sequence[str]) -> str:
    """Close the run's account. Fails where nothing new came although markets have closed a session, where too many
    calls failed or an answer was too large for Kafka, and for what other tasks of the run complained of; skipped with a
    note where the day's budget did not reach."""
    with warehouse() as connection, budget() as shared:
        state = shared.state()
        try:
            outcome = conclude(connection, run_id(), state)
        except (NothingNew, NotDelivered, TooManyFailed) as error:  # another try of this task would find the same
            raise AirflowFailException("; ".join([str(error), *filter(None, complaints)])) from None
    if any(complaints):
        raise AirflowFailException("; ".join([outcome.note(state), *filter(None, complaints)]))
    if outcome.left:
        raise AirflowSkipException(outcome.note(state))
    return outcome.note(state)


def has_unread_messages() -> bool:
    """True where Kafka holds messages that the warehouse has not read, or has lost some; says how many in the log."""
    with warehouse() as connection:
        found = read_all_positions(load_settings(), connection)
    for each in found:
        log.info("%s: %d messages to read", each.topic.name, each.unread)
    return any(each.is_work for each in found)
