"""`hm ranking`: the ranking, or the rules behind one symbol's place."""

from __future__ import annotations

import csv
import dataclasses
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console

from hedge_master.cli.output import print_json
from hedge_master.ranking import (
    Filters,
    Measure,
    Question,
    RankingError,
    left_out,
    measure_named,
    published_as_of,
    top,
)
from hedge_master.ranking_explained import Explained, explain
from hedge_master.ranking_explained_table import explained_tables
from hedge_master.ranking_table import ranking_table
from hedge_master.settings import load_settings

FIRST_FIELDS = (
    "rank",
    "symbol",
    "name",
    "market",
    "currency",
    "value",
)  # what scripts have read since the first version
EXAMPLES = """Examples:

- `hm ranking`
- `hm ranking --look-back 6m --measure price_deviation --limit 100`
- `hm ranking --market "United Kingdom" --tier high --tier medium --in usd`
- `hm ranking --as-of 2020-03-31 --format json`
- `hm ranking --explain AAPL`"""


class Format(StrEnum):
    """How the ranking is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def ranking(
    look_back: Annotated[str, typer.Option(help="How far back: a number with d, w, m or y.")] = "1y",
    measure: Annotated[str, typer.Option(help=f"One of {', '.join(Measure)}.")] = Measure.VOLATILITY.value,
    unit: Annotated[
        str | None, typer.Option("--in", metavar="local|usd", help="The measure in the quoted currency or in dollars.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many symbols.")] = 10,
    as_of: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Where the look-back ends; default: the market date.")
    ] = None,
    market: Annotated[list[str] | None, typer.Option(help="Only symbols of this market; may repeat.")] = None,
    currency: Annotated[list[str] | None, typer.Option(help="Only symbols quoted in it; may repeat.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--type", help="Only symbols of this type; may repeat.")] = None,
    tier: Annotated[list[str] | None, typer.Option(help="Only symbols of this liquidity tier; may repeat.")] = None,
    with_untradable: Annotated[bool, typer.Option("--with-untradable", help="Also what nobody can trade.")] = False,
    with_flagged: Annotated[
        bool, typer.Option("--with-flagged", help="Also what has gravely doubtful prices in the look-back.")
    ] = False,
    percentiles: Annotated[bool, typer.Option("--percentiles", help="Within world, market and currency.")] = False,
    changes: Annotated[bool, typer.Option("--changes", help="Places climbed in one and in four weeks.")] = False,
    explain_symbol: Annotated[
        str | None, typer.Option("--explain", metavar="SYMBOL", help="Each window and rule behind its place.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
) -> None:
    """Rank the symbols by the mean of a moving two-week measure over a look-back."""
    question = Question(
        look_back,
        measure_named(measure, unit),
        _day(as_of),
        Filters(
            tuple(market or ()),
            tuple(currency or ()),
            tuple(kind or ()),
            tuple(tier or ()),
            with_untradable,
            with_flagged,
        ),
        percentiles,
        changes,
    )
    reader_url = load_settings().required("warehouse_reader_url")
    if explain_symbol is not None:
        _print_explained(explain(reader_url, question, explain_symbol), question, output)
        return
    rows = top(reader_url, question, limit)
    names = [*FIRST_FIELDS, *(name for name in dataclasses.asdict(rows[0]) if name not in FIRST_FIELDS)]
    picked = [{name: getattr(row, name) for name in names} for row in rows]
    others = left_out(reader_url, question)
    if output is Format.TABLE:
        end = question.as_of or published_as_of(reader_url).market_date
        Console().print(ranking_table(rows, question, end, others))
        return
    if output is Format.JSON:
        print_json(picked)
    else:
        _print_csv(names, (row.values() for row in picked))
    if str(others):
        print(others, file=sys.stderr)  # beside the rows, which a script reads


def _print_explained(explained: Explained, question: Question, output: Format) -> None:
    if output is Format.JSON:
        print_json(dataclasses.asdict(explained))
    elif output is Format.CSV:
        windows = [dataclasses.asdict(window) for window in explained.windows]
        _print_csv(list(windows[0]), (window.values() for window in windows))
    else:
        Console().print(explained_tables(explained, question))


def _print_csv(names: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(names)
    writer.writerows(rows)


def _day(text: str | None) -> date | None:
    """Raises RankingError."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise RankingError(f'as-of is "{text}": not a date (YYYY-MM-DD)') from None
