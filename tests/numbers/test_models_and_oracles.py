"""Every window of every symbol that the models make, and rankings of them, against the oracles.

Not among the quick tests, whose time is spoken for: a warehouse of its own, 160,000 bars, a whole build.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise

import pytest
from difficult_market import MARKET_DATE, Stock
from psycopg2.extensions import connection as Connection
from stored_market import Row, windows_of_models

from oracles import close_measures, range_estimators
from oracles.as_in_2020 import ranking_of_2020, windows_of_2020
from oracles.ranking import ranking
from oracles.windows import Window

pytestmark = pytest.mark.warehouse

# Column of marts.fct_windows -> its oracle: a new measure is a new line.
MEASURES: dict[str, Callable[[Window], float | None]] = {
    "average_price": close_measures.average_price,
    "average_price_usd": close_measures.average_price_usd,
    "price_deviation": close_measures.price_deviation_local,
    "price_deviation_usd": close_measures.price_deviation_usd,
    "deviation_pct_local": close_measures.deviation_pct_local,
    "deviation_pct": close_measures.deviation_pct,
    "volatility_annualised": close_measures.volatility,
    "volatility_usd_annualised": close_measures.volatility_usd,
    "parkinson_annualised": range_estimators.parkinson,
    "garman_klass_annualised": range_estimators.garman_klass,
    "rogers_satchell_annualised": range_estimators.rogers_satchell,
    "yang_zhang_annualised": range_estimators.yang_zhang,
    "greatest_absolute_move": close_measures.greatest_absolute_move,
    "turnover_usd": close_measures.turnover_usd,
    "fx_variance_share": close_measures.fx_variance_share,
}
RELATIVE_ERROR = 1e-9


@pytest.fixture(scope="module")
def by_models(built: Connection) -> dict[str, dict[date, Row]]:
    return windows_of_models(built)


def test_the_models_make_the_windows_that_the_oracles_cut(
    by_models: dict[str, dict[date, Row]], by_oracle: dict[str, dict[date, Window]]
) -> None:
    assert sum(map(len, by_oracle.values())) > 30_000
    assert by_models.keys() == by_oracle.keys()
    for symbol, windows in by_oracle.items():
        expected = {
            start: (
                window.end,
                window.is_complete(MARKET_DATE),
                len(window.days),
                sum(day.log_return is not None for day in window.days),
                sum(day.bar.is_consistent for day in window.days),
            )
            for start, window in windows.items()
        }
        found = {
            start: (row["window_end"], row["is_complete"], row["days"], row["returns"], row["bars"])
            for start, row in by_models[symbol].items()
        }
        assert found == expected, symbol


@pytest.mark.parametrize("column", MEASURES)
def test_every_window_has_the_value_that_its_oracle_gives(
    by_models: dict[str, dict[date, Row]], by_oracle: dict[str, dict[date, Window]], column: str
) -> None:
    wrong = []
    for symbol, windows in by_oracle.items():
        for start, window in windows.items():
            expected, found = MEASURES[column](window), by_models[symbol][start][column]
            if expected is None or found is None:
                if expected is not found:
                    wrong.append((symbol, start, expected, found))
            elif abs(found - expected) > RELATIVE_ERROR * abs(expected):
                wrong.append((symbol, start, expected, found))
    assert not wrong, f"{len(wrong)} windows of {column}; symbol, start, by the oracle, by the models: {wrong[:5]}"


@pytest.mark.parametrize(("scaled", "plain"), [("FB.CHEAP", "FB"), ("MSFT.REV", "MSFT")])
def test_volatility_knows_no_scale(by_models: dict[str, dict[date, Row]], scaled: str, plain: str) -> None:
    """FB at 0.0137 of its prices, and MSFT with two reverse splits of 1:1000, each inside two windows: as without.

    Not so prices, their deviations and the turnover. MSFT's first windows lack what came before 2010.
    """
    measures = [name for name in MEASURES if "price" not in name and name != "turnover_usd"]
    starts = [start for start in by_models[scaled] if start >= date(2010, 1, 11)]
    assert len(starts) > 200
    for start in starts:
        found = [by_models[scaled][start][name] for name in measures]
        expected = [by_models[plain][start][name] for name in measures]
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12), start


def test_no_measure_is_without_an_oracle(built: Connection) -> None:
    with built.cursor() as cursor:
        cursor.execute(
            """select column_name from information_schema.columns
            where table_schema = 'marts_candidate' and table_name = 'fct_windows' and data_type = 'double precision'"""
        )
        assert {column for (column,) in cursor} == MEASURES.keys()


@pytest.mark.parametrize("measure", ["volatility", "price_deviation"])
@pytest.mark.parametrize(
    ("look_back", "as_of"),
    [
        ("1 year", date(2016, 6, 10)),
        ("52 weeks", date(2016, 6, 12)),
        ("6 months", date(2010, 3, 31)),
        ("10 years", date(2013, 12, 31)),
        ("40 years", date(2013, 12, 31)),
        ("1 year", date(2004, 2, 29)),
        ("9 days", date(2015, 1, 14)),
        ("1 year", MARKET_DATE),
    ],
)
def test_the_ranking_is_the_plain_average(
    built: Connection, by_oracle: dict[str, dict[date, Window]], measure: str, look_back: str, as_of: date
) -> None:
    oracle = {"volatility": close_measures.volatility, "price_deviation": close_measures.price_deviation_usd}[measure]
    with built.cursor() as cursor:
        cursor.execute("select (%s::date - %s::interval)::date", (as_of, look_back))
        ((starts_on,),) = cursor.fetchall()
        cursor.execute(
            """select symbol, value, windows_expected from marts_candidate.ranking(
                %s::interval, %s, %s, with_untradable => true, with_flagged => true
            )
            where rank is not null order by rank""",
            (look_back, measure, as_of),
        )
        found = {symbol: (value, expected) for symbol, value, expected in cursor}
    values = {
        symbol: {window.end: oracle(window) for window in windows.values() if window.is_complete(MARKET_DATE)}
        for symbol, windows in by_oracle.items()
    }
    ranked = {place.symbol: place for place in ranking(values, starts_on, as_of) if place.rank is not None}
    assert len(ranked) > 3
    assert found.keys() == ranked.keys()
    for symbol, (value, windows_expected) in found.items():
        assert value == pytest.approx(ranked[symbol].value, rel=RELATIVE_ERROR)
        assert windows_expected == ranked[symbol].expected
    # Some stocks are there from both sources: their means are one to the last digits, and so is their place.
    for ahead, behind in pairwise(ranked[symbol].value or 0 for symbol in found):
        assert ahead >= behind * (1 - RELATIVE_ERROR)


def test_windows_after_the_last_split_are_those_of_2020(
    by_models: dict[str, dict[date, Row]], stocks: dict[str, Stock]
) -> None:
    """To the half of the fourth decimal that 2020 rounded away: US stocks, whose weeks have no session at week-ends."""
    compared = 0
    for symbol in ("AAPL", "BA", "FB", "GE", "KO", "MSFT"):
        last_split = max(stocks[symbol].splits, default=date.min)
        closes = {bar.day: bar.close for bar in stocks[symbol].bars}
        for old in windows_of_2020(closes, MARKET_DATE):
            if old.start >= last_split:
                row = by_models[symbol][old.start + timedelta(days=2)]
                assert row["average_price_usd"] == pytest.approx(old.average_price, abs=5.001e-5)
                assert row["price_deviation_usd"] == pytest.approx(old.price_deviation, abs=5.001e-5)
                compared += 1
    assert compared > 2_000


def test_the_ranking_from_sunday_to_sunday_is_that_of_2020(built: Connection, stocks: dict[str, Stock]) -> None:
    """52 weeks up to 2016-06-12, two years after the last split of these five."""
    as_of, symbols = date(2016, 6, 12), ["AAPL", "AMZN", "FB", "KO", "MSFT"]
    windows = {
        symbol: windows_of_2020({bar.day: bar.close for bar in stocks[symbol].bars}, as_of) for symbol in symbols
    }
    expected = ranking_of_2020(windows, as_of - timedelta(weeks=52), as_of)
    with built.cursor() as cursor:
        cursor.execute(
            """select symbol, value from marts_candidate.ranking(
                interval '52 weeks', 'price_deviation', %s, with_untradable => true, with_flagged => true
            )
            where rank is not null and symbol = any(%s) order by rank""",
            (as_of, symbols),
        )
        found = cursor.fetchall()
    assert found == [(symbol, pytest.approx(value, abs=5.001e-5)) for symbol, value in expected]
    assert len(found) == len(symbols)
