"""The ranking in a terminal: whole figures at any width, and no word that hides what is simulated."""

from __future__ import annotations

from datetime import date

import pytest
from rich.console import Console

from hedge_master.ranking import Ranked
from hedge_master.ranking_table import ranking_table

REAL = Ranked(1, "AAPL", "Apple Inc", "United States", "USD", 0.4321, 12.5)
SIMULATED = Ranked(10, "SIM007.LON", "Wexmoor Motors Group plc (simulated)", "United Kingdom", "GBX", 1.5, None)


def shown(monkeypatch: pytest.MonkeyPatch, columns: int, *rows: Ranked, measure: str = "volatility") -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    console = Console(width=columns, record=True, file=None)
    with console.capture() as capture:
        console.print(ranking_table(list(rows), "1y", measure, date(2020, 6, 12)))
    return capture.get()


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_symbols_and_figures_are_never_cut(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    text = shown(monkeypatch, columns, REAL, SIMULATED)
    for word in ("AAPL", "43.2%", "12.5000", "SIM007.LON", "150.0%", "no rate", "2020-06-12", "10"):
        assert word in text


def test_a_simulated_company_is_called_so_even_where_its_name_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "SIM are simulated" in shown(monkeypatch, 80, SIMULATED)
    assert "simulated" not in shown(monkeypatch, 80, REAL)


def test_dollars_are_no_percentages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "0.4321" in shown(monkeypatch, 120, REAL, measure="price_deviation")
