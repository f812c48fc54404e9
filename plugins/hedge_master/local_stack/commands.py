"""The commands of `python -m hedge_master.local_stack`: up, down, status, demo, next-day, clean."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from hedge_master.local_stack.progress import console
from hedge_master.local_stack.stack import StackError, open_stack
from hedge_master.settings import SettingsError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The whole stack as processes of this machine.")


@app.command()
def up() -> None:
    """Starts all services; those that run are left as they are."""
    from hedge_master.local_stack.start import start

    start(open_stack(create=True))


@app.command()
def down() -> None:
    """Stops all services and keeps the data."""
    from hedge_master.local_stack.stop import stop

    if not stop(open_stack().folders):
        console.print("nothing runs")


@app.command()
def demo() -> None:
    """Starts everything, runs the pipeline once, prints the ranking and where to look."""
    from hedge_master.local_stack.demo import demo as run_demo

    run_demo(open_stack(create=True))


@app.command("next-day")
def next_day() -> None:
    """Lets one trading day of the sample market go by, and tells what it brought."""
    from hedge_master.local_stack.next_day import next_day as run_next_day

    run_next_day(open_stack())


@app.command()
def status() -> None:
    """Shows each service, each DAG's last run, the market date and the newest bar."""
    from hedge_master.local_stack.status import status as show_status

    if not show_status(open_stack()):
        raise typer.Exit(1)


@app.command()
def clean(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Erases all that was made, after it said what."""
    from hedge_master.local_stack.erase import announce, erase

    folders = open_stack().folders
    if not announce(folders):
        console.print("nothing to erase")
        return
    if yes or typer.confirm("Erase all of this?"):
        erase(folders)


def main() -> None:
    try:
        app()
    except (StackError, SettingsError) as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(1)
