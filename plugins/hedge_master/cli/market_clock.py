"""`hm market-clock`: the moment that the sample market has reached."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from hedge_master.sample_market import clock_client
from hedge_master.settings import Settings, SettingsError, load_settings

app = typer.Typer(
    no_args_is_help=True,
    help="The sample market's clock: it knows nothing after its moment, and it never goes back.",
)


def _sample_market() -> Settings:
    settings = load_settings()
    if not settings.uses_sample_market:
        raise SettingsError(
            f'HM_ALPHA_VANTAGE_BASE_URL is "{settings.alpha_vantage_base_url}": a real API has no clock to set'
        )
    return settings


@app.command()
def show() -> None:
    """Print the market date and, inside a day, the time."""
    typer.echo(clock_client.clock(_sample_market().sample_market_url).moment)


@app.command("set", epilog="Example: hm market-clock set 2020-07-01 --time 15:00")
def set_(
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The new market date.")],
    at: Annotated[
        datetime | None, typer.Option("--time", formats=["%H:%M"], help="UTC time inside the day; else its end.")
    ] = None,
) -> None:
    """Move the clock forward to a date: to its end, or to a time inside it."""
    url = _sample_market().sample_market_url
    if at is None:
        typer.echo(clock_client.set_market_date(url, day.date()))
    else:
        typer.echo(clock_client.set_market_time(url, day.date(), at.time()))


@app.command(epilog="Example: hm market-clock advance 5")
def advance(days: Annotated[int, typer.Argument(min=1, help="Trading days to move on.")] = 1) -> None:
    """Move the clock on by trading days."""
    typer.echo(clock_client.advance(_sample_market().sample_market_url, days).isoformat())
