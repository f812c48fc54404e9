"""Volatility of one symbol against its own history: rolling values, the cone, percentile and trend, in plain loops."""

from __future__ import annotations

import math
import statistics
from contextlib import closing
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import psycopg2
import pytest
from figures_market import MARKET_DATE, SESSIONS, SPLITS, ask, closes_by_symbol
from psycopg2.extensions import connection as Connection

from hedge_master.settings import Settings
from oracles.close_measures import volatility
from oracles.made_up_bars import flat_bar, windows_of_closes
from oracles.sample_statistics import c4, sample_deviation
from oracles.windows import in_todays_share, missed_sessions

HORIZONS = (10, 20, 60, 120, 250)
LAST_COMPLETE = date(2020, 6, 7)


def returns_of(symbol: str) -> dict[date, float]:
    """Day -> log return, those over more than 5 missed sessions left out."""
    bars = [flat_bar(day, close) for day, close in closes_by_symbol()[symbol].items()]
    found = {}
    for before, bar in pairwise(in_todays_share(bars, SPLITS.get(symbol, {}), MARKET_DATE)):
        if missed_sessions(SESSIONS, before.day, bar.day) <= 5:
            found[bar.day] = math.log(bar.close / before.close)
    return found


def rolling(returns: dict[date, float], n: int) -> dict[date, float]:
    """Day -> annualised volatility of the n returns up to it, for the days that have so many."""
    days, values = list(returns), list(returns.values())
    found = {}
    for end in range(n, len(values) + 1):
        deviation = sample_deviation(values[end - n : end])
        assert deviation is not None
        found[days[end - 1]] = deviation * math.sqrt(252) / c4(n)
    return found


def near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("symbol", ["WILD", "SPLIT", "GAPPED", "YOUNG", "FLAT", "UPDOWN"])
def test_each_rolling_value_is_that_of_its_own_returns(figures: Settings, symbol: str) -> None:
    returns = returns_of(symbol)
    expected = {n: rolling(returns, n) for n in HORIZONS}
    with closing(psycopg2.connect(figures.required("warehouse_dbt_url"))) as connection:
        rows = ask(
            connection,
            """select day, volatility_10, volatility_20, volatility_60, volatility_120, volatility_250
            from intermediate.int_rolling_volatility join marts.dim_symbols using (symbol_id) where symbol = %s""",
            symbol,
        )
    assert {row[0] for row in rows} == returns.keys()
    for day, *values in rows:
        for n, value in zip(HORIZONS, values, strict=True):
            assert value == near(expected[n].get(day)), (n, day)


@pytest.mark.parametrize("symbol", ["WILD", "SPLIT", "GAPPED", "YOUNG", "GONE"])
def test_the_cone_is_least_quartiles_greatest_and_now(published_figures: Connection, symbol: str) -> None:
    rows = ask(
        published_figures,
        """select horizon_days, last_day, rolling_values, least_volatility, lower_quartile, median_volatility,
            upper_quartile, greatest_volatility, volatility_now, percentile_now
        from marts.fct_volatility_cone join marts.dim_symbols using (symbol_id) where symbol = %s order by 1""",
        symbol,
    )
    returns = returns_of(symbol)
    expected: list[tuple[Any, ...]] = []
    for n in HORIZONS:
        values = list(rolling(returns, n).values())
        if values:
            quartiles = statistics.quantiles(values, method="inclusive")
            not_above = sum(value <= values[-1] for value in values)
            figures = (min(values), *quartiles, max(values), values[-1], not_above / len(values))
            expected.append((n, max(returns), len(values), *map(near, figures)))
        else:
            expected.append((n, max(returns), 0, *[None] * 7))
    assert rows == expected


def test_a_young_symbol_has_the_short_horizons_only(published_figures: Connection) -> None:
    """From 2020-05-04 to 06-12 are 30 weekdays and 29 returns: 20 rolling values of 10 days, 10 of 20, none of more."""
    rows = ask(
        published_figures,
        """select rolling_values from marts.fct_volatility_cone join marts.dim_symbols using (symbol_id)
        where symbol = 'YOUNG' order by horizon_days""",
    )
    assert [count for (count,) in rows] == [20, 10, 0, 0, 0]


