"""The table of a benchmark: a figure on its limit passes, one that is no number does not."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from hedge_master.settings import REPO_ROOT


@pytest.fixture
def figures() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REPO_ROOT / "benchmarks")
        yield importlib.import_module("figures")
        sys.modules.pop("figures")


@pytest.mark.parametrize(
    ("bound", "measured", "passes"),
    [
        ("at least", 0.95, True),
        ("at least", 0.9499, False),
        ("at least", float("nan"), False),
        ("at most", 150.0, True),
        ("at most", 150.1, False),
        ("at most", float("nan"), False),
    ],
)
def test_a_limit_counts_as_kept(figures: ModuleType, bound: str, measured: float, passes: bool) -> None:
    limit = 0.95 if bound == "at least" else 150.0
    assert figures.Figure("share", measured, bound, limit, "").passes is passes


def test_a_line_a_figure_says_measured_limit_and_verdict(figures: ModuleType) -> None:
    lines = figures.table(
        [
            figures.Figure("share of the budget used", 0.981, "at least", 0.95, ""),
            figures.Figure("peak memory", 151.0, "at most", 150, "MB"),
        ]
    ).splitlines()
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "share of the budget used 0.981 at least 0.950 pass",
        "peak memory 151.000 MB at most 150.000 FAIL",
    ]
