"""What the tasks of sync_symbols do; the daily run does the same first. All are safe to run again."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import date, timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.alpha_vantage.errors import AlphaVantageError, KeyRefused
from hedge_master.ingestion import symbols
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.searches import GIVEN, Generate, generated, past_searches
from hedge_master.orchestration.connections import alpha_vantage, budget, limits, run_id, start_run, warehouse
from hedge_master.settings import load_settings

log = logging.getLogger(__name__)

RARELY = timedelta(days=7)


def sync_listings(most_lost_percent: float = 100 * symbols.MOST_LOST_SHARE) -> dict[str, int]:
    """LISTING_STATUS, active and delisted, into market.symbols."""
    market_date = start_run()
    with alpha_vantage() as client:
        return _sync_listings(client, market_date, most_lost_percent / 100)


def _sync_listings(client: AlphaVantageClient, market_date: date, most_lost_share: float) -> dict[str, int]:
    with warehouse() as calls, warehouse() as connection:
        ledger = Ledger(calls, run_id(), "symbols")
        return symbols.sync_listings(client, ledger, connection, market_date, most_lost_share)


def sync_listings_for_the_day() -> str:
    """The same before the daily run. On a plan with a daily budget not before the known ones are RARELY old.

    Listings that cannot be had do not keep the prices of the symbols that are known: returns what was wrong, for the
    end of the run to fail with; empty when nothing was. A refused key ends the run here.
    """
    market_date = start_run()
    with warehouse() as connection:
        age = symbols.listings_age(connection, market_date)
    if limits().per_day and age is not None and age < RARELY:
        log.info("the listings are %d days old: asked again after %d", age.days, RARELY.days)
        return ""
    with alpha_vantage() as client:
        try:
            log.info("%s", _sync_listings(client, market_date, symbols.MOST_LOST_SHARE))
        except KeyRefused:
            raise
        except AlphaVantageError as error:
            log.error("the prices go on with the known symbols: %s", error)
            return f"{type(error).__name__}: {error}"
    return ""


def sync_searched_for_the_day() -> str:
    """The setting's keywords before the daily run; how often, and what is returned, is as for the listings."""
    market_date = start_run()
    again_after = RARELY.days if limits().per_day else 0
    words = load_settings().symbol_search_keywords.split(",")
    with alpha_vantage() as client, warehouse() as calls, warehouse() as connection:
        past = past_searches(connection, run_id(), market_date, again_after)
        ledger = Ledger(calls, run_id(), "symbols")
        try:
            log.info("%s", symbols.sync_searched(client, ledger, connection, market_date, words, GIVEN, past))
        except symbols.SearchesFailed as error:
            log.error("the prices go on with the known symbols: %s", error)
            return str(error)
    return ""


def sync_searched(params: dict[str, Any]) -> dict[str, int]:
    """SYMBOL_SEARCH into market.symbols, by the form's fields: given keywords (none: the setting's), generated ones."""
    market_date = start_run()
    made_up, refining = generated(Generate(params["generate"]), params["deepest"])
    given = params["keywords"] or ([] if made_up else load_settings().symbol_search_keywords.split(","))
    searches = [(given, GIVEN, 0), (made_up, refining, params["again_after_days"])]
    report: Counter[str] = Counter()
    with alpha_vantage() as client, warehouse() as calls, warehouse() as connection:
        ledger = Ledger(calls, run_id(), "symbols")
        for keywords, how, again_after_days in searches:
            past = past_searches(connection, run_id(), market_date, again_after_days)
            report.update(symbols.sync_searched(client, ledger, connection, market_date, keywords, how, past))
    return dict(report)


def report_left(listed: dict[str, int], searched: dict[str, int]) -> str:
    """One line on the run. Skipped, with a note, where the day's calls did not reach."""
    left = listed["left"] + searched["left"]
    with budget() as shared:
        state = shared.state()
    note = f"{listed['added'] + searched['added']:,} symbols added, {listed['changed'] + searched['changed']:,} changed"
    if left:
        raise AirflowSkipException(f"{note}; {left:,} calls left to make: start it again tomorrow ({state})")
    log.info("%s; %s", note, state)
    return note
