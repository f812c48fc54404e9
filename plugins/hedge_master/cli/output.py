"""How a command prints its answer: as a table for the eye, or as JSON."""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table


class Format(StrEnum):
    """How the answer is printed."""

    TABLE = "table"
    JSON = "json"


Output = Annotated[Format, typer.Option("--format", help="How to print it.")]


def print_json(value: dict[str, Any] | list[dict[str, Any]]) -> None:
    """Dates and times in ISO 8601. Raises TypeError for what has no place in JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def plain_table(title: str, *columns: str) -> Table:
    """A table without lines; `columns` are its first ones, which keep to one line."""
    table = Table(
        title=title,
        title_justify="left",
        caption_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="bold underline",
        pad_edge=False,
    )
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table
