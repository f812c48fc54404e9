"""The tables of `hm ingest`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from hedge_master.cli.output import plain_table
from hedge_master.ingestion.budget import BudgetState
from hedge_master.ingestion.coming_run import ComingRun
from hedge_master.ingestion.plan import PlannedCall
from hedge_master.operations.symbol_story import Call, Story, Verdict

NONE = "–"


def costs(runs: Mapping[str, ComingRun], budget: BudgetState) -> Table:
    """DAG id -> what its next run would cost; the state of the day's budget is the caption."""
    table = plain_table("If the runs started now")
    table.add_column("DAG", no_wrap=True)
    for title in ("Symbols", "Prices", "Splits", "Calls"):
        table.add_column(title, justify="right")
    table.add_column("Days", justify="right")
    table.add_column("Ends about (UTC)", no_wrap=True)
    for dag_id, run in runs.items():
        cost = run.cost
        ends = f"{cost.ends_at:%Y-%m-%d %H:%M}" if cost.calls else NONE
        figures = (len(run.calls), len(run.calls), run.split_calls, cost.calls, cost.days)
        table.add_row(dag_id, *(f"{figure:,}" for figure in figures), ends)
    pace = next(iter(runs.values())).cost.calls_per_minute
    table.caption = f"{budget}; " + ("no pace set" if pace is None else f"{pace:,.0f} calls a minute")
    return table


def stalest(calls: Sequence[PlannedCall], total: int) -> Table:
    """The first calls of the daily run, in the order of asking."""
    table = plain_table(f"The {len(calls):,} stalest of {total:,} symbols, in the order of asking")
    table.add_column("#", justify="right")
    for title in ("Symbol", "Answer", "Last bar"):
        table.add_column(title, no_wrap=True)
    table.add_column("Why")
    for turn, call in enumerate(calls, 1):
        table.add_row(str(turn), call.symbol, call.outputsize, _shown(call.last_bar), call.reason)
    return table


def facts(about: Story, why: Verdict | None) -> Table:
    """What is stored of a symbol, and whether it is asked for today."""
    table = plain_table(f"{about.symbol}: {about.name}")
    table.show_header = False
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    table.add_row("Market", f"{about.region}, {about.type}, {about.currency or 'unknown currency'}, {about.status}")
    table.add_row("Bars", f"{about.bars:,}, {_shown(about.first_bar)} to {_shown(about.last_bar)}")
    table.add_row("Not final", ", ".join(map(str, about.provisional)) or "none")
    table.add_row("Splits", ", ".join(f"{each.effective_date} x {each.factor:g}" for each in about.splits) or "none")
    table.add_row("Gaps", ", ".join(f"{gap.after} to {_shown(gap.until)}" for gap in about.gaps) or "none")
    if why is not None:
        table.add_row("Asked today" if why.asked else "Not asked today", why.reason)
    return table


def ledger(about: Story) -> Table:
    """The newest calls about a symbol."""
    table = plain_table(f"The newest {len(about.calls)} calls" if about.calls else "No call was made about it yet")
    for title in ("Asked (UTC)", "Call"):
        table.add_column(title, no_wrap=True)
    table.add_column("What became of it")
    for call in about.calls:
        asked = call.function + (f" {call.outputsize}" if call.outputsize else "")
        table.add_row(f"{call.requested_at:%Y-%m-%d %H:%M}", asked, _became(call))
    return table


def _became(call: Call) -> str:
    """Such as "published for daily, 100 rows, 2020-01-21 to 2020-06-12, market-data.daily-prices.v1 0:7"."""
    parts = [f"{call.outcome.replace('_', ' ')} for {call.purpose}"]
    if call.attempts > 1:
        parts.append(f"{call.attempts} tries")
    if call.rows is not None:
        parts.append(f"{call.rows:,} rows")
    if call.first_bar:
        parts.append(f"{call.first_bar} to {call.last_bar}")
    return ", ".join([*parts, *(each for each in (call.place, call.error) if each)])


def _shown(value: Any) -> str:
    return NONE if value is None else str(value)
