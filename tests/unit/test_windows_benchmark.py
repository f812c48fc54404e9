"""The market of the windows' benchmark is what the models take for possible, and its figures say what they measure."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

from hedge_master.settings import REPO_ROOT

MODULES = ("windows_bars", "windows_meter", "windows_models", "windows_figures", "windows_sql", "figures", "row_bytes")


@pytest.fixture
def modules() -> Iterator[dict[str, ModuleType]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REPO_ROOT / "benchmarks")
        yield {name: importlib.import_module(name) for name in MODULES}
        for name in MODULES:
            sys.modules.pop(name)


def test_bars_are_possible_and_the_same_in_any_company(modules: dict[str, ModuleType]) -> None:
    made = modules["windows_bars"]
    both = made.bars(range(3, 5), [4, 5], made.BAR)
    assert len(both) == 2 * len(made.trading_days()) > 2 * 5_000
    assert (both["low"] > 0).all()
    assert (both["low"] <= np.minimum(both["open"], both["close"])).all()
    assert (both["high"] >= np.maximum(both["open"], both["close"])).all()
    alone = made.bars(range(4, 5), [5], made.BAR)
    assert alone.tobytes() == both[len(alone) :].tobytes()


def test_a_split_shows_in_the_prices_as_quoted(modules: dict[str, ModuleType]) -> None:
    """Symbol 5 has one split, 2 for 1: its close halves that day, give or take the day's own move of 1%."""
    made = modules["windows_bars"]
    ((place, factor),) = made.splits(5)
    closes = made.bars(range(5, 6), [6], made.BAR)["close"]
    assert factor == 2
    assert closes[place] / closes[place - 1] == pytest.approx(0.5, rel=0.05)


def test_a_window_of_ten_returns_is_annualised_as_c4_has_it(modules: dict[str, ModuleType]) -> None:
    """c4(10) = 0.9727 in Duncan's table; sqrt(252) = 15.8745."""
    sql = modules["windows_sql"].volatility("returns", "deviation")
    constant = float(sql.split("when 10 then ")[1].split()[0])
    assert constant == pytest.approx(15.8745 / 0.9727, rel=1e-4)
    assert "when 6 " not in sql


def test_figures_compare_works_and_days(modules: dict[str, ModuleType]) -> None:
    """COPY 2 s, SQL 7 s: 3.5. Models 27 s: 13.5, and without dbt's start, 3 s, 12. The least of the days: 0.5 over 0.4.

    A day of all 10 symbols writes 50 windows and 10 cumulative rows in 6 s, 0.1 s each; of all 100 symbols 600 rows in
    48 s, 0.08 s each, of which two windows too many and a cumulative row too few.
    """
    figures, models = modules["windows_figures"], modules["windows_models"]
    spent, work = modules["windows_meter"].Spent, figures.Work
    works = {
        work.COPY: spent(10, postgres=2),
        work.SQL: spent(10, postgres=7),
        work.MODELS: spent(10_000_000, postgres=20, client=7),
        work.START: spent(postgres=0.5, client=2.5),
    }

    def day(postgres: float, windows: int = 0, cumulative: int = 0) -> object:
        written = {"fct_windows": windows, "fct_cumulative": cumulative}
        return models.Increment(spent(postgres=postgres, client=9), written)

    small = figures.Size(1, 10, day(6, 50, 10), [day(0.4), day(0.6)])
    large = figures.Size(10, 100, day(48.08, 502, 99), [day(0.5), day(0.8)])
    stored = {"fct_windows": models.Stored(10, 2_000), "fct_cumulative": models.Stored(10, 2_500)}
    found = figures.figures(works, small, large, stored)
    assert [each.measured for each in found] == pytest.approx([3.5, 13.5, 12, 1.25, 0.8, 3, 200, 250])
    assert [each.passes for each in found] == [True, False, True, False, True, False, True, False]
    works[work.MODELS] = spent(1_000_000, postgres=20, client=7)
    assert len(figures.figures(works, small, large, stored)) == len(found) - 1  # too few rows to say so