def test_up_and_down_by_hand(published_figures: Connection) -> None:
    """The last 10 returns are +1% and -1% in turn: mean 0, squared deviations 10 x 0.0001, c4(10) = 0.972659:
    sqrt(252 x 0.001 / 9) / 0.972659 = 0.172036.

    Of the last 250 five are 3%: 245 x 0.0001 + 5 x 0.0009 = 0.029. The sum of all is 2% up or down (of five in
    turn one is left over), their mean 0.00008; 250 x 0.00008^2 off leaves 0.0289984. sqrt(252 x 0.0289984 / 249), by
    c4(250) = 0.998996: 0.171484. Two weeks to the year: 1.00322.
    """
    ((two_weeks, year, ratio),) = ask(
        published_figures,
        """select volatility_two_weeks, volatility_one_year, two_weeks_to_one_year
        from marts.fct_symbol_volatility join marts.dim_symbols using (symbol_id) where symbol = 'UPDOWN'""",
    )
    assert two_weeks == pytest.approx(0.172036, abs=1e-6)
    assert year == pytest.approx(0.171484, abs=1e-6)
    assert ratio == pytest.approx(1.00322, abs=1e-5)


@pytest.mark.parametrize("symbol", ["WILD", "SPLIT", "GAPPED", "GONE", "UPDOWN"])
def test_percentile_and_trend_of_the_latest_window(published_figures: Connection, symbol: str) -> None:
    closes = closes_by_symbol()[symbol]
    windows = windows_of_closes(closes, SPLITS.get(symbol), SESSIONS, MARKET_DATE)
    complete = [window for _, window in sorted(windows.items()) if window.is_complete(MARKET_DATE)]
    latest = complete[-1]
    now = volatility(latest)
    values = [value for value in map(volatility, complete) if value is not None]
    recent = {
        (window.end - latest.end).days // 7: value
        for window in complete
        if window.end > latest.end - timedelta(weeks=8) and (value := volatility(window)) is not None
    }
    ((window_end, found, count, percentile, trend_windows, trend),) = ask(
        published_figures,
        """select window_end, volatility_annualised, windows_with_volatility, volatility_percentile, trend_windows,
            volatility_trend_a_week
        from marts.fct_symbol_volatility join marts.dim_symbols using (symbol_id) where symbol = %s""",
        symbol,
    )
    assert (window_end, found, count, trend_windows) == (latest.end, near(now), len(values), len(recent))
    if now is None:
        assert percentile is None
    elif symbol != "UPDOWN":  # whose windows are equal but for rounding
        assert percentile == pytest.approx(sum(value <= now for value in values) / len(values), rel=1e-12)
    if len(recent) < 7:
        assert trend is None
    else:
        slope = statistics.linear_regression(list(recent), list(recent.values())).slope
        assert trend == pytest.approx(slope / statistics.fmean(recent.values()), rel=1e-9, abs=1e-13)


def test_a_share_that_never_moves_has_no_ratio(published_figures: Connection) -> None:
    (row,) = ask(
        published_figures,
        """select window_end, volatility_annualised, volatility_percentile, trend_windows, volatility_trend_a_week,
            volatility_one_year, two_weeks_to_one_year
        from marts.fct_symbol_volatility join marts.dim_symbols using (symbol_id) where symbol = 'FLAT'""",
    )
    assert row == (LAST_COMPLETE, 0, 1, 8, None, 0, None)


def test_who_has_no_complete_window_has_no_row(published_figures: Connection) -> None:
    rows = ask(
        published_figures, "select symbol from marts.fct_symbol_volatility join marts.dim_symbols using (symbol_id)"
    )
    assert {symbol for (symbol,) in rows} == {symbol for symbol, closes in closes_by_symbol().items() if closes}
