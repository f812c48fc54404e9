"""A warehouse of these tests' own, with a whole market in it: the others' must stay small and as it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg2
import pytest
from difficult_market import MARKET_DATE, Stock, whole_market, windows_by_symbol
from psycopg2.extensions import connection as Connection
from stored_market import load

from hedge_master.sample_market.real_prices import DEFAULT_FOLDER, PRICES_FILE
from hedge_master.settings import Settings
from oracles.windows import Window
from running_dbt import dbt_on
from throw_away_warehouse import throw_away_warehouse


@pytest.fixture(scope="session")
def stocks(shared: Path) -> dict[str, Stock]:
    wiki = shared / "market_data/prices_wiki.csv.gz"
    for path in (wiki, DEFAULT_FOLDER / PRICES_FILE):
        if not path.is_file():
            pytest.skip(f"no {path}: the real prices are not on this machine")
    return whole_market(wiki, DEFAULT_FOLDER)


@pytest.fixture(scope="session")
def by_oracle(stocks: dict[str, Stock]) -> dict[str, dict[date, Window]]:
    """Symbol -> start -> window, as the oracles cut them."""
    return windows_by_symbol(stocks)


@pytest.fixture(scope="session")
def warehouse_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with throw_away_warehouse(tmp_path_factory.mktemp("numbers")) as settings:
        yield settings


@pytest.fixture(scope="session")
def built(
    stocks: dict[str, Stock], warehouse_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Connection]:
    """The market, loaded and built by dbt with its data tests (its unit tests know no market); reads what dbt made."""
    with psycopg2.connect(warehouse_settings.required("warehouse_url")) as owner, owner.cursor() as cursor:
        for symbol, stock in stocks.items():
            load(cursor, symbol, stock)
        cursor.execute("insert into market.market_dates values ('test', %s, 'sample market')", (MARKET_DATE,))
    owner.close()
    dbt = dbt_on(warehouse_settings, tmp_path_factory.mktemp("numbers_dbt"))
    done = dbt("build", "--exclude-resource-type", "unit_test")
    assert done.returncode == 0, done.stdout[-4000:]
    connection = psycopg2.connect(warehouse_settings.required("warehouse_dbt_url"))
    connection.autocommit = True
    yield connection
    connection.close()
