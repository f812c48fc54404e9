"""`hm ranking --explain` in a terminal: the rules that one symbol obeys or breaks, and the windows behind its value."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table

from hedge_master.ranking import Question
from hedge_master.ranking_explained import Explained, Window
from hedge_master.ranking_table import figure, millions


def explained_tables(explained: Explained, question: Question) -> Group:
    """What it comes to, the rules, the windows, oldest first."""
    place = explained.place
    rules = _plain_table(f"{place.symbol}  {place.name}", "Rule", "Found")
    for rule, found in _rules(explained, question):
        rules.add_row(rule, found)
    windows = _plain_table("Windows", "From", "To", "Days", "Returns", question.measure, "Counts")
    for column in windows.columns[2:5]:
        column.justify = "right"
    for window in explained.windows:
        windows.add_row(
            str(window.window_start),
            str(window.window_end),
            "" if window.days is None else str(window.days),
            "" if window.returns is None else str(window.returns),
            figure(window.value, question.measure),
            _counts(window),
        )
    return Group(rules, "", windows)


def _rules(explained: Explained, question: Question) -> Iterator[tuple[str, str]]:
    place, windows = explained.place, explained.windows
    yield "Market", f"{place.market}, {place.currency or 'no currency'}, {place.type or 'no type'}"
    yield "Look-back", f"{question.look_back}: after {explained.starts_on}, up to {explained.ends_on}"
    covering = [str(window.window_end) for window in windows if window.covers_start and window.days is not None]
    yield (
        "A window covers its start",
        f"yes: the one{'s' * (len(covering) > 1)} to {' and '.join(covering)}" if covering else "no",
    )
    yield (
        f"{explained.values_needed} of {place.windows_expected} windows have a value",
        f"{'yes' if place.values_found >= explained.values_needed else 'no'}: {place.values_found}; "
        f"{place.windows} have trading days",
    )
    yield (
        "It can be traded",
        f"tier {place.liquidity_tier}, median turnover {millions(place.median_turnover_usd)} USD a day, "
        f"price {place.price_band} USD",
    )
    yield (
        "Bars",
        f"{place.first_bar} to {place.last_bar}, {place.days_since_last_bar} days before the market date"
        if place.last_bar
        else "none",
    )
    yield (
        "Grave flags",
        f"{place.flags}{': it ranks only --with-flagged; see marts.fct_price_flags' if place.flags else ''}",
    )
    if place.rank is None:
        yield "Left out", str(place.left_out_reason)
        return
    yield f"Mean {question.measure}", f"{figure(place.value, question.measure)} over {place.values_found} values"
    yield "Rank", f"{place.rank} of {place.ranked}; equal values go by symbol"
    yield (
        "Percentile",
        f"{place.percentile_world:.1%} of all that rank score no higher, {place.percentile_market:.1%} of its market, "
        f"{place.percentile_currency:.1%} of its currency",
    )
    yield "Places climbed", f"{_change(place.rank_change_1w)} in a week, {_change(place.rank_change_4w)} in four"


def _counts(window: Window) -> str:
    if not window.is_complete:
        return "so far: it has not ended"
    if window.days is None:
        return "no: it did not trade"
    if window.value is None:
        return "no: too few days for a value"
    if not window.is_counted:
        return "no: it covers the start, and ends no later"
    return "yes, and covers the start" if window.covers_start else "yes"


def _change(places: int | None) -> str:
    return "no rank then" if places is None else f"{places:+d}"


def _plain_table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold underline", pad_edge=False
    )
    for column in columns:
        table.add_column(column)
    return table
