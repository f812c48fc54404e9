"""A market for the figures of single symbols, built and published on a server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import figures_market
import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from hedge_master.settings import Settings
from running_dbt import dbt_on
from throw_away_warehouse import throw_away_warehouse


@pytest.fixture(scope="session")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The market of figures_market.py, built by dbt with its data tests, and published."""
    with throw_away_warehouse(tmp_path_factory.mktemp("figures")) as settings:
        with closing(psycopg2.connect(settings.required("warehouse_url"))) as owner:
            figures_market.load(owner)
        dbt = dbt_on(settings, tmp_path_factory.mktemp("figures_dbt"))
        built = dbt("build", "--exclude-resource-type", "unit_test")
        assert built.returncode == 0, built.stdout[-4000:]
        assert dbt("run-operation", "publish_marts").returncode == 0
        yield settings


@pytest.fixture(scope="session")
def published_figures(figures: Settings) -> Iterator[Connection]:
    """A connection of the reader's role."""
    with closing(psycopg2.connect(figures.required("warehouse_reader_url"))) as reader:
        reader.autocommit = True
        yield reader
