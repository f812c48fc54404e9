"""The page as HTML: what the figures say, for the eye of an operator."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from hedge_master.operations.figures import Figures
from hedge_master.operations.progress import State

TEMPLATES = Path(__file__).parent / "templates"


def render(figures: Figures, reload_seconds: int) -> str:
    """The page; it reloads itself after `reload_seconds`."""
    running = [run for run in figures.runs if run.state is State.RUNNING]
    return _template("page.html.jinja").render(figures=figures, running=running, reload_seconds=reload_seconds)


def render_silence(error: str, reload_seconds: int) -> str:
    """What stands in the page's place while the warehouse does not answer."""
    return _template("silence.html.jinja").render(error=error, reload_seconds=reload_seconds)


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"number": _number, "moment": _moment, "day": _day}
    return environment.get_template(name)


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _moment(value: datetime | None) -> str:
    return "–" if value is None else f"{value:%Y-%m-%d %H:%M}"


def _day(value: date | None) -> str:
    return "–" if value is None else value.isoformat()
