"""`hm`: the ranking, the ingestion, the state of the stack, and the sample market's clock, from a terminal."""

from __future__ import annotations

import sys

import psycopg2
import typer
from confluent_kafka import KafkaException

from hedge_master.cli import ingest, market_clock, ranked, rejected, stream
from hedge_master.ingestion.kafka_errors import in_words
from hedge_master.ingestion.positions import MessagesLost
from hedge_master.ingestion.rejections import UnknownRejection
from hedge_master.local_stack.environment import apply_environment
from hedge_master.local_stack.stack import StackError
from hedge_master.operations.symbol_story import UnknownSymbol
from hedge_master.ranking import RankingError
from hedge_master.sample_market.clock_client import ClockUnavailable
from hedge_master.settings import SettingsError

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
PLAIN = (SettingsError, ClockUnavailable, UnknownSymbol, UnknownRejection, StackError, MessagesLost)
app.command(epilog=ranked.EXAMPLES)(ranked.ranking)


@app.command()
def status() -> None:
    """Each service, each DAG's last run, the market date and the newest bar."""
    from hedge_master.local_stack.stack import open_stack
    from hedge_master.local_stack.status import status as show_status

    raise typer.Exit(0 if show_status(open_stack()) else 1)


def main() -> None:
    """Run `hm`; what a person can mend ends in one line on standard error and exit status 1, a question to the ranking
    that has no answer in 2, as a wrong option does.
    """
    try:
        apply_environment()
        app()
    except RankingError as error:
        typer.echo(f"hm: {error}", err=True)
        sys.exit(2)
    except PLAIN as error:
        sys.exit(f"hm: {error}")
    except KafkaException as error:
        sys.exit(f"hm: {in_words(error)}; `hm status` says what runs")
    except psycopg2.OperationalError as error:
        sys.exit(f"hm: the warehouse does not answer; start it with `make demo` ({str(error).splitlines()[0]})")


if __name__ == "__main__":
    main()
