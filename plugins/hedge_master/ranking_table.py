"""The ranking as a table for a terminal: `hm ranking` and the end of `make demo` show the same one."""

from __future__ import annotations

import shutil
from datetime import date

from rich.table import Table

from hedge_master.ranking import Measure, Ranked


def ranking_table(rows: list[Ranked], look_back: str, measure: str, end: date) -> Table:
    """The ranking as a table for a terminal; the 2020 definition stands beside the chosen measure."""
    table = Table(
        title=f"Top {len(rows)} by {measure} over {look_back} up to {end}",
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="bold underline",
        pad_edge=False,
    )
    widths = {
        "#": len(str(rows[-1].rank)),
        "Symbol": max(len(row.symbol) for row in rows),
        "Market": max(len("Market"), *(len(row.market) for row in rows)),
        "Cur.": 4,
        measure: max(len(measure), 8),
        "2020: USD": 10,
    }
    # The name takes what the terminal has left: rich would narrow the figures first.
    left = shutil.get_terminal_size().columns - sum(widths.values()) - 2 * len(widths)
    table.add_column("#", justify="right", no_wrap=True, width=widths["#"])
    for title in ("Symbol", "Name", "Market", "Cur."):
        table.add_column(title, no_wrap=True, width=widths.get(title, max(left, 12)))
    for title in (measure, "2020: USD"):
        table.add_column(title, justify="right", no_wrap=True, width=widths[title])
    for row in rows:
        shown = f"{row.value:,.4f}" if measure == Measure.PRICE_DEVIATION else f"{row.value:.1%}"
        deviation = "no rate" if row.price_deviation_usd is None else f"{row.price_deviation_usd:,.4f}"
        table.add_row(str(row.rank), row.symbol, row.name, row.market, row.currency or "", shown, deviation)
    if any("simulated" in row.name for row in rows):
        table.caption = "Symbols that begin with SIM are simulated: made-up companies, made-up prices."
        table.caption_justify = "left"
    return table
