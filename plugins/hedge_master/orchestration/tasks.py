"""What the tasks do: each opens its connections and calls one step of the ingestion. All are safe to run again.

A plan travels between tasks as plain JSON: {"market_date": "YYYY-MM-DD", "chunks": [[symbol, ...], ...]}.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from datetime import date
from typing import Any, TypedDict

from airflow.sdk.exceptions import AirflowSkipException

from hedge_master.ingestion import fx_rates, lag, plan, publisher, splits, symbols
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.market_date import SampleMarketEnded
from hedge_master.ingestion.topics import TOPICS
from hedge_master.orchestration.connections import alpha_vantage, kafka_producer, run_id, start_run, warehouse
from hedge_master.settings import load_settings

log = logging.getLogger(__name__)


class Plan(TypedDict):
    """The symbols to ask for, in chunks of one task each, and the market date of the run."""

    market_date: str
    chunks: list[list[str]]


def start_market_day(params: dict[str, Any]) -> str:
    """The market date of the run, after the sample market's clock was moved where the run is to do that."""
    try:
        return start_run(next_day=params["next_market_day"]).isoformat()
    except SampleMarketEnded as ended:
        raise AirflowSkipException(str(ended)) from None


def sync_listings() -> dict[str, int]:
    """LISTING_STATUS, active and delisted, into market.symbols."""
    market_date = start_run()
    with alpha_vantage(load_settings()) as client, warehouse() as calls, warehouse() as connection:
        return symbols.sync_listings(client, Ledger(calls, run_id()), connection, market_date)


def sync_searched(keywords: Sequence[str]) -> dict[str, int]:
    """SYMBOL_SEARCH for each keyword (none given: the setting's) into market.symbols."""
    settings = load_settings()
    market_date = start_run()
    with alpha_vantage(settings) as client, warehouse() as calls, warehouse() as connection:
        words = keywords or settings.symbol_search_keywords.split(",")
        return symbols.sync_searched(client, Ledger(calls, run_id()), connection, market_date, words)


def plan_history(params: dict[str, Any]) -> Plan:
    """Symbols whose full history must be asked for, by the form's fields; skips what follows where there are none."""
    market_date = start_run()
    with warehouse() as connection:
        wanted = plan.without_history(connection, params["symbols"] or [], refresh=params["refresh"])
    wanted = wanted[: params["limit"]] if params["limit"] else wanted
    log.info("%d symbols to ask for: %s%s", len(wanted), ", ".join(wanted[:20]), " ..." if len(wanted) > 20 else "")
    if params["dry_run"]:
        raise AirflowSkipException(f"dry run: {2 * len(wanted)} calls would be made for {len(wanted)} symbols")
    return _planned(market_date, wanted)


def plan_daily() -> Plan:
    """All symbols that trade, those with the oldest last bar first."""
    market_date = start_run()
    with warehouse() as connection:
        wanted = plan.traded(connection)
    if not wanted:
        raise LookupError("market.symbols holds no active symbol: run sync_symbols first")
    return _planned(market_date, wanted)


def _planned(market_date: date, wanted: list[str]) -> Plan:
    if not wanted:
        raise AirflowSkipException("nothing is missing")
    return {"market_date": market_date.isoformat(), "chunks": plan.chunks(wanted)}


def load_fx_rates(planned: Plan) -> int:
    """The ECB's rates up to the market date into market.fx_rates; returns how many were new."""
    history = fx_rates.fetch_ecb_history(load_settings().ecb_rates_address)
    with warehouse() as connection:
        return fx_rates.load_fx_rates(connection, date.fromisoformat(planned["market_date"]), history)


def sync_splits(planned: Plan) -> dict[str, int]:
    """SPLITS of all planned symbols into market.splits, before their prices are read."""
    wanted = [symbol for chunk in planned["chunks"] for symbol in chunk]
    with alpha_vantage(load_settings()) as client, warehouse() as calls, warehouse() as connection:
        return dataclasses.asdict(splits.sync_splits(client, calls, connection, wanted, run_id()))


def publish(outputsize: str, market_date: str, chunk: list[str]) -> dict[str, int]:
    """Ask for one chunk's prices and publish the answers to the topic of their size; waits for the broker."""
    (topic,) = (topic for topic in TOPICS if topic.outputsize == outputsize)
    with alpha_vantage(load_settings()) as client, warehouse() as calls:
        report = publisher.publish_prices(
            client, kafka_producer(), calls, topic, chunk, run_id(), date.fromisoformat(market_date)
        )
    return {name: value for name, value in dataclasses.asdict(report).items() if isinstance(value, int)}


def has_unread_messages() -> bool:
    """True where Kafka holds messages that the warehouse has not read; says how many in the log."""
    with warehouse() as connection:
        unread = lag.unread_messages(load_settings(), connection)
    for topic, count in unread.items():
        log.info("%s: %d messages to read", topic, count)
    return any(unread.values())
