"""`hm ingest`: what the next runs would ask the API for, and the story of one symbol. No call is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from psycopg2.extensions import connection as Connection
from rich.console import Console

from hedge_master.cli import ingest_tables
from hedge_master.cli.output import Format, Output, print_json
from hedge_master.ingestion.budget import BudgetState, Limits, SharedBudget
from hedge_master.ingestion.coming_run import ComingRun, coming_daily, coming_history
from hedge_master.ingestion.market_date import RunTimes, market_moment
from hedge_master.operations.symbol_story import story, verdict
from hedge_master.settings import Settings, load_settings
from hedge_master.warehouse.connection import connect

APPLICATION = "hm ingest"

app = typer.Typer(no_args_is_help=True, help="What is to be asked of Alpha Vantage, and why.")


@app.command(epilog="Example: hm ingest plan --limit 50")
def plan(
    limit: Annotated[int, typer.Option(min=0, help="How many of the stalest symbols to list.")] = 20,
    output: Output = Format.TABLE,
) -> None:
    """The stale symbols, the calls that they need, and when a run would end. Makes no call."""
    settings = load_settings()
    with _warehouse(settings) as warehouse:
        limits, budget = _budget(settings)
        runs = {
            "produce_daily_prices": coming_daily(warehouse, _market_moment(settings), limits, budget),
            "backfill_price_history": coming_history(warehouse, limits, budget),
        }
    if output is Format.JSON:
        print_json({"budget": dataclasses.asdict(budget)} | {dag_id: _run(run, limit) for dag_id, run in runs.items()})
        return
    console = Console(markup=False)  # an API's text may hold [brackets]
    console.print(ingest_tables.costs(runs, budget))
    stalest = list(runs["produce_daily_prices"].calls[:limit])
    if stalest:
        console.print()
        console.print(ingest_tables.stalest(stalest, len(runs["produce_daily_prices"].calls)))


@app.command(epilog="Example: hm ingest symbol AAPL --explain")
def symbol(
    name: Annotated[str, typer.Argument(metavar="SYMBOL", help="The symbol as the API calls it.")],
    explain: Annotated[bool, typer.Option("--explain", help="Say why it is or is not asked for today.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """One symbol's bars, gaps, splits and lines of the ledger."""
    settings = load_settings()
    with _warehouse(settings) as warehouse:
        about = story(warehouse, name)
        why = None
        if explain:
            why = verdict(warehouse, about, coming_daily(warehouse, _market_moment(settings), *_budget(settings)))
    if output is Format.JSON:
        print_json(dataclasses.asdict(about) | ({"today": dataclasses.asdict(why)} if why else {}))
        return
    console = Console(markup=False)
    console.print(ingest_tables.facts(about, why))
    console.print()
    console.print(ingest_tables.ledger(about))


@contextmanager
def _warehouse(settings: Settings) -> Iterator[Connection]:
    with connect(settings.required("warehouse_ingest_url"), APPLICATION) as connection:
        yield connection


def _budget(settings: Settings) -> tuple[Limits, BudgetState]:
    limits = Limits(*settings.request_limits)
    with _warehouse(settings) as own:  # the budget's connection commits each statement, the plan's must not
        return limits, SharedBudget(own, settings.alpha_vantage_url, limits).state()


def _market_moment(settings: Settings) -> datetime:
    """The present in the market's own time; raises ClockUnavailable where the sample market does not answer."""
    now = datetime.now(UTC)
    return market_moment(settings, RunTimes(is_scheduled=False, due=now, began=now, interval_end=now))


def _run(run: ComingRun, limit: int) -> dict[str, Any]:
    cost = dataclasses.asdict(run.cost)
    stalest = [dataclasses.asdict(call) for call in run.calls[:limit]]
    return {"symbols": len(run.calls), "split_calls": run.split_calls} | cost | {"stalest": stalest}
