"""The ranking in a terminal: whole figures at any width, and no word that hides what is simulated."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
from rich.console import Console

from hedge_master.ranking import LeftOut, Measure, Question, Ranked
from hedge_master.ranking_table import ASKED_FOR, ranking_table

REAL = Ranked(
    rank=1,
    symbol="AAPL",
    name="Apple Inc",
    market="United States",
    currency="USD",
    value=0.4321,
    price_deviation_usd=12.5,
    type="Equity",
    liquidity_tier="high",
    median_turnover_usd=9.87e9,
    price_band="100 to 500",
    last_bar=date(2020, 6, 12),
    days_since_last_bar=0,
    values_found=52,
    windows_expected=52,
    flags=0,
    percentile_world=None,
    percentile_market=None,
    percentile_currency=None,
    rank_change_1w=None,
    rank_change_4w=None,
)
SIMULATED = replace(
    REAL,
    rank=10,
    symbol="SIM007.LON",
    name="Wexmoor Motors Group plc (simulated)",
    market="United Kingdom",
    currency="GBX",
    value=1.5,
    price_deviation_usd=None,
    liquidity_tier="unknown",
    median_turnover_usd=None,
)


def shown(
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    *rows: Ranked,
    question: Question | None = None,
    left_out: LeftOut | None = None,
) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    console = Console(width=columns, record=True, file=None)
    with console.capture() as capture:
        console.print(ranking_table(list(rows), question or Question(), date(2020, 6, 12), left_out))
    return capture.get()


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
def test_symbols_and_figures_are_never_cut(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    text = shown(monkeypatch, columns, REAL, SIMULATED)
    for word in ("AAPL", "43.2%", "12.5000", "SIM007.LON", "150.0%", "no rate", "2020-06-12", "10"):
        assert word in text
    assert max(map(len, text.splitlines())) <= columns


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
@pytest.mark.parametrize("measure", Measure)
def test_what_was_asked_for_is_whole_at_any_width(
    monkeypatch: pytest.MonkeyPatch, columns: int, measure: Measure
) -> None:
    """Market, currency and name give way, in this order."""
    asked = {"percentile_world": 1.0, "percentile_market": 1.0, "percentile_currency": 1.0, "rank_change_1w": -123}
    rows = [replace(REAL, rank=1234, **asked), replace(SIMULATED, **asked)]
    question = Question(measure=measure, percentiles=True, rank_changes=True)
    text = shown(monkeypatch, columns, *rows, question=question)
    for word in (*ASKED_FOR, measure, "SIM007.LON", "100.0", "-123", "1234"):
        assert word in text
    assert max(map(len, text.splitlines())) <= columns
    assert "…" not in text.splitlines()[1]  # the head


def test_the_market_gives_way_before_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    question = Question(percentiles=True, rank_changes=True)
    narrow, wide = (shown(monkeypatch, columns, REAL, SIMULATED, question=question) for columns in (80, 100))
    assert "Wexmoor" in narrow
    assert "United Kingdom" not in narrow
    assert "United Kingdom" in wide


def test_the_tier_and_the_turnover_are_there_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Tier" not in shown(monkeypatch, 80, REAL, SIMULATED)
    assert "unknown" in shown(monkeypatch, 100, REAL, SIMULATED)
    assert "9,870.0M" in shown(monkeypatch, 120, REAL, SIMULATED)


def test_doubts_are_shown_before_the_tier(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grave flag, and a last bar that is eight days old."""
    doubtful = replace(REAL, flags=3, last_bar=date(2020, 6, 4), days_since_last_bar=8)
    text = shown(monkeypatch, 100, doubtful, SIMULATED)
    assert "Flags" in text
    assert "2020-06-04" in text
    assert "gravely doubtful" in text
    clean = shown(monkeypatch, 200, replace(REAL, days_since_last_bar=7), SIMULATED)
    assert "Last bar" not in clean
    assert "Flags" not in clean


def test_a_change_of_rank_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [replace(REAL, rank_change_1w=3, rank_change_4w=-12), replace(SIMULATED, rank_change_1w=0)]
    text = shown(monkeypatch, 100, *rows, question=Question(rank_changes=True))
    assert re.search(r"AAPL .* \+3 +-12 ", text)
    assert re.search(r"SIM007\.LON .* = +new ", text)


def test_how_many_nobody_can_trade_or_trust_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, 80, REAL, left_out=LeftOut(1234, 5))
    assert "1,234 more would rank but cannot be traded" in text
    assert "5 more would rank by gravely doubtful prices" in text
    for nobody in (None, LeftOut(0, 0)):
        assert "more would rank" not in shown(monkeypatch, 80, REAL, left_out=nobody)


def test_a_simulated_company_is_called_so_even_where_its_name_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "SIM are simulated" in shown(monkeypatch, 80, SIMULATED)
    assert "simulated" not in shown(monkeypatch, 80, REAL)


def test_dollars_are_no_percentages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "0.4321" in shown(monkeypatch, 120, REAL, question=Question(measure="price_deviation"))
