"""The ranking as a table for a terminal: `hm ranking` and the end of `make demo` show the same one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date

from rich.table import Table

from hedge_master.ranking import LeftOut, Measure, Question, Ranked

IDLE_DAYS = 7  # without a bar for so long, a symbol's last one is shown
LEAST_NAME = 12
OF_2020 = "2020: USD"
ASKED_FOR = ("P world", "P mkt.", "P cur.", "1 w", "4 w")
GIVES_WAY = ("Market", "Cur.", "Name")  # to what was asked for, where a terminal is too narrow for all
FIGURES = ("#", OF_2020, *ASKED_FOR, "Turnover", "Flags")
Cell = Callable[[Ranked], str]


def figure(value: float | None, measure: str) -> str:
    """A measure as people read it: an amount of money, or percent."""
    if value is None:
        return ""
    return f"{value:,.4f}" if Measure(measure).is_a_price else f"{value:.1%}"


def millions(value: float | None) -> str:
    """An amount of USD: `1,234.5M`, `0.12M`."""
    if value is None:
        return "unknown"
    return f"{value / 1e6:,.1f}M" if value >= 1e6 else f"{value / 1e6:.2f}M"


def ranking_table(rows: list[Ranked], question: Question, end: date, left_out: LeftOut | None = None) -> Table:
    """The ranking as a table for a terminal; the 2020 definition stands beside the chosen measure.

    `end`: of the look-back. `left_out`: who would rank if asked for.
    """
    table = Table(
        title=f"Top {len(rows)} by {question.measure} over {question.look_back} up to {end}",
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="bold underline",
        pad_edge=False,
    )
    cells: dict[str, Cell] = {
        "#": lambda row: str(row.rank),
        "Symbol": lambda row: row.symbol,
        "Name": lambda row: row.name,
        "Market": lambda row: row.market,
        "Cur.": lambda row: row.currency or "",
        question.measure: lambda row: figure(row.value, question.measure),
    }
    more = _more(rows, question)
    cells |= {title: cell for title, cell in more.items() if title in ASKED_FOR}
    widths = {title: _width(title, cell, rows) for title, cell in cells.items()} | {"Name": LEAST_NAME}
    columns = shutil.get_terminal_size().columns
    for title in GIVES_WAY:
        if _taken(widths) > columns:
            del cells[title], widths[title]
    for title, cell in more.items():
        width = _width(title, cell, rows)
        if title not in cells and _taken(widths) + width + 2 <= columns:
            cells[title], widths[title] = cell, width
    if "Name" in cells:  # it takes what the terminal has left: rich would narrow the figures first
        widths["Name"] += columns - _taken(widths)
    figures = (question.measure, *FIGURES)
    for title in cells:
        table.add_column(title, no_wrap=True, width=widths[title])
        table.columns[-1].justify = "right" if title in figures else "left"
    for row in rows:
        table.add_row(*(cell(row) for cell in cells.values()))
    table.caption = "\n".join(_notes(rows, left_out)) or None
    table.caption_justify = "left"
    return table


def _more(rows: list[Ranked], question: Question) -> dict[str, Cell]:
    """What was asked for; then the columns that are shown where they say something and there is room, in this order."""
    more: dict[str, Cell] = {}
    if question.percentiles:
        more["P world"] = lambda row: _percentile(row.percentile_world)
        more["P mkt."] = lambda row: _percentile(row.percentile_market)
        more["P cur."] = lambda row: _percentile(row.percentile_currency)
    if question.rank_changes:
        more["1 w"] = lambda row: _change(row.rank_change_1w)
        more["4 w"] = lambda row: _change(row.rank_change_4w)
    more[OF_2020] = lambda row: "no rate" if row.price_deviation_usd is None else f"{row.price_deviation_usd:,.4f}"
    if any(row.flags for row in rows):
        more["Flags"] = lambda row: str(row.flags or "")
    if any(row.days_since_last_bar > IDLE_DAYS for row in rows):
        more["Last bar"] = lambda row: str(row.last_bar) if row.days_since_last_bar > IDLE_DAYS else ""
    more["Tier"] = lambda row: row.liquidity_tier
    more["Turnover"] = lambda row: "" if row.median_turnover_usd is None else millions(row.median_turnover_usd)
    return more


def _notes(rows: list[Ranked], left_out: LeftOut | None) -> list[str]:
    notes = [str(left_out)] if left_out and str(left_out) else []
    if any(row.percentile_world is not None for row in rows):
        notes.append("P: how many percent of those that rank, of the market, of the currency, score no higher.")
    if any(row.flags for row in rows):
        notes.append("Flags: days whose price is gravely doubtful; see marts.fct_price_flags.")
    if any("simulated" in row.name for row in rows):
        notes.append("Symbols that begin with SIM are simulated: made-up companies, made-up prices.")
    return notes


def _width(title: str, cell: Cell, rows: list[Ranked]) -> int:
    return max(len(title), *(len(cell(row)) for row in rows))


def _taken(widths: dict[str, int]) -> int:
    return sum(widths.values()) + 2 * len(widths)


def _percentile(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _change(places: int | None) -> str:
    """Places climbed: `+3`, `-2`, `=`; `new` without a rank then."""
    if places is None:
        return "new"
    return "=" if places == 0 else f"{places:+d}"
