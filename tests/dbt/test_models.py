"""The models on a small market, against plain loops over the definitions (never against the code under test)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection
from small_market import LAST_COMPLETE, MARKET_DATE, WRONG_UNIT_UNTIL, Stock, windows_by_hand

from declared_models import models
from hedge_master.ranking import Question, top
from hedge_master.settings import Settings
from running_dbt import Dbt


def ask(connection: Connection, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def test_every_window_of_every_stock_is_what_the_definitions_give(
    published: Connection, stocks: dict[str, Stock]
) -> None:
    for symbol, stock in stocks.items():
        rows = ask(
            published,
            """select window_start, days, average_price_usd, price_deviation_usd, volatility_annualised, deviation_pct
            from marts.fct_windows join marts.dim_symbols using (symbol_id) where symbol = %s""",
            symbol,
        )
        expected = windows_by_hand(stock)
        assert {row[0] for row in rows} == expected.keys()
        for start, days, mean, deviation, volatility, pct in rows:
            by_hand = expected[start]
            assert days == by_hand.days
            assert volatility == (
                None if by_hand.volatility is None else pytest.approx(by_hand.volatility, rel=1e-9, abs=1e-9)
            )
            if stock.rate is None:
                assert (mean, deviation, pct) == (None, None, None)
                continue
            assert mean == pytest.approx(by_hand.mean, rel=1e-9)
            assert deviation == (None if by_hand.deviation is None else pytest.approx(by_hand.deviation, rel=1e-9))
            assert pct == (None if deviation is None else pytest.approx(deviation / mean, rel=1e-12))


def test_a_geometric_series_has_no_volatility(published: Connection) -> None:
    (row,) = ask(
        published,
        """select max(volatility_annualised) from marts.fct_windows
        join marts.dim_symbols using (symbol_id) where symbol = 'GEOMETRIC'""",
    )
    assert row[0] == pytest.approx(0, abs=1e-9)


def test_a_split_is_no_storm(published: Connection) -> None:
    """An 8-for-1 split would add one return of -208% to two windows; the widest window stays that of a 2% stock."""
    (row,) = ask(
        published,
        """select max(volatility_annualised) from marts.fct_windows
        join marts.dim_symbols using (symbol_id) where symbol = 'SPLIT'""",
    )
    assert row[0] < 0.8


def test_a_jump_without_a_split_is_flagged_and_kept(published: Connection, stocks: dict[str, Stock]) -> None:
    """WILD's closes fall to a hundredth as the unit is mended; SPLIT's eighth is a split, bars of 1e9 are provisional.

    That WILD's windows of those weeks are kept is what the test of all windows says.
    """
    closes, mended_on = stocks["WILD"].closes, WRONG_UNIT_UNTIL + timedelta(days=3)
    before, close = closes[WRONG_UNIT_UNTIL], closes[mended_on]
    rows = ask(
        published,
        """select symbol, day, flag, severity, ratio, close_before, close from marts.fct_price_flags
        where flag <> 'gap'""",
    )
    ratio = pytest.approx(close / before, rel=1e-12)
    assert rows == [("WILD", mended_on, "jump_without_split", "grave", ratio, before, close)]


def test_the_window_that_has_begun_is_shown_and_not_ranked(published: Connection) -> None:
    rows = ask(published, "select distinct window_end, is_complete from marts.fct_windows order by 1 desc limit 3")
    assert rows == [(date(2020, 6, 21), False), (date(2020, 6, 14), False), (LAST_COMPLETE, True)]


def test_the_past_can_be_asked(published: Connection, warehouse_settings: Settings) -> None:
    """The half year up to the last day of 2019 knows neither the YOUNG stock nor any later window."""
    rows = top(warehouse_settings.required("warehouse_reader_url"), Question("6m", as_of=date(2019, 12, 31)))
    assert next(row.symbol for row in rows) == "WILD"
    assert "YOUNG" not in {row.symbol for row in rows}


def test_the_warehouse_itself_refuses_an_unknown_measure(published: Connection) -> None:
    with pytest.raises(psycopg2.errors.RaiseException, match='measure is "beta": not one of volatility'):
        ask(published, "select * from marts.ranking(interval '1 year', 'beta')")


def test_every_column_that_a_model_really_has_is_described(published: Connection) -> None:
    """By the catalogue, where also a role that may read no row of them sees the columns."""
    rows = ask(
        published,
        """select relname::text, array_agg(attname::text) from pg_attribute
        inner join pg_class on attrelid = pg_class.oid and relkind in ('r', 'v')
        where relnamespace in ('staging'::regnamespace, 'intermediate'::regnamespace, 'marts'::regnamespace)
            and attnum > 0 and not attisdropped
        group by pg_class.oid""",
    )
    built = {name: set(columns) for name, columns in rows}
    described = {name: {column["name"] for column in entry.get("columns", [])} for name, entry in models().items()}
    assert described.keys() <= built.keys()
    differing = {name: built[name] ^ described[name] for name in described}
    assert {name: columns for name, columns in differing.items() if columns} == {}


def test_the_reader_sees_the_marts_and_nothing_else(published: Connection) -> None:
    for table in ("market.prices", "intermediate.int_weeks", "marts_candidate.fct_windows"):
        with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.UndefinedTable)):
            ask(published, f"select * from {table} limit 1")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(published, "update marts.as_of set market_date = '2000-01-01'")


def test_a_failed_test_leaves_the_published_ranking_untouched(
    published: Connection, warehouse_settings: Settings, dbt: Dbt
) -> None:
    """A close of 0 in the store (which the stream would have refused) makes no return: ln(0) fails the model."""
    before = ask(published, "select * from marts.ranking(interval '1 year') order by symbol")
    with psycopg2.connect(warehouse_settings.required("warehouse_url")) as owner, owner.cursor() as cursor:
        cursor.execute("update market.prices set close = 0 where day = %s", (MARKET_DATE,))
    owner.close()
    assert dbt("build").returncode != 0
    assert ask(published, "select * from marts.ranking(interval '1 year') order by symbol") == before


def test_publishing_once_more_does_not_bring_an_older_build_back(published: Connection, dbt: Dbt) -> None:
    before = ask(published, "select built_at from marts.as_of")
    assert dbt("run-operation", "publish_marts").returncode == 0
    assert ask(published, "select built_at from marts.as_of") == before
