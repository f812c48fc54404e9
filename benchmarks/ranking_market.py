"""The market whose ranking is measured: windows drawn by a rule, so that each can be drawn again without being kept.

A value hangs on its symbol, week and column alone (a hash of them): the windows of a symbol and the sums of a week are
drawn apart and agree.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from ranking_rows import Column, Table

from hedge_master.settings import REPO_ROOT

MARKET_DATE = date(2020, 6, 12)  # a Friday
LAST_SUNDAY = np.datetime64("2020-06-07", "D")
SYMBOLS_AT_ONCE = 50
SHORT, GAPS = 0.02, 0.005  # shares of windows with too few returns for a volatility, and of weeks without a bar
LONG_PAST = 200  # weeks for which each RATELESS-th symbol has no exchange rate, as INR before 2009
RATELESS = 29
Integers = NDArray[np.uint64]


def grid() -> int:
    """Steps of the grid to one, as on_grid has them."""
    macros = (REPO_ROOT / "dbt_project" / "macros" / "cumulative_sums.sql").read_text("utf-8")
    found = re.search(r"macro on_grid\(value\) -%}\s*\(floor\({{ value }} \* (\d+)\) / \1\)", macros)
    if found is None:
        raise RuntimeError("on_grid is written in another way than the benchmark knows")
    return int(found[1])


def mixed(numbers: Integers) -> Integers:
    """splitmix64's finisher (Steele, Lea and Flood, OOPSLA 2014): numbers in a row come out as if drawn."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def uniform(numbers: Integers) -> Column:
    """In [0, 1), by the upper 53 bits."""
    return (numbers >> np.uint64(11)) * 2.0**-53


@dataclass(frozen=True)
class Market:
    """`symbols` from id 1 on, with `weeks` windows where it traded all the time: one in ten is younger, 3% are gone."""

    symbols: int
    weeks: int

    def lives(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and last week of each symbol; a symbol that never traded begins behind the last week."""
        drawn = uniform(mixed(np.arange(self.symbols, dtype=np.uint64) + np.uint64(1 << 50)))
        begins = np.where(drawn < 0.1, drawn * 10 * self.weeks, 0).astype(int)
        ends = np.where(drawn > 0.97, (drawn - 0.97) / 0.03 * self.weeks, self.weeks).astype(int)
        begins[drawn < 0.001] = self.weeks + 1
        return begins, ends

    def ends_on(self, weeks: NDArray[np.int64]) -> Column:
        """The Sundays on which the windows end; week weeks - 1 is the last complete one."""
        return LAST_SUNDAY + (weeks - self.weeks + 1) * 7

    def drawn(
        self, columns: list[str], symbols: NDArray[np.int64], weeks: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], dict[str, Column]]:
        """Whether there is a window, and its figures; NaN for none. `symbols` from 0, one entry a window."""
        seeds = mixed(symbols.astype(np.uint64) * np.uint64(1 << 20) + weeks.astype(np.uint64))
        begins, ends = self.lives()
        lots = uniform(seeds)
        is_there = (weeks >= begins[symbols]) & (weeks <= ends[symbols]) & (lots >= GAPS)
        is_short = (lots >= GAPS) & (lots < GAPS + SHORT)
        has_no_rate = (symbols % RATELESS == 0) & (weeks < LONG_PAST)
        figures = {}
        for column in columns:
            key = np.uint64(2 * zlib.crc32(column.encode()) + 1)
            level = _level(column) * np.exp(3 * uniform(mixed(np.arange(self.symbols, dtype=np.uint64) * key)))
            values = level[symbols] * (0.5 + uniform(seeds * key))
            if column.endswith("_annualised"):
                values[is_short] = np.nan
            if "usd" in column or column in ("deviation_pct", "fx_variance_share"):
                values[has_no_rate] = np.nan
            figures[column] = values
        return is_there, figures

    def windows(self, table: Table) -> Iterator[bytes]:
        """The rows of fct_windows, symbol by symbol, with the window that has begun."""
        figures = [name for name, kind in table.columns.items() if kind == "double precision"]
        for first in range(0, self.symbols, SYMBOLS_AT_ONCE):
            chosen = np.arange(first, min(first + SYMBOLS_AT_ONCE, self.symbols))
            symbols = np.repeat(chosen, self.weeks + 1)
            weeks = np.tile(np.arange(self.weeks + 1), len(chosen))
            is_there, values = self.drawn(figures, symbols, weeks)
            ends = self.ends_on(weeks)
            days = np.full(len(symbols), 10)
            values |= {"symbol_id": symbols + 1, "window_start": ends - 13, "window_end": ends}
            values |= {"is_complete": weeks < self.weeks, "days": days, "returns": days, "bars": days}
            yield table.rows({name: values[name][is_there] for name in table.columns})

    def cumulative(self, table: Table) -> Iterator[bytes]:
        """The rows of fct_cumulative, week by week: each symbol from its first window on."""
        figures = [name.removesuffix("_windows") for name in table.columns if name.endswith("_windows")]
        symbols, steps = np.arange(self.symbols), grid()
        kinds = table.columns.items()
        state = {name: np.zeros(self.symbols, float if kind == "double precision" else int) for name, kind in kinds}
        state["symbol_id"] = symbols + 1
        for week in range(self.weeks):
            weeks = np.full(self.symbols, week)
            is_there, values = self.drawn(figures, symbols, weeks)
            state["window_end"] = self.ends_on(weeks)
            state["had_window"], state["has_window"] = state["has_window"], is_there
            state["windows"] = state["windows"] + is_there
            for name in figures:
                found = is_there & ~np.isnan(values[name])
                value = np.where(found, values[name], 0.0)
                if f"{name}_sum_rest" in table.columns:
                    on_grid = np.floor(value * steps) / steps
                    state[f"{name}_sum_rest"] = state[f"{name}_sum_rest"] + (value - on_grid)
                    value = on_grid
                state[f"{name}_sum"] = state[f"{name}_sum"] + value
                state[f"{name}_windows"] = state[f"{name}_windows"] + found
            has_begun = state["windows"] > 0
            yield table.rows({name: state[name][has_begun] for name in table.columns})


def _level(column: str) -> float:
    """The least of a column's levels: prices from 5 on, their deviations a hundredth, the rest a share."""
    if column.startswith("average_price"):
        return 10.0
    return 0.1 if "annualised" in column or column.startswith("price") else 0.01
