"""`hm rejected`: what the stream refused and why, and another try after a fix."""

from __future__ import annotations

import dataclasses
import time
from datetime import datetime
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.table import Table

from hedge_master.cli.output import Format, Output, plain_table, print_json
from hedge_master.ingestion import rejections
from hedge_master.ingestion.redrive import outcome
from hedge_master.ingestion.rejections import Choice, Rejection
from hedge_master.local_stack.airflow_api import AirflowApi, Run
from hedge_master.local_stack.progress import moving
from hedge_master.local_stack.stack import StackError
from hedge_master.settings import load_settings
from hedge_master.warehouse.connection import connect

APPLICATION = "hm rejected"
DAG_ID = "redrive_rejected"
SECONDS_BETWEEN_QUESTIONS = 0.5

app = typer.Typer(no_args_is_help=True, help="What the stream refused, why, and another try after a fix.")


Reason = Annotated[str | None, typer.Option(help="Only this reason, such as unknown_symbol.")]
Symbol = Annotated[str | None, typer.Option(help="Only this symbol, as the API calls it.")]
Batch = Annotated[int | None, typer.Option(min=1, help="Only what this batch refused first or last.")]


@app.command("list", epilog="Example: hm rejected list --symbol IBM")
def list_(reason: Reason = None, symbol: Symbol = None, batch: Batch = None, output: Output = Format.TABLE) -> None:
    """How many rejections each reason has: open and resolved ones, and how often they were delivered."""
    with connect(load_settings().required("warehouse_ingest_url"), APPLICATION) as warehouse:
        counts = rejections.by_reason(warehouse, Choice(reason, symbol, batch))
    if output is Format.JSON:
        print_json([dataclasses.asdict(each) for each in counts])
    elif not counts:
        typer.echo("nothing was refused")
    else:
        table = plain_table("What was refused", "Reason")
        for title in ("Open", "Of them gone from Kafka", "Resolved", "Closed", "Seen"):
            table.add_column(title, justify="right")
        table.add_column("Last seen (UTC)", no_wrap=True)
        for each in counts:
            figures = (each.open, each.gone, each.resolved, each.closed, each.seen)
            table.add_row(each.reason, *(f"{figure:,}" for figure in figures), f"{each.last_seen:%Y-%m-%d %H:%M}")
        Console(markup=False).print(table)


@app.command(epilog="Examples: hm rejected show 17; hm rejected show --symbol IBM")
def show(
    rejection: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="One rejection, with its whole story.")
    ] = None,
    reason: Reason = None,
    symbol: Symbol = None,
    batch: Batch = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 20,
    output: Output = Format.TABLE,
) -> None:
    """One rejection's story, or the rejections of a reason, a symbol or a batch, those first that came last."""
    with connect(load_settings().required("warehouse_ingest_url"), APPLICATION) as warehouse:
        if rejection is not None:
            found = [rejections.of_id(warehouse, rejection)]
            batches = (found[0].first_batch_id, found[0].last_batch_id, found[0].resolved_by_batch_id or 0)
            runs = rejections.runs_of(warehouse, batches)
        else:
            found = rejections.newest(warehouse, Choice(reason, symbol, batch), limit)
            runs = {}
    if output is Format.JSON:
        print_json([dataclasses.asdict(each) | {"state": each.state} for each in found])
    elif rejection is not None:
        Console(markup=False, soft_wrap=True).print(_story(found[0], runs))
    elif not found:
        typer.echo("nothing was refused")
    else:
        Console(markup=False).print(_listed(found))


@app.command(epilog='Example: hm rejected close 17 18 --because "asked for again with refresh"')
def close(
    numbers: Annotated[list[int], typer.Argument(metavar="ID...", help="As `hm rejected show` lists them.")],
    because: Annotated[str, typer.Option(help="Why nothing more is expected of them.")],
) -> None:
    """Close open rejections by hand; one that is delivered again is open again."""
    with connect(load_settings().required("warehouse_ingest_url"), APPLICATION) as warehouse:
        closed = rejections.close(warehouse, numbers, because)
    others = "" if closed == len(numbers) else ": the others are not open"
    typer.echo(f"{closed:,} of {len(numbers):,} closed{others}")


