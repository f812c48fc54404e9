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


def works(modules: dict[str, ModuleType], rows: int) -> dict[object, object]:
    """COPY 2 s, SQL 7 s: 3.5. Models 27 s: 13.5; without dbt's start of 3 s: 12."""
    work, spent = modules["windows_figures"].Work, modules["windows_meter"].Spent
    return {
        work.COPY: spent(rows, postgres=2),
        work.SQL: spent(rows, postgres=7),
        work.MODELS: spent(rows, postgres=20, client=7),
        work.START: spent(postgres=0.5, client=2.5),
    }


def size(modules: dict[str, ModuleType], symbols: int, all_of_them: float, few: list[float], windows: int) -> object:
    """Of a day of all symbols and of days of ten: 4 windows and no cumulative row each."""
    models, spent = modules["windows_models"], modules["windows_meter"].Spent
    day = models.Increment(
        spent(postgres=all_of_them, client=9), {"fct_windows": windows, "fct_cumulative": symbols, "int_weeks": 7}
    )
    days = [models.Increment(spent(postgres=each, client=9), {"fct_windows": 40}) for each in few]
    return modules["windows_figures"].Size(5_000 * symbols, symbols, day, days)


def test_figures_show_the_models_with_and_without_the_start_of_dbt_and_compare_days(
    modules: dict[str, ModuleType],
) -> None:
    """The least of few symbols' days: 0.5 s over 0.4 s. A day of all wrote what it changed."""
    figures, models = modules["windows_figures"], modules["windows_models"]
    small, large = size(modules, 10, 0.6, [0.4, 0.6], 50), size(modules, 100, 3.6, [0.5, 0.8], 500)
    stored = {"fct_windows": models.Stored(10, 2_000), "fct_cumulative": models.Stored(10, 2_500)}
    found = figures.figures(works(modules, 10_000_000), small, large, stored)
    assert [each.measured for each in found] == pytest.approx([3.5, 13.5, 12, 1.25, 0, 200, 250])
    assert [each.passes for each in found] == [True, False, True, False, True, True, False]
    # 3.6 s - 0.5 s for 600 - 40 rows.
    assert figures.without_limit(works(modules, 10_000_000), large).splitlines()[1:] == [
        "  a day of all symbols: 5536 us of Postgres for each row written beyond those of a day of few"
    ]


def test_with_few_rows_the_start_of_dbt_is_told_and_held_to_nothing(modules: dict[str, ModuleType]) -> None:
    """Of the larger size's windows two are missing, and the smaller's has three more than it changed: five rows."""
    figures, models = modules["windows_figures"], modules["windows_models"]
    small, large = size(modules, 10, 0.6, [0.4], 53), size(modules, 100, 3.6, [0.5], 498)
    stored = {"fct_windows": models.Stored(10, 2_000), "fct_cumulative": models.Stored(10, 2_000)}
    found = figures.figures(works(modules, 1_000_000), small, large, stored)
    assert [each.measured for each in found if "dbt models" in each.name] == [12]
    assert [(each.measured, each.passes) for each in found if "did not change" in each.name] == [(5, False)]
    assert "13.5 x; held to 12 from 10,000,000 rows on" in figures.without_limit(works(modules, 1_000_000), large)


@pytest.mark.parametrize(("rows", "told"), [(10_000_000, "-"), (40_000_000, "16.0")])
def test_what_all_symbols_take_is_told_from_40_million_rows_on(
    modules: dict[str, ModuleType], rows: int, told: str
) -> None:
    """1,000 windows of 200 B a symbol: 16 GB at 80,000."""
    stored = {"fct_windows": modules["windows_models"].Stored(2_000, 400_000)}
    line = modules["windows_figures"].table_lines(stored, {"fct_windows": 1.5}, 2, rows).splitlines()[1]
    assert line.split() == ["fct_windows", "2,000", "200.0", told, "1.5"]


def test_sums_of_the_rankings_benchmark_are_cut_at_2_to_the_minus_10(modules: dict[str, ModuleType]) -> None:
    """As the comment of on_grid says; by another grid the drawn sums would not be those of the models."""
    market = importlib.import_module("ranking_market")
    try:
        assert market.grid() == 1024
    finally:
        for name in ("ranking_market", "ranking_rows"):
            sys.modules.pop(name)
