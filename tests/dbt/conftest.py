"""A dbt that builds on the throw-away warehouse, and the small market built by it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest
import small_market
from psycopg2.extensions import connection as Connection
from small_market import Stock

from hedge_master.settings import Settings
from running_dbt import Dbt, dbt_on


@pytest.fixture(scope="session")
def dbt(warehouse_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    return dbt_on(warehouse_settings, tmp_path_factory.mktemp("dbt"))


@pytest.fixture(scope="session")
def stocks() -> dict[str, Stock]:
    return small_market.market()


@pytest.fixture(scope="session")
def published(warehouse_settings: Settings, stocks: dict[str, Stock], dbt: Dbt) -> Iterator[Connection]:
    """The market of these tests, built and published; a connection of the reader's role."""
    with psycopg2.connect(warehouse_settings.required("warehouse_url")) as owner, owner.cursor() as cursor:
        small_market.store(cursor, stocks)
    owner.close()
    built = dbt("build")
    assert built.returncode == 0, built.stdout[-4000:]
    assert dbt("run-operation", "publish_marts").returncode == 0
    reader = psycopg2.connect(warehouse_settings.required("warehouse_reader_url"))
    reader.autocommit = True
    yield reader
    reader.close()