@app.command("look-again", epilog="Example: hm rejected look-again --symbol IBM")
def look_again(reason: Reason = None, symbol: Symbol = None, batch: Batch = None) -> None:
    """Have the next re-drive ask Kafka again for messages that were said to be gone."""
    with connect(load_settings().required("warehouse_ingest_url"), APPLICATION) as warehouse:
        found = rejections.look_again(warehouse, Choice(reason, symbol, batch))
    typer.echo(f"{found:,} rejections are looked for again by the next `hm rejected redrive`")


@app.command(epilog="Example: hm rejected redrive --reason unknown_symbol")
def redrive(
    reason: Reason = None,
    symbol: Symbol = None,
    batch: Batch = None,
    limit: Annotated[
        int, typer.Option(min=1, max=200_000, help="No further message is begun after so many rejections.")
    ] = 50_000,
) -> None:
    """Run the DAG redrive_rejected, wait for its end, and tell what became of the rejections."""
    from hedge_master.local_stack.demo import airflow
    from hedge_master.local_stack.stack import open_stack

    stack, choice = open_stack(), Choice(reason, symbol, batch)
    if not stack.has_secrets:
        raise StackError("nothing runs: `make demo` starts everything")
    try:
        with airflow(stack) as api:
            api.unpause(DAG_ID)
            conf = {"reason": reason, "symbol": symbol, "batch": batch or 0, "limit": limit}
            run = _ended(api, api.trigger(DAG_ID, conf, by="hm_rejected"))
            # Also of a run that failed: rows are stored before Kafka is asked for messages.
            with connect(stack.settings.required("warehouse_ingest_url"), APPLICATION) as warehouse:
                typer.echo(outcome(warehouse, f"{DAG_ID}/{run.run_id}", choice))
            if run.state != "success":
                failed = [task for task in api.task_states(DAG_ID, run.run_id) if task.state == "failed"]
                log = "\n".join(api.log_tail(run, task) for task in failed)
                raise StackError(f"{DAG_ID} failed, run {run.run_id} in Airflow:\n{log}")
    except httpx.HTTPError as error:
        raise StackError(f"Airflow does not answer; `make demo` starts it ({error})") from None


def _ended(api: AirflowApi, run_id: str) -> Run:
    with moving(DAG_ID):
        while (run := api.run(DAG_ID, run_id)).is_active:
            time.sleep(SECONDS_BETWEEN_QUESTIONS)
    return run


def _listed(found: list[Rejection]) -> Table:
    table = plain_table(f"The {len(found):,} that came last", "ID", "Symbol", "Day", "Reason", "State")
    table.add_column("Seen", justify="right")
    # It takes what is left of the line: else all columns shrink alike, and the ID is the first to go.
    table.add_column("As delivered", no_wrap=True, overflow="ellipsis", ratio=1)
    table.expand = True
    for each in found:
        shown = (each.symbol or "–", each.day or "whole message", each.reason, each.state, f"{each.seen:,}")
        table.add_row(str(each.rejection_id), *shown, each.raw or "")
    return table


def _story(told: Rejection, runs: dict[int, str]) -> Table:
    def batch(number: int) -> str:
        return f"batch {number}" + (f" of {runs[number]}" if number in runs else "")

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("Rejection", f"{told.rejection_id}, {told.state}")
    table.add_row("Symbol", told.symbol or "not told")
    table.add_row("Day", told.day or "the whole message was refused")
    table.add_row("Reason", told.reason)
    table.add_row("Asked", _moment(told.requested_at))
    table.add_row("Message", told.place)
    table.add_row("Seen", f"{told.seen:,} times")
    table.add_row("First", f"{_moment(told.first_seen)}, {batch(told.first_batch_id)}")
    table.add_row("Last", f"{_moment(told.last_seen)}, {batch(told.last_batch_id)}")
    if told.resolved_by_batch_id is not None:
        table.add_row("Resolved", f"{_moment(told.resolved_at)}, {batch(told.resolved_by_batch_id)}")
    elif told.closed_at is not None:
        table.add_row("Closed", f"{_moment(told.closed_at)}: {told.closed_because}")
    elif told.gone_at is not None:
        advice = "ask for the symbol again, then close it"
        table.add_row("Gone", f"{_moment(told.gone_at)}: Kafka has deleted its message; {advice}")
    else:
        table.add_row("Another try", "needs its message from Kafka" if told.needs_message else "from its own JSON")
    table.add_row("As delivered", told.raw or "")
    return table


def _moment(value: datetime | None) -> str:
    return "not told" if value is None else f"{value:%Y-%m-%d %H:%M:%S} UTC"
