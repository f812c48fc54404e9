"""`hm stream`: how far the stream has read, and what to do where Kafka has lost what it had not read."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hedge_master.cli.output import plain_table
from hedge_master.ingestion.positions import MessagesLost, accept_loss, check, read_positions
from hedge_master.ingestion.topics import TOPICS
from hedge_master.operations.stream_state import StreamState, read_state
from hedge_master.settings import load_settings
from hedge_master.warehouse.connection import connect

APPLICATION = "hm stream"
NONE = "–"

app = typer.Typer(no_args_is_help=True, help="How far the stream has read, and lost messages.")


@app.command()
def show() -> None:
    """Each partition: what Kafka holds, how far the warehouse has read, what waits; and how fresh the prices are."""
    settings = load_settings()
    with connect(settings.required("warehouse_ingest_url"), APPLICATION) as warehouse:
        state = read_state(settings, warehouse)
    console = Console(markup=False)
    console.print(_partitions(state))
    console.print(
        f"newest bar {_shown(state.newest_bar)}, newest answer asked for at {_shown(state.newest_answer_at)}, "
        f"last batch merged at {_shown(state.last_batch_at)}; {state.open_rejections:,} rejections are open"
    )


@app.command("accept-loss")
def accept_loss_(
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it only what is lost is told.")] = False,
) -> None:
    """Let go of messages that Kafka has deleted before they were read: the next runs ask the API for them again."""
    settings = load_settings()
    for topic in TOPICS:
        with connect(settings.required("warehouse_ingest_url"), APPLICATION) as warehouse:
            positions = read_positions(settings, warehouse, topic)
            if positions.has_losses and yes:
                accept_loss(warehouse, positions)
        try:
            check(positions)
        except MessagesLost as loss:
            named = ": " + ", ".join(each.symbol for each in positions.lost) if positions.lost else ""
            let_go = f"{topic.name}: {len(positions.lost):,} answers let go of{named}"
            typer.echo(let_go if yes else str(loss))
        else:
            typer.echo(f"{topic.name}: nothing is lost")


def _partitions(state: StreamState) -> Table:
    table = plain_table("The stream", "Topic", "Partition")
    for column in ("Oldest", "Next to read", "End", "Unread"):
        table.add_column(column, justify="right")
    for positions in state.positions:
        for number, each in sorted(positions.partitions.items()):
            figures = (each.first, each.start, each.end, each.unread)
            table.add_row(positions.topic.name, str(number), *(f"{figure:,}" for figure in figures))
    return table


def _shown(value: object) -> str:
    return NONE if value is None else f"{value:%Y-%m-%d %H:%M UTC}" if hasattr(value, "hour") else str(value)
