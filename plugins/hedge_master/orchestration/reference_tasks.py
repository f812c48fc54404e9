"""What the tasks of sync_fx_rates, sync_splits and sync_earnings do: each opens its connections and calls one step of
the ingestion. All are safe to run again."""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from hedge_master.ingestion import earnings, fx_daily, fx_rates, reference_plan, splits
from hedge_master.ingestion.fx_daily import FxReport
from hedge_master.ingestion.fx_rates import RatesUnavailable
from hedge_master.ingestion.ledger import Ledger
from hedge_master.orchestration.connections import alpha_vantage, budget, limits, run_id, start_run, warehouse
from hedge_master.settings import load_settings

log = logging.getLogger(__name__)


def sync_rates(*, whole_history: bool = False) -> dict[str, int]:
    """The ECB's rates up to the market date, then FX_DAILY for what it lacks; how many are new, and how many bars have
    another USD close for it (`touched`).

    A bank that cannot be reached does not stop FX_DAILY; it is raised as RatesUnavailable when all else is stored.
    """
    settings, market_date = load_settings(), start_run()
    unreached: RatesUnavailable | None = None
    rates = touched = 0
    with warehouse() as connection:
        try:
            bank = fx_rates.sync_ecb_rates(
                connection,
                market_date,
                settings.ecb_rates_address,
                settings.ecb_daily_rates_address,
                whole=whole_history,
            )
        except RatesUnavailable as error:
            unreached = error
        else:
            log.info("the bank's %s: %d rates new or different", bank.file, bank.stored.rates)
            rates, touched = bank.stored.rates, bank.stored.repriced
        calls = fx_daily.due(connection, market_date, limits())
    others = _ask_fx_daily(calls) if calls else FxReport()
    if unreached is not None:
        raise unreached
    for currency in others.without_history:
        log.warning("%s: its older rates are in no answer that the plan of the key includes", currency)
    return others.counts() | {"rates": rates + others.rates, "touched": touched + others.repriced}


def sync_rates_of_run() -> str:
    """`sync_rates` before prices are published. A bank that cannot be reached does not keep them: they are stored with
    the last rate that is known, and a late rate mends just the closes that it reaches. Returns what was wrong, for the
    end of the run to fail with; empty when nothing was."""
    try:
        log.info("%s", sync_rates())
    except RatesUnavailable as error:
        log.error("the prices go on without new rates: %s", error)
        return str(error)
    return ""


def _ask_fx_daily(calls: list[fx_daily.RateCall]) -> FxReport:
    market_date = start_run()
    with alpha_vantage() as client, warehouse() as ledgers, warehouse() as connection:
        return fx_daily.sync_fx_daily(client, Ledger(ledgers, run_id(), "rates"), connection, market_date, calls)


def sync_splits(params: Mapping[str, Any]) -> dict[str, int]:
    """SPLITS of the form's symbols, or of all active ones, the stalest first; `touched`: splits that are new, different
    or gone."""
    start_run()
    with alpha_vantage() as client, warehouse() as calls, warehouse() as connection:
        waiting = reference_plan.stalest_splits(connection, run_id(), params["symbols"] or [])
        most = params["limit"] - reference_plan.answered(connection, run_id(), "SPLITS")
        report = splits.sync_splits(client, calls, connection, waiting[: max(most, 0)], run_id())
    for symbol in report.changed_symbols:
        log.info("%s: its splits are other ones: all its weeks are computed anew", symbol)
    return report.counts() | {"left": len(waiting) - report.asked, "touched": report.changed}


def sync_calendar(params: Mapping[str, Any]) -> dict[str, int]:
    """EARNINGS_CALENDAR as far as the form says, one call; none where the day's budget is spent."""
    start_run()
    with alpha_vantage() as client, warehouse() as calls, warehouse() as connection:
        stored = earnings.sync_calendar(client, Ledger(calls, run_id(), "earnings"), connection, params["horizon"])
    if stored is None:
        return {"left": 1}
    log.info("the calendar: %s", stored)
    return dataclasses.asdict(stored)


def sync_reports(params: Mapping[str, Any]) -> dict[str, int]:
    """EARNINGS of the companies that are due, the stalest first, as many as the form says."""
    market_date = start_run()
    with alpha_vantage() as client, warehouse() as calls, warehouse() as connection:
        most = params["limit"] - reference_plan.answered(connection, run_id(), "EARNINGS")
        ledger = Ledger(calls, run_id(), "earnings")
        return earnings.sync_reports(client, ledger, connection, market_date, max(most, 0)).counts()


def announce_changes(counts: Mapping[str, int]) -> str:
    """Succeeds, and so emits its asset, where the models have something to compute anew; else skipped."""
    if not counts["touched"]:
        raise AirflowSkipException("no price was touched")
    return f"{counts['touched']:,} touched"


def report_left(*parts: Mapping[str, int], most_failed: int | None = None) -> str:
    """One line on the run, from what its tasks counted. Skipped, with a note, where the limit or the day's budget did
    not reach; fails where more than `most_failed` calls failed."""
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part)
    with budget() as shared:
        state = shared.state()
    note = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count) or "nothing new"
    if most_failed is not None and counts["failed"] > most_failed:
        raise AirflowFailException(f"{note}: see market.api_calls for what the API said")
    if counts["left"]:
        asked = counts["asked"]
        raise AirflowSkipException(f"{counts['left']:,} of {asked + counts['left']:,} left: {note} ({state})")
    log.info("%s; %s", note, state)
    return note
