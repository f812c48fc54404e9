"""Earnings influence, cone, percentile and trend of every symbol of the real prices, against oracles and numpy."""

from __future__ import annotations

import math
import statistics
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from difficult_market import MARKET_DATE
from psycopg2.extensions import connection as Connection

from oracles.close_measures import price_deviation_usd, volatility
from oracles.earnings_influence import HALF_MONTHS_OF_2020, TRUE_HALF_MONTHS, influence, influence_in_dollars
from oracles.sample_statistics import c4
from oracles.windows import Window

pytestmark = pytest.mark.warehouse

HORIZONS, LONGEST_CONE = (10, 20, 60, 120, 250), 1250
RELATIVE_ERROR = 1e-9
Windows = dict[str, dict[date, Window]]


def near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=RELATIVE_ERROR, abs=1e-15)


def rows_of(built: Connection, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with built.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


@pytest.mark.parametrize("season", ["reporting", "2020"])
@pytest.mark.parametrize("measure", ["volatility", "price_deviation"])
@pytest.mark.parametrize(
    ("look_back", "as_of"),
    [
        ("1 year", date(2016, 6, 10)),
        ("6 months", date(2010, 3, 31)),
        ("10 years", date(2013, 12, 31)),
        ("40 years", date(2013, 12, 31)),
        ("17 days", date(2015, 1, 20)),
        ("1 year", MARKET_DATE),
    ],
)
def test_influence_is_that_of_the_plain_means(
    built: Connection, by_oracle: Windows, measure: str, season: str, look_back: str, as_of: date
) -> None:
    of_window, of_symbol = {
        "volatility": (volatility, influence),
        "price_deviation": (price_deviation_usd, influence_in_dollars),
    }[measure]
    ((starts_on,),) = rows_of(built, "select (%s::date - %s::interval)::date", as_of, look_back)
    half_months = {"reporting": TRUE_HALF_MONTHS, "2020": HALF_MONTHS_OF_2020}[season]
    found = dict(
        rows_of(
            built,
            "select symbol, influence from marts_candidate.earnings_influence(%s::interval, %s, %s, %s)",
            *(look_back, measure, season, as_of),
        )
    )
    assert found.keys() == by_oracle.keys()
    compared = 0
    for symbol, windows in by_oracle.items():
        values = {window.end: of_window(window) for window in windows.values() if window.is_complete(MARKET_DATE)}
        expected = of_symbol(values, starts_on, as_of, half_months)
        assert found[symbol] == (None if expected is None else pytest.approx(expected, rel=RELATIVE_ERROR)), symbol
        compared += expected is not None
    assert compared > 3


def returns_of(windows: dict[date, Window]) -> dict[date, float]:
    """Day -> log return in the quoted currency, by day."""
    days = {day.bar.day: day.log_return for window in windows.values() for day in window.days}
    return {day: move for day, move in sorted(days.items()) if move is not None}


def test_the_cone_is_that_of_numpy(built: Connection, by_oracle: Windows) -> None:
    rows = rows_of(
        built,
        """select symbol, horizon_days, last_day, rolling_values, least_volatility, lower_quartile, median_volatility,
            upper_quartile, greatest_volatility, volatility_now
        from marts_candidate.fct_volatility_cone join marts_candidate.dim_symbols using (symbol_id)""",
    )
    found = {(symbol, horizon): values for symbol, horizon, *values in rows}
    full = 0
    for symbol, windows in by_oracle.items():
        returns = returns_of(windows)
        moves = np.array(list(returns.values()))
        for n in HORIZONS:
            last_day, count, *values = found.pop((symbol, n))
            assert last_day == max(returns)
            if len(moves) < n:
                assert (count, set(values)) == (0, {None})
                continue
            stretches = np.lib.stride_tricks.sliding_window_view(moves, n)[-LONGEST_CONE:]
            rolling = stretches.std(axis=1, ddof=1) * math.sqrt(252) / c4(n)
            assert count == len(rolling)
            expected = [*np.quantile(rolling, [0, 0.25, 0.5, 0.75, 1]), rolling[-1]]
            assert values == [near(value) for value in expected], (symbol, n)
            full += count == LONGEST_CONE
    assert not found
    assert full > 50


def test_percentile_and_trend_are_those_of_plain_loops(built: Connection, by_oracle: Windows) -> None:
    rows = rows_of(
        built,
        """select symbol, window_end, volatility_annualised, windows_with_volatility, volatility_percentile,
            trend_windows, volatility_trend_a_week
        from marts_candidate.fct_symbol_volatility join marts_candidate.dim_symbols using (symbol_id)""",
    )
    assert {symbol for symbol, *_ in rows} == by_oracle.keys()
    for symbol, window_end, now, count, percentile, trend_windows, trend in rows:
        complete = {
            window.end: volatility(window) for window in by_oracle[symbol].values() if window.end <= MARKET_DATE
        }
        last = max(complete)
        values = [value for value in complete.values() if value is not None]
        recent = {
            (end - last).days / 7: value
            for end, value in complete.items()
            if value is not None and end > last - timedelta(weeks=8)
        }
        assert (window_end, now, count, trend_windows) == (last, near(complete[last]), len(values), len(recent))
        latest = complete[last]
        if latest is not None and symbol != "FLAT":
            # Windows that only rounding sets apart may fall on either side.
            least = sum(value < latest * (1 - RELATIVE_ERROR) for value in values)
            most = sum(value <= latest * (1 + RELATIVE_ERROR) for value in values)
            assert least / count < percentile <= most / count, symbol
        mean = statistics.fmean(recent.values()) if recent else 0
        if len(recent) < 7 or mean == 0:
            assert trend is None
        else:
            slope = statistics.linear_regression(list(recent), list(recent.values())).slope
            assert trend == pytest.approx(slope / mean, rel=RELATIVE_ERROR, abs=1e-12), symbol
