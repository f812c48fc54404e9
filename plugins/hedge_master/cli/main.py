"""`hm`: the ranking, the ingestion, the state of the stack, and the sample market's clock, from a terminal."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import psycopg2
import typer
from confluent_kafka import KafkaException
from rich.console import Console

from hedge_master.cli import ingest, market_clock, rejected, stream
from hedge_master.ingestion.kafka_errors import in_words
from hedge_master.ingestion.positions import MessagesLost
from hedge_master.ingestion.rejections import UnknownRejection
from hedge_master.local_stack.environment import apply_environment
from hedge_master.local_stack.stack import StackError
from hedge_master.operations.symbol_story import UnknownSymbol
from hedge_master.ranking import Measure, RankingError, published_as_of, top
from hedge_master.ranking_table import ranking_table
from hedge_master.sample_market.clock_client import ClockUnavailable
from hedge_master.settings import SettingsError, load_settings

app = typer.Typer(
    name="hm",
    help="Hedge Master: which of the world's stocks move most.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)
app.add_typer(ingest.app, name="ingest")
app.add_typer(stream.app, name="stream")
app.add_typer(rejected.app, name="rejected")
app.add_typer(market_clock.app, name="market-clock")

# What a person can mend, and says how.
PLAIN = (RankingError, SettingsError, ClockUnavailable, UnknownSymbol, UnknownRejection, StackError, MessagesLost)
JSON_FIELDS = ("rank", "symbol", "name", "market", "currency", "value")


class Format(StrEnum):
    """How the ranking is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@app.command(
    epilog="""Examples:

- `hm ranking`
- `hm ranking --look-back 6m --measure price_deviation --limit 100`
- `hm ranking --as-of 2020-03-31 --format json`"""
)
def ranking(
    look_back: Annotated[str, typer.Option(help="How far back: a number with d, w, m or y.")] = "1y",
    measure: Annotated[str, typer.Option(help=f"One of {', '.join(Measure)}.")] = Measure.VOLATILITY.value,
    limit: Annotated[int, typer.Option(help="How many symbols.")] = 10,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Where the look-back ends; default: the market date.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
) -> None:
    """Rank the symbols by the mean of a moving two-week measure over a look-back."""
    reader_url = load_settings().required("warehouse_reader_url")
    end = as_of.date() if as_of else None
    rows = top(reader_url, look_back, measure, limit, end)
    if output is Format.JSON:
        picked = [
            {name: value for name, value in dataclasses.asdict(row).items() if name in JSON_FIELDS} for row in rows
        ]
        typer.echo(json.dumps(picked, indent=2, ensure_ascii=False))
    elif output is Format.CSV:
        writer = csv.writer(sys.stdout)
        writer.writerow(JSON_FIELDS)
        writer.writerows([getattr(row, name) for name in JSON_FIELDS] for row in rows)
    else:
        shown_end = end or published_as_of(reader_url).market_date
        Console().print(ranking_table(rows, look_back, measure, shown_end))


@app.command()
def status() -> None:
    """Each service, each DAG's last run, the market date and the newest bar."""
    from hedge_master.local_stack.stack import open_stack
    from hedge_master.local_stack.status import status as show_status

    raise typer.Exit(0 if show_status(open_stack()) else 1)


def main() -> None:
    """Run `hm`; what a person can mend ends in one line on standard error and exit status 1."""
    try:
        apply_environment()
        app()
    except PLAIN as error:
        sys.exit(f"hm: {error}")
    except KafkaException as error:
        sys.exit(f"hm: {in_words(error)}; `hm status` says what runs")
    except psycopg2.OperationalError as error:
        sys.exit(f"hm: the warehouse does not answer; start it with `make demo` ({str(error).splitlines()[0]})")


if __name__ == "__main__":
    main()
